"""Code written by `python -m trainables.activations.fused.source`."""
