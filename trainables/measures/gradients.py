"""Norms of the loss gradient by layer, on one fixed batch: whether it vanishes or explodes with depth.

The loss is the mean cross-entropy of the first training images in their stored order, without
augmentation, in evaluation mode, so that two readings differ by the parameters alone. A layer is a weight
matrix or kernel, in the order of definition; biases, norms and scalars have no entry.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ablations.errors import Json
from trainables.data.tensors import Tensors

NUM_IMAGES = 256
# Stands in for a norm of zero, so that a dead network has a ratio and a logarithm.
SMALLEST = 1e-30


def measure_gradients(module: nn.Module, data: Tensors, _settings: Mapping[str, Json]) -> dict[str, float]:
    """Norms of all layers, the first and the last, and their ratio; `gradient_norm.3` is the third's."""
    with torch.enable_grad():
        loss = F.cross_entropy(module(data.train.x[:NUM_IMAGES]), data.train.y[:NUM_IMAGES])
        return gradient_norms(module, loss)


def gradient_norms(module: nn.Module, loss: Tensor) -> dict[str, float]:
    """The same for any network and a loss that it gave; gradients held by parameters are left alone."""
    weights = [
        parameter for parameter in module.parameters() if parameter.ndim > 1 and parameter.requires_grad
    ]
    grads = torch.autograd.grad(loss, weights, allow_unused=True)
    norms = [0.0 if g is None else float(torch.linalg.vector_norm(g.double())) for g in grads]
    first, last = max(norms[0], SMALLEST), max(norms[-1], SMALLEST)
    whole = sum(norm**2 for norm in norms) ** 0.5
    return {
        "gradient_norm": max(whole, SMALLEST),
        "gradient_norm_first": first,
        "gradient_norm_last": last,
        "gradient_ratio": first / last,
    } | {f"gradient_norm.{layer}": norm for layer, norm in enumerate(norms, 1)}
