"""Trials whose code changed after they were planned are not trained under the old name."""

from collections.abc import Mapping, Sequence

from trainables.catalogue import Catalogue
from trainables.errors import CodeMismatch, TrainableError
from trainables.training.lease import Lease, Outcome, Report, Source


class CheckedSource:
    """A source without the trials whose code is not what they were planned with: those fail at once.

    A process knows the digest of a package from the first time it was asked for, just before it is imported.
    """

    def __init__(self, source: Source, catalogue: Catalogue, trainable: str, *, device: str) -> None:
        self._source, self._catalogue, self._trainable = source, catalogue, trainable
        self._device = device

    def draw(self, room: int) -> Sequence[Lease]:
        """Up to `room` trials that are as they were planned; empty when nothing is left or time is up."""
        while leases := self._source.draw(room):
            faults = {lease.trial_id: self._fault(lease) for lease in leases}
            wrong = [
                Outcome.failed(lease, fault, device=self._device)
                for lease in leases
                if (fault := faults[lease.trial_id]) is not None
            ]
            if wrong:
                self._source.commit(wrong)
            if kept := [lease for lease in leases if faults[lease.trial_id] is None]:
                return kept
        return []

    def report(self, reports: Sequence[Report]) -> Mapping[str, str]:
        """As the source's own."""
        return self._source.report(reports)

    def commit(self, outcomes: Sequence[Outcome]) -> None:
        """As the source's own."""
        self._source.commit(outcomes)

    def _fault(self, lease: Lease) -> CodeMismatch | None:
        if not lease.code:
            return None
        try:
            here = self._catalogue.code_digests(self._trainable, lease.settings)
        except TrainableError:
            return None  # missing here: the trial fails by that when it begins
        changed = [role for role, digest in lease.code.items() if here.get(role) != digest]
        return CodeMismatch.naming(changed) if changed else None
