"""A pack: trials of one group trained together, each as it would be alone.

Places are refilled at epoch boundaries, where all members, whatever their age, are at the same batch.
"""

import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trainables.data.tensors import Tensors
from trainables.measures.memory import PeakMemory
from trainables.training.evaluation import evaluate, evaluate_states
from trainables.training.layout import Layout
from trainables.training.lease import State
from trainables.training.measuring import any_measure, read_measures
from trainables.training.member import BEST, Member
from trainables.training.network import Masks, Network
from trainables.training.optim import Update
from trainables.training.stack import Stack, sort_key
from trainables.training.state import MemberState, to_module
from trainables.training.tally import Tally


class Pack:
    """Members in training, one epoch at a time."""

    def __init__(
        self,
        layout: Layout,
        data: Tensors,
        *,
        batch_size: int,
        device: str,
        threads: int,
        tally: Tally | None = None,
    ) -> None:
        self._layout, self._data = layout, data
        self._tally = Tally() if tally is None else tally
        self._batch_size = min(batch_size, len(data.train))
        self._device, self._threads = device, threads
        self.members: list[Member] = []
        self._memory: PeakMemory | None = None  # of a member that is alone

    def add(self, members: Sequence[Member]) -> None:
        """Take new members in, measured as they are before training."""
        started = time.perf_counter()
        self.place(members)
        self._memory = PeakMemory(self._device) if len(self.members) == 1 else None
        self._validate(members)
        self._follow(members)
        for member in members:
            member.log_scalars()
        self._share(members, time.perf_counter() - started)

    def place(self, members: Sequence[Member]) -> None:
        """Give new members their places, unmeasured."""
        self.members = sorted([*self.members, *members], key=lambda member: sort_key(member.shape))
        self._rebuild()

    @torch.no_grad()
    def time_steps(self, num: int) -> float:
        """Seconds that `num` steps take after a first one, always on the first images."""
        order = torch.arange(self._batch_size).expand(len(self.members), -1)
        generators = self._dropout_streams()
        self._step(order, generators).sum().item()
        started = time.perf_counter()
        for _ in range(num):
            loss = self._step(order, generators)
        loss.sum().item()  # waits for a GPU
        seconds = time.perf_counter() - started
        self._tally.steps += (num + 1) * len(self.members)
        self._tally.wasted += (num + 1) * len(self.members)
        return seconds

    def train_steps(self, num: int) -> int:
        """The first steps of the coming epoch, unlogged; how many there were."""
        return len(self._train(num))

    @property
    def buffers(self) -> tuple[object, ...]:
        """All that holds memory of this pack's own, for as long as its members stay."""
        return self._stack, self._networks, [member.state for member in self.members]

    def remove(self, members: Sequence[Member]) -> None:
        """Let members go; the others keep their tensors until the next rebuild."""
        self.members = [member for member in self.members if member not in members]
        if self.members and members:
            self._rebuild()

    def train_epoch(self) -> None:
        """Every member one epoch further: trained, validated, and tested where that is declared."""
        started = time.perf_counter()
        members = self.members
        losses = self._train()
        self._tally.steps += losses.numel()
        spent = (time.perf_counter() - started) / len(members)
        for index, member in enumerate(members):
            member.train_seconds += spent
            member.num_images += len(self._data.train)
            member.epoch += 1
            member.pack = max(member.pack, len(members))
            self._log_losses(member, losses[:, index])
        self._validate(members)
        self._follow(members)
        self._test(members)
        self._measure([member for member in members if any_measure(member.lease.settings)])
        for member in members:
            member.log_scalars()
        self._share(members, time.perf_counter() - started)

    def _rebuild(self) -> None:
        self._stack = Stack(self._layout, [m.shape for m in self.members], [m.state for m in self.members])
        self._steps = torch.tensor([m.num_steps for m in self.members], device=self._device)
        self._updates = [
            Update(m.optimizer, m.state, self._stack.grads(i), self._steps[i])
            for i, m in enumerate(self.members)
        ]
        num = len(self._data.train)
        sizes = {self._batch_size, num % self._batch_size} - {0}
        self._networks = {size: Network(self._stack, size, self._threads) for size in sizes}

    @torch.no_grad()
    def _train(self, num_steps: int | None = None) -> Tensor:
        """One pass over the training images; the losses [steps, members] come back to the CPU once."""
        num, size = len(self._data.train), self._batch_size
        orders = torch.stack([member.order(num) for member in self.members])
        generators = self._dropout_streams()
        losses = []
        for start in range(0, num, size)[:num_steps]:
            losses.append(self._step(orders[:, start : start + size], generators))
        for member in self.members:
            member.num_steps += len(losses)
        return torch.stack(losses).cpu()

    def _dropout_streams(self) -> list[list[torch.Generator] | None]:
        return [m.dropout_streams(self._device) if m.shape.dropout else None for m in self.members]

    def _step(self, order: Tensor, generators: Sequence[list[torch.Generator] | None]) -> Tensor:
        network = self._networks[order.shape[1]]
        rows = network.rows
        index = torch.zeros(len(order), rows, dtype=torch.int64)
        index[:, : order.shape[1]] = order
        flat = index.to(self._device).view(-1)
        torch.index_select(self._data.train.x, 0, flat, out=network.x.view(len(flat), -1))
        labels = self._data.train.y[flat].view(len(order), rows)
        one_hot = self._data.one_hot[labels]
        masks = self._masks(generators, rows) if any(generators) else None
        loss = network.loss(labels, one_hot, masks)
        self._steps += 1
        for update in self._updates:
            update()
        return loss

    def _masks(self, generators: Sequence[list[torch.Generator] | None], rows: int) -> list[Masks]:
        """Dropout masks by layer for the members that have it, each from its own stream."""
        layers: list[Masks] = []
        for layer, num in enumerate(self._stack.active):
            masks: list[Tensor | None] = []
            for member, own in zip(self.members[:num], generators[:num], strict=True):
                if own is None:
                    masks.append(None)
                    continue
                keep = 1.0 - member.shape.dropout
                mask = torch.empty(rows, self._layout.width, device=self._device)
                masks.append(mask.bernoulli_(keep, generator=own[layer]).div_(keep))
            layers.append(masks)
        return layers

    def _log_losses(self, member: Member, losses: Tensor) -> None:
        """The mean over the epoch's images; a step that was not finite ends the member."""
        wrong = torch.nonzero(~losses.isfinite())
        if len(wrong):
            step = int(member.num_steps) - len(losses) + int(wrong[0]) + 1
            self._tally.wasted += len(losses) - int(wrong[0]) - 1
            member.reason = f"the loss was {losses[wrong[0]].item()} at step {step}, epoch {member.epoch}"
        num, size = len(self._data.train), self._batch_size
        sizes = torch.tensor([min(size, num - start) for start in range(0, num, size)], dtype=torch.float64)
        member.log("train_loss", float((losses.double() * sizes).sum() / num))

    @torch.no_grad()
    def _validate(self, members: Sequence[Member]) -> None:
        if len(members) == len(self.members):
            scores = evaluate(self._stack, self._data.val, self._threads)
        else:
            states = [member.state for member in members]
            shapes = [member.shape for member in members]
            scores = evaluate_states(self._layout, shapes, states, self._data.val, self._threads)
        ordered = self.members if len(members) == len(self.members) else members
        for member, (loss, accuracy) in zip(ordered, scores, strict=True):
            member.log("val_loss", loss)
            member.log("val_accuracy", accuracy)
            if BEST in member.lease.readings and member.epoch and member.is_best_now():
                member.best = member.state.copy()

    @torch.no_grad()
    def _test(self, members: Sequence[Member]) -> None:
        """Score the test split at the points that are declared, and at no others."""
        due: list[tuple[Member, str, MemberState]] = []
        for member in members:
            if member.reason is not None:
                continue
            if member.epoch in [reading for reading in member.lease.readings if reading != BEST]:
                due.append((member, f"/{member.epoch}", member.state))
            if member.finished:
                due.append((member, "", member.state))
                if member.best is not None:
                    due.append((member, f"/{BEST}", member.best))
        if not due:
            return
        shapes, states = [m.shape for m, _, _ in due], [state for _, _, state in due]
        scores = evaluate_states(self._layout, shapes, states, self._data.test, self._threads)
        for (member, suffix, _), (loss, accuracy) in zip(due, scores, strict=True):
            member.tests[f"test_accuracy{suffix}"] = accuracy
            member.tests[f"test_loss{suffix}"] = loss

    def _measure(self, members: Sequence[Member]) -> None:
        """Read the measures that a finished member's settings switch on; one that raises fails the member."""
        for member in members:
            if not member.finished or member.reason is not None:
                continue
            try:
                module = to_module(self._layout, member.shape, member.state)
                member.tests |= read_measures(module, self._data, member.lease.settings)
            except Exception as error:  # a user's measure may fail in any way
                member.error = error

    def _follow(self, members: Sequence[Member]) -> None:
        """Put the measures of every epoch on the curves of the members that have any."""
        for member in members:
            settings = member.lease.settings
            if member.reason is not None or not any_measure(settings, each_epoch=True):
                continue
            try:
                module = to_module(self._layout, member.shape, member.state)
                for name, value in read_measures(module, self._data, settings, each_epoch=True).items():
                    member.log(name, value)
            except Exception as error:  # a user's measure may fail in any way
                member.error = error

    def _share(self, members: Sequence[Member], seconds: float) -> None:
        for member in members:
            member.seconds += seconds / len(members)
            member.clock.append((member.epoch, member.seconds))
            if self._memory is not None and member.finished and member.pack == 1:
                member.peak_memory = self._memory.mib()


def ended(member: Member, stops: Mapping[str, str]) -> State | None:
    """The state a member ends in after this epoch, if it does."""
    if member.error is not None:
        return "failed"
    if member.reason is not None:
        return "diverged"
    if member.finished:
        return "done"
    stop = stops.get(member.lease.trial_id)
    return None if stop is None else ("cancelled" if stop == "cancelled" else "pruned")
