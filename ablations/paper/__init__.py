"""The first science case, arXiv 2603.22154: its presets and its claims."""
