"""Perceptrons in packs: flat rows of parameters, stacked or in compiled steps."""
