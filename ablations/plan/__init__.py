"""What a study will do, computed without doing it: the compiled design, its cost and its power."""
