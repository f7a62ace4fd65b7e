"""Keeps every study moving: compares what the ledger wants with what the cluster does, and acts on it."""

import logging
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from service.auth import attempt_token
from service.cluster import Cluster, Job, JobStatus
from service.errors import ClusterUnavailable, ServiceError
from service.ledger import Ledger, attempts, counts, leasing, studies
from service.ledger.attempts import Attempt
from service.ledger.studies import StudyRow
from service.settings import Settings

logger = logging.getLogger(__name__)

MAX_FRUITLESS = 3
RETRY_S = (0.0, 2.0, 10.0)
STOP_AGAIN_S = 20.0
STALL_LEASES = 3
STOP_WAIT_S = 15


@dataclass(slots=True)
class _Memory:
    """What this process remembers of a study, to be patient; losing it costs only patience."""

    stop_asked_at: float | None = None
    silent_since: float | None = None
    ended_at: dict[int, float] = field(default_factory=dict)


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

    def reconcile(self) -> None:
        """One round over all studies that need something. A study's trouble does not stop the others."""
        with self._ledger.read() as tx:
            active = studies.active(tx)
        self._memories = {study.id: self._memories.get(study.id, _Memory()) for study in active}
        for study in active:
            try:
                self._reconcile(study, self._memories[study.id])
            except ClusterUnavailable as error:
                logger.warning("study %s: %s", study.id, error)
            except ServiceError as error:
                # Somebody else moved the study meanwhile; the next round sees how.
                logger.info("study %s: %s", study.id, error)

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
            fruitless = _fruitless(since, counts.num_ended_by(tx, study.id))
        if fruitless >= MAX_FRUITLESS:
            self._give_up(study, past[-1])
            return
        if past:
            ended_at = memory.ended_at.setdefault(past[-1].number, self._clock())
            if self._clock() - ended_at < RETRY_S[min(fruitless, len(RETRY_S) - 1)]:
                return
        with self._ledger.write() as tx:
            attempt = attempts.begin(tx, study.id)
        logger.info("study %s: attempt %d begins", study.id, attempt.number)
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
            elif attempt.expired or attempt.heartbeat_at is None:
                self._lose(attempt, "the cluster does not know the job any more")
        elif status.state.ended:
            self._lose(attempt, _last_words(status))
        elif attempt.submitted_at is None:
            with self._ledger.write() as tx:
                attempts.submitted(tx, attempt.study_id, attempt.number)
        else:
            self._check_silence(attempt, memory)

    def _check_silence(self, attempt: Attempt, memory: _Memory) -> None:
        """A driver that runs but is not heard: stopped or hung. While the API is away nobody is heard."""
        if not attempt.expired or not self._api_answers():
            memory.silent_since = None
            return
        now = self._clock()
        memory.silent_since = now if memory.silent_since is None else memory.silent_since
        if now - memory.silent_since >= STALL_LEASES * self._settings.lease_s:
            self._lose(attempt, "the driver has stopped speaking", if_expired=True)
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

    def _lose(self, attempt: Attempt, reason: str, *, if_expired: bool = False) -> None:
        with self._ledger.write() as tx:
            if attempts.lost(tx, attempt.study_id, attempt.number, reason, if_expired=if_expired):
                logger.warning("study %s: attempt %d is lost: %s", attempt.study_id, attempt.number, reason)

    def _give_up(self, study: StudyRow, last: Attempt) -> None:
        reason = f"given up after {MAX_FRUITLESS} attempts in a row without a result; last: {last.error}"
        with self._ledger.write() as tx:
            if attempts.live(tx, study.id) is None:
                leasing.abandon(tx, study.id, reason)
        logger.error("study %s: %s", study.id, reason)


def job_of(attempt: Attempt, settings: Settings) -> Job:
    """The driver of an attempt as a job: the same for every submission of it."""
    return Job(
        submission_id=attempt.submission_id,
        entrypoint=f"exec python -m service.driver {attempt.study_id} {attempt.number}",
        env={
            "ABLATE_INTERNAL_URL": settings.internal_url,
            "ABLATE_ATTEMPT_TOKEN": attempt_token(settings.secret, attempt.study_id, attempt.number),
            "ABLATE_DATASETS_DIR": str(settings.datasets_dir),
            "ABLATE_CHECKPOINTS_DIR": str(settings.checkpoints_dir / attempt.study_id),
            "ABLATE_QUANTUM_S": str(settings.quantum_s),
            "PYTHONUNBUFFERED": "1",
            "RAY_JOB_STOP_WAIT_TIME_S": str(STOP_WAIT_S),
        },
        metadata={"ablate_study": attempt.study_id, "ablate_attempt": str(attempt.number)},
    )


def _fruitless(past: list[Attempt], num_ended: Mapping[int, int]) -> int:
    """How many of the latest attempts, in a row, ended no trial."""
    count = 0
    for attempt in reversed(past):
        if num_ended.get(attempt.number, 0):
            break
        count += 1
    return count


def _last_words(status: JobStatus) -> str:
    return f"the job ended as {status.state.lower()}: {status.message}"
