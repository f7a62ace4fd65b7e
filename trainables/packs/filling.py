"""Keeps a pack full: draws leases, groups those that can share a pack, hands in what has ended."""

from collections.abc import Hashable, MutableMapping, Sequence
from typing import Literal

from trainables.errors import TrainableError
from trainables.packs.contract import Bench, Pack, Packable
from trainables.packs.sizing import SIZES
from trainables.training.lease import Lease, Outcome, Source
from trainables.training.numerics import device_name
from trainables.training.worker import Worker


class PackTrainer:
    """Trains everything a source hands out, one group of trials after the other.

    `sizes` are those found fastest before, here or on a machine like this; what is measured is added.
    """

    def __init__(
        self,
        source: Source,
        code: Packable,
        worker: Worker,
        *,
        threads: int,
        pack: int | Literal["auto"],
        sizes: MutableMapping[str, int] | None = None,
    ) -> None:
        self._source, self._code, self._worker, self._threads = source, code, worker, threads
        self._auto = pack == "auto"
        self._room = code.room(worker.device) if pack == "auto" else max(1, pack)
        self._sizes: MutableMapping[str, int] = {} if sizes is None else sizes
        self._waiting: list[Lease] = []
        self._alone: list[Lease] = []

    def run(self) -> None:
        """Draw and train until the source hands out nothing, or this process is not to train more."""
        while True:
            self._worker.border.clear()  # no pack is in training here
            self._check_process(len(self._alone) + len(self._waiting))
            if self._alone:
                self._train_pack(self._alone.pop(), alone=True)
            elif self._waiting or self._draw(self._room):
                self._train_pack(self._waiting[0], alone=False)
            else:
                return

    def _draw(self, room: int) -> bool:
        if self._worker.border.spoiled:
            return False
        leases = self._source.draw(room)
        self._waiting += leases
        return bool(leases)

    def _train_pack(self, first: Lease, *, alone: bool) -> None:
        """Train the first lease's group until no member is left and nobody of the group is waiting."""
        try:
            group = self._code.group(first.settings)
            bench = self._code.bench(first.settings, self._worker, self._threads)
            size = 1 if alone else self._size(group, bench)
        except BaseException as error:
            self._worker.border.check_whose(error)
            self._waiting = [lease for lease in self._waiting if lease is not first]
            self._fail(first, error)
            return
        if size is None:
            self._waiting.remove(first)
            alone, size = True, 1
        pack = bench.pack()
        fresh = [first]
        while True:
            fresh = fresh if alone else self._next(pack, group, size)
            if not fresh and not pack.leases:
                return
            if not self._round(pack, fresh):
                pack = bench.pack()
            if not pack.leases:
                self._worker.border.clear()
            fresh = []

    def _size(self, group: Hashable, bench: Bench) -> int | None:
        """The size for this group: as told, or where it is left to us what measuring says.

        None while nothing is known: then the first trial trains alone, and the next ones tell.
        """
        if not self._auto:
            return min(self._room, bench.largest or self._room)
        room = self._code.room(self._worker.device)
        size = self._measured(group, bench) if bench.largest != 1 and room > 1 else 1
        self._room = room if size is None else size
        return size

    def _measured(self, group: Hashable, bench: Bench) -> int | None:
        """The fastest size: measured once for a group, when there is more than one trial to measure with."""
        name = f"{device_name(self._worker.device)}, {self._threads} threads: {group}"
        if name not in self._sizes:
            if len(leases := self._waiting_in(group)) < 2 and self._draw(max(SIZES) - len(self._waiting)):
                leases = self._waiting_in(group)
            try:
                if len(leases) > 1:
                    self._sizes[name] = bench.fastest(leases)
            except BaseException as error:  # whoever is at fault fails by itself when it is trained
                self._worker.border.check_whose(error)
        return self._sizes.get(name)

    def _waiting_in(self, group: Hashable) -> list[Lease]:
        return [lease for lease in self._waiting if self._belongs(lease, group)]

    def _next(self, pack: Pack, group: Hashable, size: int) -> list[Lease]:
        """Leases to refill the pack with, from those that wait and then from the source."""
        chosen: list[Lease] = []
        while True:
            room = size - len(pack.leases) - len(chosen)
            mine = self._waiting_in(group)[:room]
            self._waiting = [lease for lease in self._waiting if lease not in mine]
            chosen += mine
            room -= len(mine)
            if room <= 0 or self._waiting or not self._draw(room):
                return chosen

    def _belongs(self, lease: Lease, group: Hashable) -> bool:
        try:
            return self._code.group(lease.settings) == group
        except BaseException as error:
            self._worker.border.check_whose(error)
            return False

    def _round(self, pack: Pack, fresh: Sequence[Lease]) -> bool:
        """New members, one round, reports and outcomes; False where the pack itself failed.

        Then each of its members is tried again alone, where it can spoil nobody's training.
        """
        try:
            ended = pack.add(fresh) if fresh else []
            reports = pack.advance() if pack.leases else []
        except BaseException as error:
            self._worker.border.check_whose(error)
            leases = [*pack.leases, *(lease for lease in fresh if lease not in pack.leases)]
            if len(leases) == 1:
                self._fail(leases[0], error)
            else:
                self._alone += leases
            return False
        self._check_process(len(pack.leases) + len(ended) - 1)
        if ended:
            self._source.commit(ended)
        stops = self._source.report(reports) if reports else {}
        outcomes = pack.settle(stops)
        self._worker.border.put_back()
        self._worker.mend_data()
        self._check_process(len(pack.leases) + len(outcomes) - 1)
        if outcomes:
            self._source.commit(outcomes)
        return True

    def _check_process(self, num_others: int) -> None:
        """Have others begin anew elsewhere, rather than go on in a process that cannot be mended.

        Raises: TrainableError.
        """
        if self._worker.border.broken and num_others:
            raise TrainableError(self._worker.border.spoiled)

    def _fail(self, lease: Lease, error: BaseException) -> None:
        self._source.commit([Outcome.failed(lease, error, device=device_name(self._worker.device))])
