"""Members of a pack in stacked tensors: their parameters, and the runs that share a base function.

Members are ordered by depth, deepest first, so that layer l is computed for a prefix of them; within a
depth by base function and kind of scalars, so that an activation is one call for a run of members.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.activations.bases import Base
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.state import MemberState, Shape

# Elementwise kernels do 32 floats at a time and the rest one by one, rounding exp and tanh differently.
# A member's elements are a multiple of this, so that none of them is ever in such a rest.
CHUNK = 32


def padded_rows(num_rows: int, width: int, threads: int) -> int:
    """The batch rows to compute for `num_rows`, so that elements fill whole chunks in every thread."""
    chunks = CHUNK * math.lcm(*range(1, min(threads, 4) + 1))
    multiple = chunks // math.gcd(chunks, width)
    return -(-num_rows // multiple) * multiple


def sort_key(shape: Shape) -> tuple[int, str, str]:
    """Members in this order can be stacked."""
    return -shape.depth, shape.base.name, _category(shape)


def _category(shape: Shape) -> str:
    return {"none": "static", "per_channel": "channel"}.get(shape.scalars, "scalar")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedBase:
    """Neighbouring members that apply the same activation in one layer; `last` if it is their last layer."""

    start: int
    stop: int
    base: Base
    category: str
    last: bool


class Stack:
    """Rows of parameters, gradients and moments for some members, and views of them by layer.

    On construction each member's tensors are copied in and its state is pointed at the copy. Without
    `train` there are no gradients.
    """

    def __init__(
        self, layout: RowLayout, shapes: Sequence[Shape], states: Sequence[MemberState], *, train: bool = True
    ) -> None:
        self.layout = layout
        self.shapes = tuple(shapes)
        self.depth = max(shape.depth for shape in shapes)
        self.device = states[0].weights.device
        self.active = tuple(sum(shape.depth > layer for shape in shapes) for layer in range(self.depth))
        self._gather(states)
        self.weight_grads = torch.zeros_like(self.weights if train else self.weights[:0])
        self.scalar_grads = torch.zeros_like(self.scalars)
        self.channel_grads = torch.zeros_like(self.channels)
        # The layer in which the scalars of layer l are kept: its own, or the first for shared ones.
        kept = [[0 if s.scalars == "shared" else layer for layer in range(self.depth)] for s in shapes]
        self._kept = torch.tensor(kept, device=self.device)[:, :, None].expand(-1, -1, 2)
        self.used_scalars = torch.zeros_like(self.scalars)
        self._shared = tuple(i for i, shape in enumerate(shapes) if shape.scalars == "shared")
        self.layers = tuple(layout.layer(index) for index in range(self.depth))
        views = [(block, self.active[i]) for i, block in enumerate(self.layers)]
        self.layer_weights = tuple(block.weight(self.weights[:n]) for block, n in views)
        self.layer_biases = tuple(block.bias(self.weights[:n]) for block, n in views)
        self.head_weight, self.head_bias = layout.head.weight(self.weights), layout.head.bias(self.weights)

    def __len__(self) -> int:
        return len(self.shapes)

    def runs(self, layer: int) -> Iterator[SharedBase]:
        """The members that have this layer, in runs that share an activation."""

        def kind(index: int) -> tuple[str, str, bool]:
            shape = self.shapes[index]
            return shape.base.name, _category(shape), shape.depth == layer + 1

        for (_, category, last), group in itertools.groupby(range(self.active[layer]), kind):
            members = list(group)
            base = self.shapes[members[0]].base
            yield SharedBase(start=members[0], stop=members[-1] + 1, base=base, category=category, last=last)

    def alpha_beta(self, run: SharedBase, layer: int) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """Views of the scalars that a run uses in this layer, [members, 1, channels or 1]."""
        return _pair(run, self.used_scalars, self.channels, layer)

    def alpha_beta_grads(self, run: SharedBase, layer: int) -> tuple[Tensor, Tensor] | tuple[None, None]:
        """Views of where their gradients go."""
        return _pair(run, self.scalar_grads, self.channel_grads, layer)

    def use_scalars(self) -> None:
        """Bring the scalars to the layers that use them; before every forward pass."""
        torch.gather(self.scalars, 1, self._kept, out=self.used_scalars)

    def collect_shared(self) -> None:
        """Sum the gradients of shared scalars over layers; after every backward pass."""
        for index in self._shared:
            grads = self.scalar_grads[index, : self.shapes[index].depth]
            grads[0] = grads.sum(0)

    def grads(self, index: int) -> tuple[Tensor, Tensor]:
        """Gradients of a member's weights and scalars, in the shape of its state's tensors."""
        shape = self.shapes[index]
        weights = self.weight_grads[index, : self.layout.length(shape.depth)]
        if shape.scalars == "per_channel":
            return weights, self.channel_grads[index, : shape.num_scalars]
        return weights, self.scalar_grads[index, : shape.num_scalars].unsqueeze(-1)

    def _gather(self, states: Sequence[MemberState]) -> None:
        """Copy the members' tensors into common rows and point their states there."""
        num, length = len(states), self.layout.length(self.depth)
        names = sorted({name for state in states for name in state.moments})
        rows = {name: torch.zeros(num, length, device=self.device) for name in ("weights", *names)}
        some = any(shape.scalars == "per_channel" for shape in self.shapes)
        channel_shape = (num if some else 0, self.depth if some else 0, 2, self.layout.width)
        scalars = {name: torch.zeros(num, self.depth, 2, device=self.device) for name in ("weights", *names)}
        channels = {name: torch.zeros(channel_shape, device=self.device) for name in ("weights", *names)}
        for index, (shape, state) in enumerate(zip(self.shapes, states, strict=True)):
            whole = {"weights": (state.weights, state.scalars)} | {
                name: state.moments[name] for name in state.moments
            }
            for name, (weights, own) in whole.items():
                row = rows[name][index, : len(weights)]
                row.copy_(weights)
                if shape.scalars == "per_channel":
                    kept = channels[name][index, : len(own)]
                else:
                    kept = scalars[name][index, : len(own)].unsqueeze(-1)
                kept.copy_(own)
                if name == "weights":
                    state.weights, state.scalars = row, kept
                else:
                    state.moments[name] = (row, kept)
        self.weights, self.scalars, self.channels = rows["weights"], scalars["weights"], channels["weights"]


def _pair(
    run: SharedBase, scalars: Tensor, channels: Tensor, layer: int
) -> tuple[Tensor, Tensor] | tuple[None, None]:
    if run.category == "static":
        return None, None
    if run.category == "channel":
        pair = channels[run.start : run.stop, layer].unsqueeze(2)  # [members, 2, 1, width]
        return pair[:, 0], pair[:, 1]
    pair = scalars[run.start : run.stop, layer, :, None, None]
    return pair[:, 0], pair[:, 1]
