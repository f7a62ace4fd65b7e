"""What came back: trials as arms by seeds, scores within seeds, and the winners of searches."""
