"""What a few strata (models, datasets) tell about all those they were taken from."""

MIN_STRATA = 3
"""Fewer tell nothing of the others; it stands here as studies are checked without scipy."""
