"""Answers that are still true are not made again."""

import time
from collections.abc import Hashable
from dataclasses import dataclass, field

from service.ledger import Ledger

FRESH_S = 1.0
"""For what moves on without a write: the estimate of the time that is left."""
MAX_ANSWERS = 1_000


@dataclass(frozen=True, slots=True)
class Memory:
    """What was answered lately; forgotten as soon as anybody writes to the ledger.

    Only where the ledger tells of writes at once, which PostgreSQL does not.
    """

    _answers: dict[Hashable, tuple[int, float, str, bytes]] = field(default_factory=dict)

    def recall(self, ledger: Ledger, key: Hashable) -> tuple[int | None, tuple[str, bytes] | None]:
        """The ledger's version now, to keep an answer under, and the answer that it still has."""
        version = ledger.version()
        found = self._answers.get(key)
        if found is None or found[0] != version or time.monotonic() - found[1] > FRESH_S:
            return version, None
        return version, found[2:]

    def keep(self, key: Hashable, version: int | None, tag: str, body: bytes) -> None:
        """Keep an answer that was read after the ledger had this version."""
        if version is None:
            return
        if len(self._answers) >= MAX_ANSWERS:
            self._answers.clear()
        self._answers[key] = (version, time.monotonic(), tag, body)
