"""What is asked of a design: pairs of arms and the rows of every contrast."""
