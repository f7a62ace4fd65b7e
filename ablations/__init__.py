"""Designs, statistics and reports of ablation studies; pure, without I/O."""
