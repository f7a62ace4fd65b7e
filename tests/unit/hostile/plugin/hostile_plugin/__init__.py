"""Trainings that do to their worker what no training should."""
