"""Packs of perceptrons behind the interface that all packs have."""

import time
from collections.abc import Callable, Mapping, Sequence

import torch

from trainables.data.tensors import Tensors
from trainables.errors import DataMismatch, PackTooLarge
from trainables.packs.sizing import (
    NUM_STEPS,
    fastest_size,
    largest_size,
    memory_budget,
    num_measured,
    stretched,
    tensor_bytes,
)
from trainables.perceptrons.compiled import serves
from trainables.perceptrons.epochs import PerceptronEpochs, ended
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.member import Member
from trainables.perceptrons.state import Shape
from trainables.training.lease import Lease, Outcome, Report
from trainables.training.numerics import device_name
from trainables.training.worker import Worker
from trainables.values import whole

MakeMember = Callable[[Lease], Member]
# Values in a layer's output up to which a pack wins on any machine: 64 units for 128 images.
SMALL = 64 * 128


class PerceptronBench:
    """Makes packs of perceptrons of one layout."""

    def __init__(
        self,
        make: MakeMember,
        shape: Callable[[Lease], Shape],
        layout: RowLayout,
        data: Tensors,
        *,
        worker: Worker,
        batch_size: int,
        threads: int,
    ) -> None:
        # A layer of one unit is a vector, whose sums BLAS orders by how many there are: no packs of them.
        self.largest = 1 if layout.width == 1 else None
        self._make, self._shape = make, shape
        self._layout, self._data, self._worker = layout, data, worker
        self._batch_size, self._device, self._threads = batch_size, worker.device, threads

    def pack(self) -> "PerceptronPack":
        """An empty pack."""
        return PerceptronPack(self._pack(), self._make, self._data, self._worker, self._check)

    def fastest(self, leases: Sequence[Lease]) -> int:
        """The size at which these trials take the least time for a step each, as far as memory goes.

        Compiled steps cost a member the same in any company: there is nothing to measure, and the more
        members the fewer rounds. Trials so short that measuring would cost them more than it can win are
        packed where their layers are small: there a step is mostly overhead on every machine.
        """
        small = self._layout.width * self._batch_size <= SMALL
        shapes = [self._shape(lease) for lease in leases]
        compiled = all(serves(shape, self._layout, self._device) for shape in shapes)
        per_epoch = -(-len(self._data.train) // self._batch_size)
        epochs = sum(whole(lease.settings, "epochs") for lease in leases) / len(leases)
        num = 0 if compiled else num_measured(len(leases), per_epoch * epochs)
        if num < 2 and not (compiled or small):
            return 1  # before anything is made: weights of wide layers take long to draw
        deepest = max(range(len(leases)), key=lambda index: shapes[index].depth)
        largest = self._largest(self._make(leases[deepest]))
        num = min(num, largest)
        if num < 2:
            return largest if compiled or small else 1
        some = [self._make(lease) for lease in leases[:: len(leases) // num][:num]]
        size = fastest_size(num, lambda size: time_packs(self._pack, some, size))
        return stretched(size, measured=num, largest=largest)

    def _largest(self, member: Member) -> int:
        """How many members like this one fit into memory, by what one of them takes."""
        alone = self._pack()
        alone.place([member])
        return largest_size(tensor_bytes(*alone.buffers), memory_budget(self._device, self._threads))

    def _check(self, leases: Sequence[Lease]) -> None:
        """Look ahead, since a worker that runs out of memory is ended without a word.

        Raises: PackTooLarge where weights and gradients alone would fill all that is free.
        """
        lengths = [self._layout.length(whole(lease.settings, "depth")) for lease in leases]
        needed = 2 * torch.get_default_dtype().itemsize * sum(lengths)
        free = 2 * memory_budget(self._device, self._threads)
        if len(leases) > 1 and needed > free:
            raise PackTooLarge.told(len(leases), needed=needed, free=free)

    def _pack(self) -> PerceptronEpochs:
        return PerceptronEpochs(
            self._layout,
            self._data,
            batch_size=self._batch_size,
            device=self._device,
            threads=self._threads,
            measures=self._worker.measures,
            tally=self._worker.tally,
        )


class PerceptronPack:
    """Perceptrons in training, an epoch at a time."""

    def __init__(
        self,
        pack: PerceptronEpochs,
        make: MakeMember,
        data: Tensors,
        worker: Worker,
        check: Callable[[Sequence[Lease]], None],
    ) -> None:
        self._pack, self._make, self._data, self._device = pack, make, data, worker.device
        self._check, self._checkpoints = check, worker.checkpoints
        self._saved_at = time.monotonic()

    @property
    def leases(self) -> list[Lease]:
        """The trials in it."""
        return [member.lease for member in self._pack.members]

    def add(self, leases: Sequence[Lease]) -> list[Outcome]:
        """Take trials in; those whose settings or data are wrong or too large fail at once."""
        members, failed, source = [], [], self._data.source
        try:
            self._check(leases)
        except PackTooLarge as error:
            return [Outcome.failed(lease, error, device=device_name(self._device)) for lease in leases]
        for lease in leases:
            try:
                expected = lease.data.get(source.name, source.fingerprint)
                if expected != source.fingerprint:
                    raise DataMismatch.told(source.name, source.fingerprint, expected)
                members.append(self._restored(self._make(lease)))
            except Exception as error:  # a plugin may fail in any way
                failed.append(Outcome.failed(lease, error, device=device_name(self._device)))
        if members:
            self._pack.add(members)
        return failed

    def advance(self) -> list[Report]:
        """One epoch; reports come from those that go on."""
        self._pack.train_epoch()
        return [member.report() for member in self._pack.members if ended(member, {}) is None]

    def settle(self, stops: Mapping[str, str]) -> list[Outcome]:
        """The outcomes of those that have ended or must stop."""
        states = [(member, ended(member, stops)) for member in self._pack.members]
        gone = [(member, state) for member, state in states if state is not None]
        self._pack.remove([member for member, _ in gone])
        self._save([member.lease for member, _ in gone])
        name = device_name(self._device)
        return [member.outcome(state, name) for member, state in gone]

    def _restored(self, member: Member) -> Member:
        """The member where it was saved, if it was.

        Raises: BadCheckpoint.
        """
        kept = self._checkpoints.load(member.lease, self._device) if self._checkpoints is not None else None
        if kept is not None:
            member.restore(kept, self._device)
        return member

    def _save(self, gone: Sequence[Lease]) -> None:
        """Keep those that go on, where it is time, and forget those that have ended."""
        if self._checkpoints is None:
            return
        for lease in gone:
            self._checkpoints.drop(lease)
        if time.monotonic() - self._saved_at >= self._checkpoints.every_s:
            for member in self._pack.members:
                self._checkpoints.save(member.lease, member.checkpoint())
            self._saved_at = time.monotonic()


def time_packs(make_pack: Callable[[], PerceptronEpochs], members: Sequence[Member], size: int) -> float:
    """Seconds for a few steps of these members, which are of no use for training afterwards."""
    total = 0.0
    for start in range(0, len(members), size):
        pack = make_pack()
        pack.place(members[start : start + size])
        total += pack.time_steps(NUM_STEPS)
    return total
