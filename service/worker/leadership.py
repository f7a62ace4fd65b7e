"""Which of several workers on one ledger leads; the others wait and take over."""

import logging
import secrets
import time
from collections.abc import Callable

from service.ledger import Ledger, fence

logger = logging.getLogger(__name__)

LEASE_S, RENEW_S = 8.0, 2.0
"""Whoever waits takes over within the sum of both, whatever has happened to the leader."""


class Leadership:
    """One worker's claim to lead. It holds no longer than this process knows that nobody else can lead."""

    def __init__(
        self, ledger: Ledger, name: str = "publisher", *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._name = name
        self._holder = secrets.token_hex(8)
        self._clock = clock
        self._until = 0.0

    def renew(self) -> bool:
        """Take or keep the lease; whether this worker leads now."""
        asked_at, led = self._clock(), self.leads()
        with self._ledger.write() as tx:
            taken = fence.take_lease(tx, self._name, self._holder, LEASE_S)
        self._until = asked_at + LEASE_S if taken else 0.0
        if self.leads() != led:
            logger.info("this worker %s", "leads" if taken else "waits: another one leads")
        return self.leads()

    def leads(self) -> bool:
        """Whether nobody else can lead at this moment."""
        return self._clock() < self._until

    def resign(self) -> None:
        """Let another one lead at once."""
        self._until = 0.0
        with self._ledger.write() as tx:
            fence.release_lease(tx, self._name, self._holder)
