"""What the abstract of arXiv 2603.22154 claims, and what finished studies say about it."""
