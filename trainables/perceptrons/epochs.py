"""A pack: trials of one group trained together, each as it would be alone.

Places are refilled at epoch boundaries, where all members, whatever their age, are at the same batch.
"""

import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trainables.data.tensors import Tensors
from trainables.measures.memory import PeakMemory
from trainables.perceptrons.batched import BatchedSteps
from trainables.perceptrons.compiled import NativeSteps, serves
from trainables.perceptrons.evaluation import evaluate, evaluate_states
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.member import Member
from trainables.perceptrons.stack import Stack, sort_key
from trainables.perceptrons.state import MemberState, to_module
from trainables.training.course import BEST, stopped
from trainables.training.lease import State
from trainables.training.measuring import Measures
from trainables.training.tally import StepTally


class PerceptronEpochs:
    """Members in training, one epoch at a time."""

    def __init__(
        self,
        layout: RowLayout,
        data: Tensors,
        *,
        batch_size: int,
        device: str,
        threads: int,
        measures: Measures,
        tally: StepTally | None = None,
    ) -> None:
        self._layout, self._data, self._measures = layout, data, measures
        self._tally = StepTally() if tally is None else tally
        self._batch_size = min(batch_size, len(data.train))
        self._device, self._threads = device, threads
        self.members: list[Member] = []
        self._memory: PeakMemory | None = None  # of a member that is alone

    def add(self, members: Sequence[Member]) -> None:
        """Take members in; new ones are measured as they are before training."""
        started = time.perf_counter()
        self.place(members)
        self._memory = PeakMemory(self._device) if len(self.members) == 1 else None
        new = [member for member in members if member.epoch == 0]
        if not new:
            return
        self._validate(new)
        self._follow(new)
        for member in new:
            member.log_scalars()
        self._share(new, time.perf_counter() - started)

    def place(self, members: Sequence[Member]) -> None:
        """Give new members their places, unmeasured."""
        self.members = sorted([*self.members, *members], key=lambda member: sort_key(member.shape))
        self._rebuild()

    @torch.no_grad()
    def time_steps(self, num: int) -> float:
        """Seconds that `num` steps take after a first one, always on the first images."""
        first = torch.arange(self._batch_size).expand(len(self.members), -1)
        self._run(first)
        started = time.perf_counter()
        self._run(first.repeat(1, num))
        seconds = time.perf_counter() - started
        self._tally.steps += (num + 1) * len(self.members)
        self._tally.wasted += (num + 1) * len(self.members)
        return seconds

    @property
    def buffers(self) -> tuple[object, ...]:
        """All that holds memory of this pack's own, for as long as its members stay."""
        stacks, steps = [stack for stack, _ in self._stacks], [part.buffers for part in self._steps]
        return stacks, steps, [member.state for member in self.members]

    def remove(self, members: Sequence[Member]) -> None:
        """Let members go; the others keep their tensors until the next rebuild."""
        self.members = [member for member in self.members if member not in members]
        if self.members and members:
            self._rebuild()

    def train_epoch(self) -> None:
        """Every member one epoch further: trained, validated, and tested where that is declared."""
        started = time.perf_counter()
        members = self.members
        losses = self.take_steps()
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
        self._measure(members)
        for member in members:
            member.log_scalars()
        self._share(members, time.perf_counter() - started)

    @torch.no_grad()
    def take_steps(self, num: int | None = None) -> Tensor:
        """The steps of the coming epoch, or the first of them; the losses [steps, members]."""
        images = len(self._data.train)
        taken = images if num is None else min(images, num * self._batch_size)
        losses = self._run(torch.stack([member.order(images)[:taken] for member in self.members]))
        for member in self.members:
            member.num_steps += len(losses)
        return losses

    def _rebuild(self) -> None:
        """Stack the members anew: those whose steps are compiled, and the rest."""
        native = [m for m in self.members if serves(m.shape, self._layout, self._device)]
        rest = [m for m in self.members if m not in native]
        self._stacks = [(self._stack(part, train=part is rest), part) for part in (native, rest) if part]
        self._steps: list[NativeSteps | BatchedSteps] = []
        size, threads = self._batch_size, self._threads
        if native:
            self._steps.append(NativeSteps(native, self._layout, self._data, size, threads))
        if rest:
            self._steps.append(BatchedSteps(rest, self._stacks[-1][0], self._data, size, threads))

    def _stack(self, members: Sequence[Member], *, train: bool) -> Stack:
        return Stack(self._layout, [m.shape for m in members], [m.state for m in members], train=train)

    def _run(self, orders: Tensor) -> Tensor:
        """Steps over these images; the losses [steps, members]."""
        dropout = [m.dropout_streams(self._device) if m.shape.dropout else None for m in self.members]
        place = {id(member): index for index, member in enumerate(self.members)}
        losses = torch.empty(-(-orders.shape[1] // self._batch_size), len(self.members))
        for steps in self._steps:
            mine = [place[id(member)] for member in steps.members]
            losses[:, mine] = steps(orders[mine], [dropout[index] for index in mine])
        return losses

    def _log_losses(self, member: Member, losses: Tensor) -> None:
        """The mean over the epoch's images; a step that was not finite ends the member."""
        wrong = torch.nonzero(~losses.isfinite())
        if len(wrong):
            step = int(member.num_steps) - len(losses) + int(wrong[0]) + 1
            self._tally.wasted += len(losses) - int(wrong[0]) - 1
            member.course.bad = f"the loss was {losses[wrong[0]].item()} at step {step}, epoch {member.epoch}"
        num, size = len(self._data.train), self._batch_size
        sizes = torch.tensor([min(size, num - start) for start in range(0, num, size)], dtype=torch.float64)
        member.log("train_loss", float((losses.double() * sizes).sum() / num))

    @torch.no_grad()
    def _validate(self, members: Sequence[Member]) -> None:
        if len(members) == len(self.members):
            scored = [
                (member, score)
                for stack, part in self._stacks
                for member, score in zip(part, evaluate(stack, self._data.val, self._threads), strict=True)
            ]
        else:
            states, shapes = [m.state for m in members], [m.shape for m in members]
            scores = evaluate_states(self._layout, shapes, states, self._data.val, self._threads)
            scored = list(zip(members, scores, strict=True))
        for member, (loss, accuracy) in scored:
            member.log("val_loss", loss)
            member.log("val_accuracy", accuracy)
            if BEST in member.lease.readings and member.epoch:
                member.keep_best()

    @torch.no_grad()
    def _test(self, members: Sequence[Member]) -> None:
        """Score the test split at the points that are declared, and at no others."""
        due: list[tuple[Member, str, MemberState]] = []
        for member in members:
            if member.course.bad is not None or not member.lease.tests:
                continue
            if member.epoch in [reading for reading in member.lease.readings if reading != BEST]:
                due.append((member, f"/{member.epoch}", member.state))
            if member.finished:
                due.append((member, "", member.state))
                if member.best.weights is not None:
                    due.append((member, f"/{BEST}", member.best.weights))
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
            settings, tests = member.lease.settings, member.lease.tests
            wanted = self._measures.wanted(settings, tests=tests)
            if not member.finished or member.course.bad is not None or not wanted:
                continue
            try:
                module = to_module(self._layout, member.shape, member.state)
                member.tests |= self._measures.read(module, self._data, settings, tests=tests)
            except Exception as error:  # a user's measure may fail in any way
                member.error = error

    def _follow(self, members: Sequence[Member]) -> None:
        """Put the measures of every epoch on the curves of the members that have any."""
        for member in members:
            settings, tests = member.lease.settings, member.lease.tests
            if member.course.bad is not None or not self._measures.wanted(
                settings, each_epoch=True, tests=tests
            ):
                continue
            try:
                module = to_module(self._layout, member.shape, member.state)
                found = self._measures.read(module, self._data, settings, each_epoch=True, tests=tests)
                for name, value in found.items():
                    member.log(name, value)
            except Exception as error:  # a user's measure may fail in any way
                member.error = error

    def _share(self, members: Sequence[Member], seconds: float) -> None:
        for member in members:
            member.seconds += seconds / len(members)
            member.course.clock.append((member.epoch, member.seconds))
            if self._memory is not None and member.finished and member.pack == 1:
                member.peak_memory = self._memory.mib()


def ended(member: Member, stops: Mapping[str, str]) -> State | None:
    """The state a member ends in after this epoch, if it does."""
    if member.error is not None:
        return "failed"
    if member.course.bad is not None:
        return "diverged"
    if member.finished:
        return "done"
    stop = stops.get(member.lease.trial_id)
    return None if stop is None else stopped(stop)
