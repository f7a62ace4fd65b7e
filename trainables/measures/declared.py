"""Measures that a study can switch on: numbers from a trained classifier, read once at the end."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ablations.errors import Json
from trainables.activations.dynact import DynActivation
from trainables.data.tensors import Tensors
from trainables.measures.fgsm import robustness
from trainables.measures.linearity import linearity

# Images looked at for linearity; a layer's energies are means, which settle long before this many.
NUM_LOOKED_AT = 1000


def measure_fgsm(module: nn.Module, data: Tensors, settings: Mapping[str, Json]) -> dict[str, float]:
    """Accuracy under the fast gradient sign method on the test images, and how much of it that costs.

    Units: shares of images; the drop is a difference of shares.
    """
    mean, std = data.pixel_statistics()

    def classify(pixels: Tensor) -> Tensor:
        return module((pixels - mean) / std)  # type: ignore[no-any-return]

    epsilon = settings["fgsm_epsilon"]
    assert isinstance(epsilon, int | float)
    found = robustness(classify, data.test.x * std + mean, data.test.y, float(epsilon))
    return {"fgsm_accuracy": found.robust, "fgsm_drop": found.drop}


def measure_linearity(module: nn.Module, data: Tensors, _settings: Mapping[str, Json]) -> dict[str, float]:
    """How linear the activations are on test images: the mean over layers of two readings."""
    seen: list[tuple[DynActivation, Tensor]] = []

    def remember(layer: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        assert isinstance(layer, DynActivation)
        seen.append((layer, inputs[0].detach()))

    layers = [layer for layer in module.modules() if isinstance(layer, DynActivation)]
    hooks = [layer.register_forward_hook(remember) for layer in layers]
    try:
        with torch.no_grad():
            module(data.test.x[:NUM_LOOKED_AT])
    finally:
        for hook in hooks:
            hook.remove()
    found = [linearity(x, layer.base(x), **_scalars(layer, x)) for layer, x in seen]
    return {
        "linear_share": sum(each.linear_share for each in found) / len(found),
        "straightness": sum(each.straightness for each in found) / len(found),
    }


def _scalars(layer: DynActivation, x: Tensor) -> dict[str, Tensor]:
    if layer.scalars is None:
        return {"alpha": torch.ones(()), "beta": torch.zeros(())}
    shape = [1] * x.ndim
    shape[layer.channel_dim] = -1
    alpha, beta = layer.scalars.alpha.detach().double(), layer.scalars.beta.detach().double()
    return (
        {"alpha": alpha.view(shape), "beta": beta.view(shape)}
        if alpha.ndim
        else {"alpha": alpha, "beta": beta}
    )


Measure = Callable[[nn.Module, Tensors, Mapping[str, Json]], Mapping[str, float]]
