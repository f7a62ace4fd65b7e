"""Members whose steps are batched calls of torch: any device, any base function, any width."""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trainables.data.tensors import Tensors
from trainables.perceptrons.dropout import draw_mask
from trainables.perceptrons.member import Member
from trainables.perceptrons.passes import Masks, Network
from trainables.perceptrons.stack import Stack
from trainables.perceptrons.updates import Update


class BatchedSteps:
    """Steps of the members of one stack."""

    def __init__(
        self, members: Sequence[Member], stack: Stack, data: Tensors, batch_size: int, threads: int
    ) -> None:
        self.members = members
        self._stack, self._data, self._batch_size, self._threads = stack, data, batch_size, threads
        self._device = stack.device
        self._steps = torch.tensor([m.num_steps for m in members], device=self._device)
        self._done = [int(m.num_steps) for m in members]  # the same, without waiting for a GPU
        self._updates = [
            Update(m.optimizer, m.state, stack.grads(i), self._steps[i]) for i, m in enumerate(members)
        ]
        sizes = {batch_size, len(data.train) % batch_size} - {0}
        self._networks = {size: Network(stack, size, threads) for size in sizes}

    @property
    def buffers(self) -> object:
        """What holds memory for as long as the members stay."""
        return self._networks

    def __call__(
        self, orders: Int[Tensor, "members images"], dropout: Sequence[list[torch.Generator] | None]
    ) -> Float[Tensor, "steps members"]:
        """One step for every batch of the orders; each member's loss before it."""
        batches = torch.split(orders, self._batch_size, 1)
        num = len(batches)
        factors = [m.optimizer.factors(done, num) for m, done in zip(self.members, self._done, strict=True)]
        self._done = [done + num for done in self._done]
        each = zip(batches, zip(*factors, strict=True), strict=True)
        return torch.stack([self._step(order, dropout, rates) for order, rates in each]).cpu()

    def _step(
        self, order: Tensor, dropout: Sequence[list[torch.Generator] | None], factors: Sequence[float]
    ) -> Tensor:
        size = order.shape[1]
        if size not in self._networks:  # an order that ends early
            self._networks[size] = Network(self._stack, size, self._threads)
        network = self._networks[size]
        rows = network.rows
        index = torch.zeros(len(order), rows, dtype=torch.int64)
        index[:, :size] = order
        flat = index.to(self._device).view(-1)
        torch.index_select(self._data.train.x, 0, flat, out=network.x.view(len(flat), -1))
        labels = self._data.train.y[flat].view(len(order), rows)
        one_hot = self._data.one_hot[labels]
        masks = self._masks(dropout, rows) if any(dropout) else None
        loss = network.loss(labels, one_hot, masks)
        self._steps += 1
        for update, rate in zip(self._updates, factors, strict=True):
            update(rate)
        return loss

    def _masks(self, dropout: Sequence[list[torch.Generator] | None], rows: int) -> list[Masks]:
        """Dropout masks by layer for the members that have it."""
        layers: list[Masks] = []
        for layer, num in enumerate(self._stack.active):
            members = zip(self.members[:num], dropout[:num], strict=True)
            shape = rows, self._stack.layout.width
            layers.append(
                [None if own is None else draw_mask(shape, m.shape.dropout, own[layer]) for m, own in members]
            )
        return layers
