"""A cluster in memory: jobs that a test moves from state to state."""

from service.cluster import Job, JobState, JobStatus
from service.errors import ClusterUnavailable


class FakeCluster:
    """Keeps jobs as Ray does: an id is used once, a stopped job is gone a moment later."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.states: dict[str, JobState] = {}
        self.ends: dict[str, JobStatus] = {}
        self.printed: dict[str, str] = {}
        self.stops: list[str] = []
        self.away = False
        self.loses_answers = False

    def submit(self, job: Job) -> None:
        self._enter()
        if job.submission_id not in self.jobs:
            self.jobs[job.submission_id] = job
            self.states[job.submission_id] = JobState.PENDING
        if self.loses_answers:
            raise ClusterUnavailable("the answer was lost")

    def status(self, submission_id: str) -> JobStatus | None:
        self._enter()
        state = self.states.get(submission_id)
        if submission_id in self.ends:
            return self.ends[submission_id]
        return None if state is None else JobStatus(state=state, message="as the test says")

    def stop(self, submission_id: str) -> None:
        self._enter()
        self.stops.append(submission_id)
        if submission_id in self.states and not self.states[submission_id].ended:
            self.states[submission_id] = JobState.STOPPED

    def logs(self, submission_id: str) -> str | None:
        self._enter()
        return self.printed.get(submission_id, "") if submission_id in self.jobs else None

    def fail(self, submission_id: str, *, error_type: str = "", exit_code: int | None = None) -> None:
        """A job fails as Ray tells it."""
        self.states[submission_id] = JobState.FAILED
        self.ends[submission_id] = JobStatus(
            state=JobState.FAILED, message="as the test says", error_type=error_type, exit_code=exit_code
        )

    def forget(self) -> None:
        """The head was replaced: nothing is known any more."""
        self.ends.clear()
        self.jobs.clear()
        self.states.clear()

    def _enter(self) -> None:
        if self.away:
            raise ClusterUnavailable("connection refused")
