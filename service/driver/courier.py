"""Carries leases, results and heartbeats to the service in order, and keeps them while it is away."""

import logging
import math
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from service.driver.client import Away, CallRefused, Internal, InternalError, Stale
from service.protocol import Running, as_failed
from service.timing import REAL, Flag, Timing
from trainables.training.lease import Outcome, Report

logger = logging.getLogger(__name__)

BATCH = 200
ROUND_S = 0.25
BEAT_S = 1.0
LONGEST_WAIT_S = 5.0

T = TypeVar("T")


class Courier:
    """One attempt's outgoing mail. Everything is sent once and in order; a lost answer is asked again.

    Leases are announced after they were given out: training does not wait for the service, and a
    trial that turns out not to be ours is stopped at its next report.
    """

    def __init__(self, internal: Internal, *, beat_s: float = BEAT_S, timing: Timing = REAL) -> None:
        self._internal = internal
        self._beat_s = beat_s
        self._timing = timing
        self._lock = threading.Lock()
        self._round = timing.lock()
        self._leases: list[str] = []
        self._outcomes: list[Outcome] = []
        self._progress: dict[str, Report] = {}
        self._next_beat = 0.0
        self._waits_for: str | None = None
        self.desired = "run"
        self.over: str | None = None
        """Why this attempt may not write any more."""
        self.unwanted: set[str] = set()
        """Trials the service refused to lease: they have ended or were cancelled."""

    def leased(self, trial_ids: Sequence[str]) -> None:
        """Trials were given to a slot."""
        with self._lock:
            self._leases += trial_ids

    def ended(self, outcomes: Sequence[Outcome]) -> None:
        """Results came in."""
        with self._lock:
            self._outcomes += outcomes
            for outcome in outcomes:
                self._progress.pop(outcome.trial_id, None)

    def wait_for(self, words: str | None) -> None:
        """What trials wait for now; told with a heartbeat that does not wait for its time."""
        with self._lock:
            self._waits_for = words
            self._next_beat = 0.0

    def progressed(self, reports: Sequence[Report]) -> None:
        """Trials reported a step; only the newest report of each is sent."""
        with self._lock:
            for report in reports:
                self._progress[report.trial_id] = report

    @property
    def num_waiting(self) -> int:
        """Leases and results not yet delivered."""
        with self._lock:
            return len(self._leases) + len(self._outcomes)

    def deliver(self) -> bool:
        """One round: everything that waits, then a heartbeat if it is time. False when away or over."""
        with self._round:
            if self.over is not None:
                return False
            try:
                delivered = self._deliver_mail()
                if self._timing.monotonic() >= self._next_beat:
                    self._beat()
            except Away as error:
                logger.warning("the service is away: %s", error)
                return False
            except Stale as error:
                self.over = str(error)
                return False
            except CallRefused as error:
                self.over = f"the service refuses this driver: {error}"
                return False
            return delivered

    def run(self, stopped: Flag) -> None:
        """Deliver until told to stop, more slowly while the service is away."""
        wait_s = ROUND_S
        while not stopped.wait(wait_s) and self.over is None:
            wait_s = ROUND_S if self.deliver() else min(2 * wait_s, LONGEST_WAIT_S)

    def flush(self, timeout_s: float) -> bool:
        """Deliver everything; False if that did not succeed in time."""
        deadline = self._timing.monotonic() + timeout_s
        while self.num_waiting and self.over is None and self._timing.monotonic() < deadline:
            if not self.deliver():
                self._timing.sleep(ROUND_S)
        return not self.num_waiting

    def _deliver_mail(self) -> bool:
        """Leases and results; an error that nobody foresaw is told, and heartbeats go on."""
        try:
            self._deliver_leases_and_outcomes()
        except InternalError:
            raise
        except Exception:
            logger.exception("leases and results could not be delivered now")
            return False
        return True

    def _deliver_leases_and_outcomes(self) -> None:
        # Read together: a result never overtakes its own lease.
        with self._lock:
            leases, outcomes = list(self._leases), list(self._outcomes)
        for ids in _batches(leases):
            granted = set(self._internal.lease(ids))
            with self._lock:
                del self._leases[: len(ids)]
                self.unwanted |= set(ids) - granted
        for batch in _batches(outcomes):
            self._commit(batch)
            with self._lock:
                del self._outcomes[: len(batch)]

    def _commit(self, outcomes: Sequence[Outcome]) -> None:
        try:
            self._internal.commit(outcomes)
        except CallRefused as error:
            if len(outcomes) > 1:
                for outcome in outcomes:
                    self._commit([outcome])
            else:
                self._internal.commit([as_failed(outcomes[0], f"result refused: {error}")])

    def _beat(self) -> None:
        with self._lock:
            running, self._progress = list(self._progress.values()), {}
            waits_for = self._waits_for
        try:
            told = [Running.reported(report) for report in running]
            self.desired = self._internal.heartbeat(told, waits_for)
        except CallRefused as error:
            # How far trials are is a courtesy; that this attempt lives must be heard.
            logger.warning("the service refuses to hear how far trials are: %s", error)
            self.desired = self._internal.heartbeat([], waits_for)
        except Away:
            with self._lock:
                self._progress = {report.trial_id: report for report in running} | self._progress
            raise
        with self._lock:
            if waits_for == self._waits_for:
                self._next_beat = self._timing.monotonic() + self._beat_s


def persist(ask: Callable[[], T], *, timeout_s: float = math.inf, timing: Timing = REAL) -> T:
    """Ask until the service answers. Raises: Stale, CallRefused; Away after the timeout."""
    deadline = timing.monotonic() + timeout_s
    wait_s = ROUND_S
    while True:
        try:
            return ask()
        except Away as error:
            logger.warning("the service is away: %s", error)
            if timing.monotonic() + wait_s > deadline:
                raise
            timing.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)


def _batches(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[start : start + BATCH] for start in range(0, len(items), BATCH)]
