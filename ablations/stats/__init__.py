"""Estimators and tests on scores: one row an effect, one column a seed, no holes."""
