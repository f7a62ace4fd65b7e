"""Measures that a study can switch on: numbers from a trained classifier, read once at the end."""

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from ablations.errors import Json
from ablations.manifest import name_at
from trainables.activations.dynact import DynActivation
from trainables.data.tensors import Tensors
from trainables.measures.fgsm import fgsm, pgd, robustness
from trainables.measures.linearity import linearity, thirds

# Images looked at for linearity; a layer's energies are means, which settle long before this many.
NUM_LOOKED_AT = 1000


def measure_fgsm(module: nn.Module, data: Tensors, settings: Mapping[str, Json]) -> dict[str, float]:
    """Accuracy under the fast gradient sign method on the test images, and how much of it that costs."""
    return _attacked("fgsm", fgsm, module, data, settings)


def measure_pgd(module: nn.Module, data: Tensors, settings: Mapping[str, Json]) -> dict[str, float]:
    """The same under projected gradient descent."""
    num_steps = settings["pgd_steps"]
    assert isinstance(num_steps, int)
    return _attacked("pgd", partial(pgd, num_steps=num_steps), module, data, settings)


def _attacked(
    name: str,
    attack: Callable[..., Tensor],
    module: nn.Module,
    data: Tensors,
    settings: Mapping[str, Json],
) -> dict[str, float]:
    """Readings of one attack. Units: shares of images; the drop is a difference of shares."""
    mean, std = data.pixel_statistics()

    def classify(pixels: Tensor) -> Tensor:
        return module((pixels - mean) / std)  # type: ignore[no-any-return]

    pixels = data.test.x * std + mean

    def readings(epsilon: Json) -> dict[str, float]:
        assert isinstance(epsilon, int | float)
        found = robustness(classify, pixels, data.test.y, float(epsilon), attack=attack)
        return {
            f"{name}_accuracy": found.robust,
            f"{name}_clean_accuracy": found.clean,
            f"{name}_drop": found.drop,
            f"{name}_relative_drop": found.relative_drop,
        }

    metrics = readings(settings[f"{name}_epsilon"])
    more = settings.get(f"{name}_epsilons")
    for epsilon in more if isinstance(more, list) else []:
        assert isinstance(epsilon, int | float)
        metrics |= {name_at(metric, epsilon): value for metric, value in readings(epsilon).items()}
    return metrics


def measure_linearity(module: nn.Module, data: Tensors, _settings: Mapping[str, Json]) -> dict[str, float]:
    """How linear the activations are on test images: two readings, over layers, in thirds and by layer."""
    return activation_linearity(module, data.test.x[:NUM_LOOKED_AT])


def activation_linearity(module: nn.Module, inputs: Tensor) -> dict[str, float]:
    """The same of any module and what it takes."""
    seen: list[tuple[DynActivation, Tensor]] = []

    def remember(layer: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        assert isinstance(layer, DynActivation)
        seen.append((layer, inputs[0].detach()))

    layers = [layer for layer in module.modules() if isinstance(layer, DynActivation)]
    hooks = [layer.register_forward_hook(remember) for layer in layers]
    try:
        with torch.no_grad():
            module(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    found = [linearity(x, layer.base(x), **_scalars(layer, x)) for layer, x in seen]
    shares, straight = [each.linear_share for each in found], [each.straightness for each in found]
    return {
        "linear_share": sum(shares) / len(shares),
        "straightness": sum(straight) / len(straight),
        **thirds("linear_share", shares),
        **thirds("straightness", straight),
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
