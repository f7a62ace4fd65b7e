"""Keeps a pack full: draws leases, groups those that can share a pack, hands in what has ended."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from trainables.data.tensors import Tensors, to_device
from trainables.data.vision import load
from trainables.errors import DataMismatch
from trainables.training.classifier import Group, MlpClassifier
from trainables.training.layout import Layout
from trainables.training.lease import Lease, Outcome, Source
from trainables.training.member import Member
from trainables.training.numerics import device_name
from trainables.training.pack import Pack, ended
from trainables.training.sizing import SIZES, fastest_size, largest_size


class PackTrainer:
    """Trains everything a source hands out, one group of trials after the other."""

    def __init__(
        self,
        source: Source,
        code: MlpClassifier,
        *,
        device: str,
        threads: int,
        datasets_dir: Path,
        pack: int | Literal["auto"],
    ) -> None:
        self._source, self._code = source, code
        self._device, self._threads, self._datasets_dir = device, threads, datasets_dir
        self._auto = pack == "auto"
        self._size = max(SIZES) if pack == "auto" else max(1, pack)
        self._sizes: dict[Group, int] = {}
        self._waiting: list[Lease] = []
        self._alone: list[Lease] = []
        self._data: dict[str, Tensors] = {}

    def run(self) -> None:
        """Draw and train until the source hands out nothing."""
        while True:
            if self._alone:
                self._train_pack(self._alone.pop(), alone=True)
            elif self._waiting or self._draw(self._size):
                self._train_pack(self._waiting[0], alone=False)
            else:
                return

    def _draw(self, room: int) -> bool:
        leases = self._source.draw(room)
        self._waiting += leases
        return bool(leases)

    def _train_pack(self, first: Lease, *, alone: bool) -> None:
        """Train the first lease's group until no member is left and nobody of the group is waiting."""
        try:
            group = self._code.group(first.settings)
            data = self._tensors(group.dataset)
            layout = self._code.layout(group, data)
        except Exception as error:
            self._waiting = [lease for lease in self._waiting if lease is not first]
            self._fail([first], error)
            return
        pack = self._pack(layout, data, group)
        if self._auto and not alone:
            self._size = self._measured(group, layout, data)
        fresh = [first]
        while True:
            fresh = fresh if alone else self._next(pack, group)
            members, fresh = self._members(fresh, layout, data), []
            if not members and not pack.members:
                return
            self._epoch(pack, members)

    def _pack(self, layout: Layout, data: Tensors, group: Group) -> Pack:
        return Pack(layout, data, batch_size=group.batch_size, device=self._device, threads=self._threads)

    def _measured(self, group: Group, layout: Layout, data: Tensors) -> int:
        """The size for this group: measured once, when there is more than one trial to measure it with."""
        leases = [lease for lease in self._waiting if self._belongs(lease, group)]
        if group in self._sizes or len(leases) < 2:
            return self._sizes.get(group, max(SIZES))
        try:
            made = [self._code.member(lease, layout, self._device) for lease in leases]
            deepest = max(member.shape.depth for member in made)
            limit = largest_size(layout, depth=deepest, rows=group.batch_size)
            size = fastest_size(
                lambda: [self._code.member(lease, layout, self._device) for lease in leases[:limit]],
                lambda: self._pack(layout, data, group),
            )
        except Exception:  # whoever is at fault fails by itself when it is trained
            return max(SIZES)
        self._sizes[group] = size
        return size

    def _next(self, pack: Pack, group: Group) -> list[Lease]:
        """Leases to refill the pack with, from those that wait and then from the source."""
        chosen: list[Lease] = []
        while True:
            room = self._size - len(pack.members) - len(chosen)
            mine = [lease for lease in self._waiting if self._belongs(lease, group)][:room]
            self._waiting = [lease for lease in self._waiting if lease not in mine]
            chosen += mine
            room -= len(mine)
            if room <= 0 or self._waiting or not self._draw(room):
                return chosen

    def _belongs(self, lease: Lease, group: Group) -> bool:
        try:
            return self._code.group(lease.settings) == group
        except Exception:
            return False

    def _members(self, leases: Sequence[Lease], layout: Layout, data: Tensors) -> list[Member]:
        members = []
        for lease in leases:
            try:
                expected = lease.data_fingerprint
                if expected is not None and expected != data.source.fingerprint:
                    raise DataMismatch.between(data.source.name, data.source.fingerprint, expected)
                members.append(self._code.member(lease, layout, self._device))
            except Exception as error:
                self._fail([lease], error)
        return members

    def _epoch(self, pack: Pack, fresh: list[Member]) -> None:
        """One epoch, then reports and outcomes. When a pack fails, each member is tried again alone."""
        try:
            if fresh:
                pack.add(fresh)
            pack.train_epoch()
        except Exception as error:
            members = list(pack.members) or fresh
            pack.members = []
            if len(members) == 1:
                self._fail([members[0].lease], error)
            else:
                self._alone += [member.lease for member in members]
            return
        going = [m for m in pack.members if ended(m, {}) is None]
        stops = self._source.report([m.report() for m in going]) if going else {}
        states = [(member, ended(member, stops)) for member in pack.members]
        gone = [(member, state) for member, state in states if state is not None]
        if gone:
            name = device_name(self._device)
            self._source.commit([member.outcome(state, name) for member, state in gone])
            pack.remove([member for member, _ in gone])

    def _tensors(self, dataset: str) -> Tensors:
        if dataset not in self._data:
            self._data = {dataset: to_device(load(dataset, self._datasets_dir), self._device)}
        return self._data[dataset]

    def _fail(self, leases: Sequence[Lease], error: Exception) -> None:
        name = device_name(self._device)
        self._source.commit([Outcome.failed(lease, error, device=name) for lease in leases])
