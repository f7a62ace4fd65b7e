"""Packs of trainings that are written as generators: each keeps its own network, streams and reports.

On a CPU every member takes its own steps, so its numbers are those it would have alone, to the bit; what
members share is the worker and the data. On a GPU, where a small network leaves most of the device idle,
members of one structure take their steps together (stacked.py).
"""

import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import replace

import torch

from ablations.errors import Json
from trainables.packs.mapped import stacking_key, train_together
from trainables.packs.routine_member import RoutineMember
from trainables.packs.sizing import NUM_STEPS, SIZES, fastest_size, num_measured
from trainables.training.lease import Lease, Outcome, Report
from trainables.training.run import Run
from trainables.training.steps import Routine
from trainables.training.worker import Worker

Train = Callable[[Run], Routine]


class PackedRoutine:
    """A trainable whose code is a generator; `group` gives None for trials that must train alone.

    `stacked` says whether members take their steps together; None leaves it to the device.
    """

    def __init__(
        self,
        train: Train,
        group: Callable[[Mapping[str, Json]], Hashable] = lambda _: (),
        *,
        stacked: bool | None = None,
    ) -> None:
        self.group = group
        self._train, self._stacked = train, stacked

    def room(self, device: str) -> int:
        """One where members take their own steps, which cost the same in any company."""
        return max(SIZES) if self._stacks(device) else 1

    def bench(self, settings: Mapping[str, Json], worker: Worker, threads: int) -> "RoutineBench":  # noqa: ARG002
        """Where packs of a trial's group are made."""
        alone, stacked = self.group(settings) is None, self._stacks(worker.device)
        return RoutineBench(self._train, worker, alone=alone, stacked=stacked)

    def _stacks(self, device: str) -> bool:
        return device.startswith("cuda") if self._stacked is None else self._stacked


class RoutineBench:
    """Makes packs of one group."""

    def __init__(self, train: Train, worker: Worker, *, alone: bool, stacked: bool) -> None:
        self.largest = 1 if alone else None
        self._train, self._worker, self._stacked = train, worker, stacked

    def pack(self) -> "RoutinePack":
        """An empty pack."""
        return RoutinePack(self._train, self._worker, stacked=self._stacked)

    def fastest(self, leases: Sequence[Lease]) -> int:
        """The size at which these trials take the least time for a step each.

        Measured with as many as a fair share of their steps allows, and with no larger pack than that: what
        a larger one takes of a GPU's memory is not known. Trainings too short for two train one at a time.
        """
        most = leases[: max(SIZES)]
        num = num_measured(len(most), self._length(most[0]))
        if num < 2:
            return 1
        some = most[:: len(most) // num][:num]
        return fastest_size(num, lambda size: self._seconds(some, size))

    def _length(self, lease: Lease) -> int:
        """How many steps a trial has in all, 0 if it takes none; those of a group are much alike."""
        return RoutineMember(self._train, lease, self._worker).num_steps()

    def _seconds(self, leases: Sequence[Lease], size: int) -> float:
        """Seconds for a few steps of all, in packs of this size, after a first one; no end without memory."""
        try:
            return self._timed(leases, size)
        except torch.OutOfMemoryError:
            return math.inf

    def _timed(self, leases: Sequence[Lease], size: int) -> float:
        total = 0.0
        for start in range(0, len(leases), size):
            pack = self.pack()
            pack.add(leases[start : start + size])
            pack.take(1)
            started = time.perf_counter()
            pack.take(NUM_STEPS)
            total += time.perf_counter() - started
        return total


class RoutinePack:
    """Trainings in progress, each from report to report."""

    def __init__(self, train: Train, worker: Worker, *, stacked: bool) -> None:
        self._train, self._worker, self._stacked = train, worker, stacked
        self._members: list[RoutineMember] = []

    @property
    def leases(self) -> list[Lease]:
        """The trials in it."""
        return [member.lease for member in self._members]

    def add(self, leases: Sequence[Lease]) -> list[Outcome]:
        """Take trials in, up to their first steps."""
        for lease in leases:
            member = RoutineMember(self._train, lease, self._worker)
            member.begin()
            self._members.append(member)
        return self._leave()

    def advance(self) -> list[Report]:
        """Everyone up to the next report or the end."""
        for member in self._members:
            member.pack = max(member.pack, len(self._members))
        while working := [member for member in self._members if member.steps is not None]:
            for mates in self._together(working):
                if len(mates) == 1:
                    mates[0].take_steps()
                else:
                    _take_together(mates)
        return [report for member in self._members for report in member.drain()]

    def take(self, num: int) -> None:
        """A few steps without going on after them: for measuring; the members are spoilt by it."""
        for mates in self._together([member for member in self._members if member.steps is not None]):
            steps = [replace(m.steps, num=min(num, m.steps.num)) for m in mates if m.steps is not None]
            losses = train_together(steps) if len(steps) > 1 else [steps[0].train()]
            losses[0][-1].item()  # waits for a GPU
            taken = sum(map(len, losses))
            self._worker.tally.steps += taken
            self._worker.tally.wasted += taken

    def settle(self, stops: Mapping[str, str]) -> list[Outcome]:
        """Tell members that must stop; those that go on ask for their next steps, the others end."""
        for member in self._members:
            member.stop(stops.get(member.lease.trial_id))
            member.resume()
        return self._leave()

    def _together(self, members: Sequence[RoutineMember]) -> list[list[RoutineMember]]:
        """Members that take their steps together."""
        if not self._stacked:
            return [[member] for member in members]
        groups: dict[Hashable, list[RoutineMember]] = {}
        for member in members:
            assert member.steps is not None
            groups.setdefault(stacking_key(member.steps), []).append(member)
        return list(groups.values())

    def _leave(self) -> list[Outcome]:
        outcomes = [member.outcome for member in self._members if member.outcome is not None]
        self._members = [member for member in self._members if member.outcome is None]
        return outcomes


def _take_together(members: Sequence[RoutineMember]) -> None:
    started = time.perf_counter()
    taken = train_together([member.steps for member in members if member.steps is not None])
    taken[0][-1].item()  # waits for a GPU
    share = (time.perf_counter() - started) / len(members)
    for member, losses in zip(members, taken, strict=True):
        member.seconds += share
        member.resume(losses)
