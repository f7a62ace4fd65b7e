"""Members whose whole steps run in one compiled call, an epoch at a time: a perceptron stays in the cache.

A member computes alone with its own numbers, in one thread, so packmates and threads cannot change a bit.
What the kernel cannot do is trained by `batched.py`: other devices, double precision, plugins' bases, wide
layers, machines without a compiler.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trainables.activations.fused.activation import CODES, COMPILED
from trainables.data.tensors import Tensors
from trainables.perceptrons.dropout import draw_mask
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.member import Member
from trainables.perceptrons.state import Shape

# Wider layers fill the kernels of BLAS libraries well.
WIDEST = 128
RULES = {"sgd": 0, "adam": 1, "adamw": 2}


def serves(shape: Shape, layout: RowLayout, device: str) -> bool:
    """Whether a member is trained here; it depends on nothing but the member and the machine."""
    single = torch.get_default_dtype() == torch.float32
    return COMPILED and single and device == "cpu" and shape.base.fused and layout.width <= WIDEST


class NativeSteps:
    """Steps of members whose states stay where they are until the next rebuild."""

    def __init__(
        self, members: Sequence[Member], layout: RowLayout, data: Tensors, batch_size: int, threads: int
    ) -> None:
        self.members = members
        self._layout, self._data, self._batch_size, self._threads = layout, data, batch_size, threads

    @property
    def buffers(self) -> object:
        """Nothing: scratch memory lives while a member trains, and only one does in a thread."""
        return ()

    def __call__(
        self, orders: Int[Tensor, "members images"], dropout: Sequence[list[torch.Generator] | None]
    ) -> Float[Tensor, "steps members"]:
        """One step for every batch of the orders; each member's loss before it."""
        work = list(zip(self.members, orders, dropout, strict=True))
        if self._threads > 1 and len(work) > 1:
            with ThreadPoolExecutor(self._threads) as pool:
                losses = list(pool.map(lambda one: self._train(*one), work))
        else:
            losses = [self._train(*one) for one in work]
        return torch.stack(losses, 1)

    def _train(self, member: Member, order: Tensor, dropout: list[torch.Generator] | None) -> Tensor:
        batches = -(-len(order) // self._batch_size)
        losses = torch.empty(batches)
        if dropout is None:
            self._steps(member, order, 0, None, losses)
            return losses
        for step, images in enumerate(torch.split(order, self._batch_size)):
            shape = (self._batch_size, self._layout.width)
            masks = torch.stack([draw_mask(shape, member.shape.dropout, stream) for stream in dropout])
            self._steps(member, images, step, masks, losses[step : step + 1])
        return losses

    def _steps(self, member: Member, order: Tensor, done: int, masks: Tensor | None, losses: Tensor) -> None:
        optimizer, state, layout = member.optimizer, member.state, self._layout
        rates = [
            optimizer.lr,
            optimizer.momentum,
            optimizer.weight_decay,
            optimizer.clip_norm,
            optimizer.lr_of_scalars,
            optimizer.decay_of_scalars,
        ]
        operator: Any = torch.ops.ablate.perceptron_steps
        operator(
            self._data.train.x,
            self._data.train.y,
            order.contiguous(),
            self._batch_size,
            _with_moments(state.weights, [pair[0] for _, pair in sorted(state.moments.items())]),
            _with_moments(state.scalars, [pair[1] for _, pair in sorted(state.moments.items())]),
            [layout.layer(index).start for index in range(member.shape.depth)],
            layout.width,
            layout.num_classes,
            CODES[member.shape.base.name],
            RULES[optimizer.rule],
            rates,
            optimizer.factors(int(member.num_steps) + done, len(losses)),
            member.shape.label_smoothing,
            optimizer.train_scalars,
            float(member.num_steps + done),
            masks,
            losses,
        )


def _with_moments(values: Tensor, moments: Sequence[Tensor]) -> list[Tensor]:
    """An optimizer that keeps fewer moments than two has empty ones."""
    return [values, *moments, *[values.new_empty(0)] * (2 - len(moments))]
