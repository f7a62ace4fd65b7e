"""One member while it trains: flat parameters, scalars, and what the optimizer remembers of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from trainables.activations.bases import Base
from trainables.activations.settings import ALPHA_INIT, BETA_INIT, Kind
from trainables.models.init import WeightInit, draw_linear
from trainables.models.mlp import MLP
from trainables.perceptrons.layout import LinearBlock, RowLayout


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What decides how a member is computed: depth, base function, scalars, dropout, the loss."""

    depth: int
    base: Base
    scalars: Kind = "none"
    dropout: float = 0.0
    label_smoothing: float = 0.0

    @property
    def num_scalars(self) -> int:
        """How many layers have scalars of their own."""
        return {"none": 0, "shared": 1}.get(self.scalars, self.depth)


@dataclass(slots=True)
class MemberState:
    """Tensors of one member; while it is in a stack, they are views of the stack's rows.

    weights: [length]; scalars: [layers, 2, channels], alpha then beta. The optimizer's moments have the
    shape of what they belong to.
    """

    weights: Tensor
    scalars: Tensor
    moments: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict)

    def copy(self) -> "MemberState":
        """Parameters of its own memory, without the optimizer's."""
        return MemberState(weights=self.weights.clone(), scalars=self.scalars.clone())

    def tensors(self) -> dict[str, Any]:
        """All of it in memory of its own: a view would be saved with the whole stack."""
        moments = {name: (weights.clone(), own.clone()) for name, (weights, own) in self.moments.items()}
        return {"weights": self.weights.clone(), "scalars": self.scalars.clone(), "moments": moments}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Any], device: str) -> Self:
        """The state of such tensors."""
        moments = {name: (w.to(device), own.to(device)) for name, (w, own) in tensors["moments"].items()}
        return cls(
            weights=tensors["weights"].to(device), scalars=tensors["scalars"].to(device), moments=moments
        )


def initial_state(
    layout: RowLayout,
    shape: Shape,
    *,
    seed: int,
    how: WeightInit,
    alpha_init: float = ALPHA_INIT,
    beta_init: float = BETA_INIT,
    device: str = "cpu",
) -> MemberState:
    """The member before training, drawn on the CPU."""
    row = torch.zeros(1, layout.length(shape.depth))
    blocks = {f"layers.{i}": layout.layer(i) for i in range(shape.depth)} | {"head": layout.head}
    for name, block in blocks.items():
        weight, bias = draw_linear(seed, name, inputs=block.inputs, outputs=block.outputs, how=how)
        block.weight(row)[0].copy_(weight.t())
        block.bias(row)[0, 0].copy_(bias)
    channels = layout.width if shape.scalars == "per_channel" else 1
    scalars = torch.empty(shape.num_scalars, 2, channels)
    scalars[:, 0], scalars[:, 1] = alpha_init, beta_init
    return MemberState(weights=row[0].to(device), scalars=scalars.to(device))


def to_module(layout: RowLayout, shape: Shape, state: MemberState) -> MLP:
    """The member as a plain module with its own copy of the parameters."""
    model = MLP(
        inputs=layout.inputs,
        num_classes=layout.num_classes,
        depth=shape.depth,
        width=layout.width,
        base=shape.base,
        scalars=shape.scalars,
        dropout=shape.dropout,
    ).to(state.weights.device)
    row = state.weights.unsqueeze(0)

    def fill(layer: torch.nn.Linear, block: LinearBlock) -> None:
        layer.weight.copy_(block.weight(row)[0].t())
        layer.bias.copy_(block.bias(row)[0, 0])

    with torch.no_grad():
        fill(model.head, layout.head)
        for index, layer in enumerate(model.layers):
            fill(layer, layout.layer(index))  # type: ignore[arg-type]
        for index, activation in enumerate(model.activations):
            scalars = activation.scalars
            if isinstance(scalars, torch.nn.Module):
                alpha, beta = state.scalars[min(index, len(state.scalars) - 1)]
                scalars.alpha.copy_(alpha.reshape(scalars.alpha.shape))  # type: ignore[operator]
                scalars.beta.copy_(beta.reshape(scalars.beta.shape))  # type: ignore[operator]
    return model
