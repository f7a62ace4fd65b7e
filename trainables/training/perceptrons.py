"""Packs of perceptrons behind the interface that all packs have."""

from collections.abc import Callable, Mapping, Sequence

from trainables.data.tensors import Tensors
from trainables.errors import DataMismatch
from trainables.training.layout import Layout
from trainables.training.lease import Lease, Outcome, Report
from trainables.training.member import Member
from trainables.training.numerics import device_name
from trainables.training.pack import Pack, ended
from trainables.training.sizing import fastest_size, largest_size, time_packs

MakeMember = Callable[[Lease], Member]


class PerceptronBench:
    """Makes packs of perceptrons of one layout."""

    largest: int | None = None

    def __init__(
        self,
        make: MakeMember,
        layout: Layout,
        data: Tensors,
        *,
        batch_size: int,
        device: str,
        threads: int,
    ) -> None:
        self._make, self._layout, self._data = make, layout, data
        self._batch_size, self._device, self._threads = batch_size, device, threads

    def pack(self) -> "PerceptronPack":
        """An empty pack."""
        return PerceptronPack(self._pack(), self._make, self._data, self._device)

    def fastest(self, leases: Sequence[Lease]) -> int:
        """The size at which these trials take the least time for a step each."""
        deepest = max(self._make(lease).shape.depth for lease in leases)
        some = leases[: largest_size(self._layout, depth=deepest, rows=self._batch_size)]
        return fastest_size(
            len(some), lambda size: time_packs(self._pack, [self._make(lease) for lease in some], size)
        )

    def _pack(self) -> Pack:
        return Pack(
            self._layout,
            self._data,
            batch_size=self._batch_size,
            device=self._device,
            threads=self._threads,
        )


class PerceptronPack:
    """Perceptrons in training, an epoch at a time."""

    def __init__(self, pack: Pack, make: MakeMember, data: Tensors, device: str) -> None:
        self._pack, self._make, self._data, self._device = pack, make, data, device

    @property
    def leases(self) -> list[Lease]:
        """The trials in it."""
        return [member.lease for member in self._pack.members]

    def add(self, leases: Sequence[Lease]) -> list[Outcome]:
        """Take trials in; those whose settings or data are wrong fail at once."""
        members, failed, source = [], [], self._data.source
        for lease in leases:
            try:
                expected = lease.data_fingerprint
                if expected is not None and expected != source.fingerprint:
                    raise DataMismatch.between(source.name, source.fingerprint, expected)
                members.append(self._make(lease))
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
        name = device_name(self._device)
        return [member.outcome(state, name) for member, state in gone]
