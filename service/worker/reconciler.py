"""Keeps every study moving: compares what the ledger wants with what the cluster does, and acts on it."""

import logging
import math
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from service.budgets import Budgets
from service.cluster import Cluster, JobStatus
from service.errors import ClusterUnavailable, ServiceError
from service.ledger import Ledger, attempts, builds, counts, leasing, outbox, studies
from service.ledger.attempts import Attempt
from service.ledger.studies import StudyRow
from service.settings import Settings
from service.worker.jobs import job_of
from service.worker.standbys import QUIET_S, REST_S, Standbys

logger = logging.getLogger(__name__)

RETRY_S = (0.0, 2.0, 10.0, 20.0, 40.0, 60.0)
MAX_WITHOUT_RESULT = 1000
"""Attempts in a row that ended no trial, whatever else they gained: nothing repeats for ever."""
LOST = "node_lost"
UNKNOWN_S = 10.0
"""How long a driver whose job the cluster does not know is waited for: it speaks every second, or every
five after the API was away."""
STOP_AGAIN_S = 20.0
STALL_LEASES = 3


@dataclass(slots=True)
class _Memory:
    """What this process remembers of a study, to be patient; losing it costs only patience."""

    since: float
    stop_asked_at: float | None = None
    silent_since: float | None = None
    ended_at: dict[int, float] = field(default_factory=dict)
    trouble: str = ""


class Reconciler:
    """A level-triggered loop: every round looks at everything anew, so a lost step is simply taken again.

    Every write is a compare-and-set in the ledger, and an attempt's writes are fenced there: two
    reconcilers, or one that was killed anywhere, do no harm.
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
        self._memories: dict[str, _Memory] = {}
        self._standbys = Standbys(settings, ledger, cluster, api_answers=api_answers, clock=clock)
        self._trouble = ""
        self._active_at = -math.inf

    def reconcile(self) -> None:
        """One round over all studies that need something. A study's trouble does not stop the others."""
        with self._ledger.read() as tx:
            active = studies.active(tx)
        now = self._clock()
        self._memories = {study.id: self._memories.get(study.id, _Memory(since=now)) for study in active}
        for study in active:
            memory = self._memories[study.id]
            try:
                self._reconcile(study, memory)
                memory.trouble = ""
            except ClusterUnavailable as error:
                memory.trouble = _tell_once(f"study {study.id}", error, memory.trouble)
            except ServiceError as error:
                # Somebody else moved the study meanwhile; the next round sees how.
                logger.info("study %s: %s", study.id, error)
        self._active_at = now if active else self._active_at
        short = any(now - memory.since < QUIET_S for memory in self._memories.values())
        try:
            if self._standbys.keep(busy=short or self._is_resting(active, now)):
                self._trouble = ""
        except ClusterUnavailable as error:
            self._trouble = _tell_once("drivers that stand by", error, self._trouble)

    def _is_resting(self, active: Sequence[StudyRow], now: float) -> bool:
        """Whether the last study's report or runs are still to come, and may have the machine for that."""
        if active or now - self._active_at >= REST_S:
            return False
        with self._ledger.read() as tx:
            unsent = self._settings.mlflow_url is not None and outbox.waiting(tx) > outbox.parked(tx)
            return unsent or builds.report_follows(tx)

    def _reconcile(self, study: StudyRow, memory: _Memory) -> None:
        with self._ledger.read() as tx:
            attempt = attempts.live(tx, study.id)
            num_open = counts.num_open(tx, study.id)
        if study.state not in ("queued", "running"):
            if attempt is not None:
                self._end(attempt, memory, study.state)
        elif attempt is not None:
            self._watch(attempt, memory)
        elif num_open:
            self._begin(study, memory)

    def _begin(self, study: StudyRow, memory: _Memory) -> None:
        """A new attempt, unless the last ones achieved nothing."""
        with self._ledger.read() as tx:
            past = attempts.all_of(tx, study.id)
            since = [attempt for attempt in past if attempt.created_at >= (study.requeued_at or 0.0)]
            num_ended = counts.num_ended_by(tx, study.id)
        saved_at = newest_checkpoint(self._settings.checkpoints_dir / study.id)
        setbacks = count_setbacks(since, num_ended, saved_at)
        given_up = setbacks.exhausted(self._settings.budgets)
        if given_up is not None:
            self._give_up(study, f"{given_up}; last: {past[-1].error}")
            return
        if past:
            ended_at = memory.ended_at.setdefault(past[-1].number, self._clock())
            # The first loss is waited for by nobody.
            waits = min(setbacks.fruitless + max(0, setbacks.losses - 1), len(RETRY_S) - 1)
            if self._clock() - ended_at < RETRY_S[waits]:
                return
        with self._ledger.write() as tx:
            # After a loss a study starts by itself: what took the last driver may take such a one again.
            standby = None if past and past[-1].state == "lost" else self._standbys.take(tx)
            attempt = attempts.begin(tx, study.id, standby=standby, lease_s=self._settings.lease_s)
        logger.info("study %s: attempt %d begins as %s", study.id, attempt.number, attempt.submission_id)
        if standby is None:
            self._submit(attempt)

    def _submit(self, attempt: Attempt) -> None:
        """Give the job to the cluster under the id the ledger has; repeating it changes nothing."""
        self._cluster().submit(job_of(attempt, self._settings))
        with self._ledger.write() as tx:
            attempts.submitted(tx, attempt.study_id, attempt.number)

    def _watch(self, attempt: Attempt, memory: _Memory) -> None:
        """See that a live attempt really lives."""
        status = self._cluster().status(attempt.submission_id)
        if status is None:
            if attempt.submitted_at is None and attempt.heartbeat_at is None:
                self._submit(attempt)
            else:
                self._check_unknown(attempt)
        elif status.state.ended:
            self._lose(attempt, _last_words(status))
        elif attempt.submitted_at is None:
            with self._ledger.write() as tx:
                attempts.submitted(tx, attempt.study_id, attempt.number)
        else:
            self._check_silence(attempt, memory)

    def _check_unknown(self, attempt: Attempt) -> None:
        """A job that a new head does not know: its driver went with the old one, unless it still speaks."""
        reason = f"{LOST}: the cluster does not know the job any more"
        if attempt.silent_s is None:
            self._lose(attempt, reason)
        elif attempt.silent_s >= UNKNOWN_S and self._api_answers():
            self._lose(attempt, reason, if_silent_s=UNKNOWN_S)

    def _check_silence(self, attempt: Attempt, memory: _Memory) -> None:
        """A driver that runs but is not heard: stopped or hung. While the API is away nobody is heard."""
        if not attempt.expired or not self._api_answers():
            memory.silent_since = None
            return
        now = self._clock()
        memory.silent_since = now if memory.silent_since is None else memory.silent_since
        if now - memory.silent_since >= STALL_LEASES * self._settings.lease_s:
            self._lose(attempt, "hung: the driver has stopped speaking", if_expired=True)
            self._cluster().stop(attempt.submission_id)
            memory.silent_since = None

    def _end(self, attempt: Attempt, memory: _Memory, state: str) -> None:
        """The study has ended but its driver has not: stop it, and close the attempt when it is gone."""
        status = self._cluster().status(attempt.submission_id)
        if status is None or status.state.ended:
            self._lose(attempt, f"the study is {state}")
            if state == "cancelled":
                # A driver that was stopped before it heard why has left them.
                shutil.rmtree(self._settings.checkpoints_dir / attempt.study_id, ignore_errors=True)
            return
        now = self._clock()
        if memory.stop_asked_at is None or now - memory.stop_asked_at >= STOP_AGAIN_S:
            memory.stop_asked_at = now
            self._cluster().stop(attempt.submission_id)

    def _lose(
        self,
        attempt: Attempt,
        reason: str,
        *,
        if_expired: bool = False,
        if_silent_s: float | None = None,
    ) -> None:
        with self._ledger.write() as tx:
            if attempts.lost(
                tx,
                attempt.study_id,
                attempt.number,
                reason,
                if_expired=if_expired,
                if_silent_s=if_silent_s,
            ):
                logger.warning("study %s: attempt %d is lost: %s", attempt.study_id, attempt.number, reason)

    def _give_up(self, study: StudyRow, reason: str) -> None:
        with self._ledger.write() as tx:
            if attempts.live(tx, study.id) is None:
                leasing.abandon(tx, study.id, f"attempts_failed: given up after {reason}")
        logger.error("study %s: given up after %s", study.id, reason)


def _tell_once(whose: str, error: ClusterUnavailable, told: str) -> str:
    """Log a trouble unless it was told last: rounds are four a second, and a head may be away for hours."""
    if str(error) != told:
        logger.warning("%s: %s", whose, error)
    return str(error)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastAttempts:
    """A study's latest attempts in a row: those that failed by themselves and those that lost their place,
    both with nothing gained, and all that ended no trial."""

    fruitless: int
    losses: int
    without_result: int

    def exhausted(self, budgets: Budgets) -> str | None:
        """What was borne too often, if anything."""
        if self.fruitless >= budgets.max_fruitless:
            return f"{self.fruitless} attempts in a row without a result"
        if self.losses >= budgets.max_losses:
            return f"{self.losses} attempts in a row whose nodes or processes were lost"
        if self.without_result >= MAX_WITHOUT_RESULT:
            return f"{self.without_result} attempts in a row in which no trial ended"
        return None


def count_setbacks(
    past: Sequence[Attempt], num_ended: Mapping[int, int], saved_at: float | None
) -> PastAttempts:
    """Count back to the attempt that gained something: ended a trial, or saved a checkpoint.

    `saved_at` is when a trial last did, by the same clock as the attempts' times; only the newest counts,
    since attempts before the one that saved it are not looked at.
    """
    fruitless = losses = without_result = 0
    gained = False
    for attempt in reversed(past):
        if num_ended.get(attempt.number, 0):
            break
        without_result += 1
        gained = gained or (saved_at is not None and attempt.created_at <= saved_at)
        if gained:
            continue
        # A driver that was told to stop ends as cancelled.
        if attempt.state == "cancelled" or (attempt.error or "").startswith(LOST):
            losses += 1
        else:
            fruitless += 1
    return PastAttempts(fruitless=fruitless, losses=losses, without_result=without_result)


def newest_checkpoint(folder: Path) -> float | None:
    """When a checkpoint was last saved in a study's folder, in seconds since 1970; None if there is none."""
    times = []
    for path in folder.glob("*.pt"):
        with suppress(OSError):  # gone meanwhile: its trial ended
            times.append(path.stat().st_mtime)
    return max(times, default=None)


def _last_words(status: JobStatus) -> str:
    words = f"the job ended as {status.state.lower()}: {status.message}"
    return f"{LOST}: {words}" if status.lost else words
