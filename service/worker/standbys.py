"""Keeps drivers standing by: loaded and waiting, so that a study's first trial starts at once.

Each gets one study in its life and ends with it, so that nothing passes from a study to the next.
"""

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from service.cluster import Cluster
from service.errors import ClusterUnavailable
from service.ledger import Ledger, Tx, standbys
from service.ledger.standbys import Standby
from service.settings import Settings
from service.worker.jobs import standby_job

logger = logging.getLogger(__name__)

LOOK_S = 5.0
APPEARS_S = 20.0
"""How long a job that was announced may be unknown to the cluster."""
SILENT_S = 40.0
"""Four times as long as an answer to one that waits may take."""
START_S = 300.0
MAX_AGE_S = 6 * 3600.0
QUIET_S = 30.0
"""A study that has run for so long is not a short one: making the next driver ready slows it by little."""
REST_S = 15.0
"""After a study's end its report is written and its runs go to MLflow. Making the next driver ready would
slow that, and waits for it so long."""
LONGEST_WAIT_S = 600.0
AWAY_S = 1.0
PREFIX = "ablate-standby-"


class Standbys:
    """Starts as many as are wanted, looks after them, and gives them to studies.

    They are made ready when no short study would be disturbed by it. One that died is replaced, after
    longer and longer waits while they die without having waited.
    """

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        cluster: Callable[[], Cluster],
        *,
        api_answers: Callable[[], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._cluster = cluster
        self._api_answers = api_answers
        self._clock = clock
        self._next_look = 0.0
        self._num_failed = 0
        self._not_before = 0.0

    def keep(self, *, busy: bool) -> bool:
        """One round; whether enough stand by. `busy` while a study that may be short is under way.

        Raises: ClusterUnavailable.
        """
        with self._ledger.read() as tx:
            known = standbys.waiting(tx)
        now = self._clock()
        if known and now >= self._next_look:
            self._next_look = now + LOOK_S
            known = self._look(known)
        for surplus in known[self._settings.standbys :]:
            self._dismiss(surplus.id, "it is not wanted any more")
        if len(known) < self._settings.standbys and not busy and now >= self._not_before:
            self._start()
        return len(known) >= self._settings.standbys

    def take(self, tx: Tx) -> Standby | None:
        """One for a study, in the transaction that begins the study's attempt; None if none waits.

        The one that has waited longest, else one that is still starting: that is no slower than a new one.
        """
        known = [each for each in standbys.waiting(tx) if (each.silent_s or 0.0) < SILENT_S]
        for standby in sorted(known, key=lambda each: each.silent_s is None):
            if standbys.remove(tx, standby.id):
                self._num_failed = 0
                return standby
        return None

    def _start(self) -> None:
        # Its number says nothing; the ledger has it before the cluster has.
        standby_id = f"{PREFIX}{secrets.token_hex(8)}"
        with self._ledger.write() as tx:
            standbys.announce(tx, standby_id)
        try:
            self._cluster().submit(standby_job(standby_id, self._settings))
        except ClusterUnavailable:
            self._forget(standby_id)
            self._not_before = self._clock() + AWAY_S
            raise

    def _look(self, known: Sequence[Standby]) -> list[Standby]:
        """Those that are still there; the others are forgotten."""
        there = []
        for standby in known:
            trouble = self._trouble(standby)
            if trouble is None:
                there.append(standby)
                continue
            self._num_failed = 0 if standby.silent_s is not None else self._num_failed + 1
            pause_s = min(2 ** min(self._num_failed, 10) * LOOK_S, LONGEST_WAIT_S)
            self._not_before = self._clock() + (pause_s if self._num_failed else 0.0)
            self._dismiss(standby.id, trouble)
        return there

    def _trouble(self, standby: Standby) -> str | None:
        status = self._cluster().status(standby.id)
        if status is None:
            return "the cluster does not know it" if standby.age_s > APPEARS_S else None
        if status.state.ended:
            return f"it ended as {status.state.lower()}: {status.message}"
        if standby.age_s > MAX_AGE_S:
            return "it is old"
        if standby.silent_s is None:
            return "it did not come up in time" if standby.age_s > START_S else None
        # While the API is away nobody is heard.
        return "it is silent" if standby.silent_s > SILENT_S and self._api_answers() else None

    def _dismiss(self, standby_id: str, why: str) -> None:
        if self._forget(standby_id):
            logger.info("%s: %s", standby_id, why)
            with suppress(ClusterUnavailable):  # it ends when it next asks
                self._cluster().stop(standby_id)

    def _forget(self, standby_id: str) -> bool:
        with self._ledger.write() as tx:
            return standbys.remove(tx, standby_id)
