"""Several trials in one worker: what a pack offers, how it is filled and sized."""
