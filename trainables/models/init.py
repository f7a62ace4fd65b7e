"""Initial weights, drawn on the CPU from streams keyed by seed and parameter name.

The same seed gives the same values to parameters of the same name and shape in every arm, whatever
else the network has.
"""

import math
from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trainables.streams import stream

WeightInit = Literal["torch", "he", "xavier", "orthogonal"]


def draw_linear(
    seed: int, name: str, *, inputs: int, outputs: int, how: WeightInit
) -> tuple[Float[Tensor, "outputs inputs"], Float[Tensor, " outputs"]]:
    """Weight and bias of the linear layer `name`.

    Source: "torch" is nn.Linear's own (uniform up to 1 / sqrt(inputs), bias too); "he" is normal with
    gain sqrt 2 (arXiv 1502.01852); "xavier" is uniform with gain 1 (Glorot and Bengio, AISTATS 2010);
    "orthogonal" has gain 1 (arXiv 1312.6120). The last three start with a bias of 0.
    """
    weight = torch.empty(outputs, inputs)
    generator = stream(seed, f"init/{name}.weight")
    _FILLS[how](weight, generator)
    bias = torch.zeros(outputs)
    if how == "torch":
        bound = 1 / math.sqrt(inputs)
        bias.uniform_(-bound, bound, generator=stream(seed, f"init/{name}.bias"))
    return weight, bias


def draw_weights(network: nn.Module, seed: int, how: WeightInit) -> None:
    """Draw the weights of all convolutions and linear layers anew, by their names; their biases become 0."""
    with torch.no_grad():
        for name, layer in network.named_modules():
            if isinstance(layer, nn.Linear | nn.Conv2d):
                weight = torch.empty(layer.weight.shape)
                _FILLS[how](weight, stream(seed, f"init/{name}.weight"))
                layer.weight.copy_(weight)
                if layer.bias is not None:
                    layer.bias.zero_()


def _torch(weight: Tensor, generator: torch.Generator) -> None:
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)


def _he(weight: Tensor, generator: torch.Generator) -> None:
    nn.init.kaiming_normal_(weight, nonlinearity="relu", generator=generator)


def _xavier(weight: Tensor, generator: torch.Generator) -> None:
    nn.init.xavier_uniform_(weight, generator=generator)


def _orthogonal(weight: Tensor, generator: torch.Generator) -> None:
    nn.init.orthogonal_(weight, generator=generator)


_FILLS: dict[str, Callable[[Tensor, torch.Generator], None]] = {
    "torch": _torch,
    "he": _he,
    "xavier": _xavier,
    "orthogonal": _orthogonal,
}
