"""What a trainable offers so that its trials can be trained in packs."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Protocol

from ablations.errors import Json
from trainables.training.lease import Lease, Outcome, Report
from trainables.training.worker import Worker


class Pack(Protocol):
    """Trials in training. Whatever one of them does wrong is its own outcome; an error is the pack's."""

    @property
    def leases(self) -> Sequence[Lease]:
        """The trials in it."""
        ...

    def add(self, leases: Sequence[Lease]) -> list[Outcome]:
        """Take trials in; returns those that end at once."""
        ...

    def advance(self) -> list[Report]:
        """Train every member up to its next report: an epoch, say; returns what there is to report."""
        ...

    def settle(self, stops: Mapping[str, str]) -> list[Outcome]:
        """Tell members that must stop and why; the outcomes of those that have ended, which leave."""
        ...


class Bench(Protocol):
    """Where the packs of one group are made.

    `largest` is the most trials that can share a pack here, None where any number can.
    """

    largest: int | None

    def pack(self) -> Pack:
        """An empty pack."""
        ...

    def fastest(self, leases: Sequence[Lease]) -> int:
        """The size at which these trials, at least two, take the least time; trains a few steps to tell."""
        ...


class Packable(Protocol):
    """A trainable whose trials can share packs."""

    def group(self, settings: Mapping[str, Json]) -> Hashable:
        """The group a trial belongs to; only trials of one group can share a pack."""
        ...

    def room(self, device: str) -> int:
        """How many trials to draw where the size of packs is to be found; 1 where packs gain nothing."""
        ...

    def bench(self, settings: Mapping[str, Json], worker: Worker, threads: int) -> Bench:
        """The bench of the group that a trial with these settings belongs to."""
        ...
