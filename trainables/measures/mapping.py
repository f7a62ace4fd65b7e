"""How linear a network is as a map from its input, by depth.

For the logits, and for the output of every activation, the best affine map from the input pixels is
fitted by ridge regression on training images; its share of explained variance on test images, at least 0,
says how much of that output is a linear function of the input. 1 = linear up to this depth.

Source: after the linearity score of Razzhigaev et al., "Your transformer is secretly linear", arXiv
2405.12250, with two changes: from the input instead of from layer to layer, and on held-out images, for
with as many pixels as images any output is a linear function of the input in the sample.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ablations.errors import Json
from trainables.activations.dynact import DynActivation
from trainables.data.tensors import Tensors
from trainables.measures.linearity import thirds
from trainables.streams import stream

NUM_FITTED, NUM_SCORED = 8192, 2000
# Outputs of an activation are looked at along this many random directions: their mean explained share is
# that of the whole output, weighted by variance, up to noise.
NUM_DIRECTIONS = 64
# Of the mean eigenvalue of the inputs' covariance.
RIDGE = 1e-3
BATCH = 256


@torch.no_grad()
def measure_network_linearity(
    module: nn.Module, data: Tensors, _settings: Mapping[str, Json]
) -> dict[str, float]:
    """Explained variance of the logits and, in thirds and by layer, of the activations' outputs."""
    fitted = outputs(module, data.train.x[:NUM_FITTED])
    scored = outputs(module, data.test.x[:NUM_SCORED])
    shares = explained(data.train.x[:NUM_FITTED], fitted, data.test.x[:NUM_SCORED], scored)
    layers = shares[:-1]
    return {"network_linear_fit": shares[-1]} | thirds("network_linear_fit", layers)


def outputs(module: nn.Module, x: Float[Tensor, "images inputs"]) -> list[Float[Tensor, "images features"]]:
    """Outputs of every activation in order of use, projected, and the logits last; in float64."""
    batches = [_outputs(module, x[start : start + BATCH]) for start in range(0, len(x), BATCH)]
    return [torch.cat(parts) for parts in zip(*batches, strict=True)]


def _outputs(module: nn.Module, x: Tensor) -> list[Tensor]:
    seen: list[Tensor] = []

    def remember(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
        # Sequence models hold a batch of positions: the batch is the first dimension everywhere.
        seen.append(_project(output.detach().flatten(1)))

    layers = [layer for layer in module.modules() if isinstance(layer, DynActivation)]
    hooks = [layer.register_forward_hook(remember) for layer in layers]
    try:
        logits = module(x)
    finally:
        for hook in hooks:
            hook.remove()
    return [*seen, logits.double()]


def _project(features: Tensor) -> Tensor:
    """Features along random directions, the same for every layer and network of this width."""
    width = features.shape[1]
    if width <= NUM_DIRECTIONS:
        return features.double()
    directions = torch.randn(width, NUM_DIRECTIONS, generator=stream(0, "directions"), dtype=torch.float32)
    return (features.float() @ directions.to(features.device)).double()


def explained(
    x: Float[Tensor, "fitted inputs"],
    y: list[Float[Tensor, "fitted _"]],
    x_new: Float[Tensor, "scored inputs"],
    y_new: list[Float[Tensor, "scored _"]],
) -> list[float]:
    """Share of variance that the affine map fitted to (x, y) explains of each new y; 1 where it has none."""
    x, x_new = x.double(), x_new.double()
    center = x.mean(0)
    x, x_new = x - center, x_new - center
    gram = x.T @ x
    gram.diagonal().add_(RIDGE * gram.diagonal().mean())
    factor = torch.linalg.cholesky(gram)
    found = []
    for known, new in zip(y, y_new, strict=True):
        mean = known.mean(0)
        weights = torch.cholesky_solve(x.T @ (known - mean), factor)
        missed = float((new - mean - x_new @ weights).square().sum())
        total = float((new - new.mean(0)).square().sum())
        found.append(max(0.0, 1.0 - missed / total) if total > 1e-24 else 1.0)
    return found
