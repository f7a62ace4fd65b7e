"""The fused activation: operators, kernels and what they are generated from."""
