"""Training code in PyTorch: activations, models, data, loops and measures."""
