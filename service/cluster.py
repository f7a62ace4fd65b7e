"""Ray's Jobs API over plain HTTP: submit, status, stop, logs. Needs no Ray in this process."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

import httpx

from service.errors import ClusterUnavailable
from service.protocol import LOST_EXIT
from service.settings import Settings

TIMEOUT_S = 15.0
SUBMIT_TIMEOUT_S = 60.0


class JobState(StrEnum):
    """A job's state, by Ray's own names."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"

    @property
    def ended(self) -> bool:
        """Whether Ray says that it is over. A failed head can make a live job look failed."""
        return self in (JobState.STOPPED, JobState.SUCCEEDED, JobState.FAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to run. The entrypoint goes through a shell: never put a user's text into it."""

    submission_id: str
    entrypoint: str
    env: Mapping[str, str] = field(repr=False, default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)


KILLED_EXITS = (-signal.SIGKILL, -signal.SIGTERM, 128 + signal.SIGKILL, 128 + signal.SIGTERM)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStatus:
    """How a job stands, and Ray's words about it: what kind of error, and with which code it exited."""

    state: JobState
    message: str = ""
    error_type: str = ""
    exit_code: int | None = None

    @property
    def lost(self) -> bool:
        """Whether it ended for want of the cluster or by a signal from outside, not by what it did."""
        supervisor = self.error_type.startswith("JOB_SUPERVISOR_")
        return self.state is JobState.FAILED and (supervisor or self.exit_code in (LOST_EXIT, *KILLED_EXITS))


class Cluster(Protocol):
    """Runs jobs. Every method raises ClusterUnavailable when the cluster does not answer."""

    def submit(self, job: Job) -> None:
        """Start a job. A job with this id that already exists is left alone."""
        ...

    def status(self, submission_id: str) -> JobStatus | None:
        """How a job stands; None if the cluster has never heard of it."""
        ...

    def stop(self, submission_id: str) -> None:
        """Ask a job to end; nothing happens if it has ended or is unknown."""
        ...

    def logs(self, submission_id: str) -> str | None:
        """All that a job has printed; None if the cluster has never heard of it."""
        ...


class RayCluster:
    """Cluster over Ray's dashboard, with its token."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def submit(self, job: Job) -> None:
        """Start a job. A lost answer and a doubled submission are both settled by looking it up."""
        body = {
            "submission_id": job.submission_id,
            "entrypoint": job.entrypoint,
            "runtime_env": {"env_vars": dict(job.env)},
            "metadata": dict(job.metadata),
        }
        try:
            answer = self._client.post("/api/jobs/", json=body, timeout=SUBMIT_TIMEOUT_S)
            refusal = None if answer.is_success else f"{answer.status_code}: {answer.text[-500:]}"
        except httpx.TransportError as error:
            refusal = f"{type(error).__name__}: {error}"
        # Ray answers 500 for an id that exists, and answers get lost: what counts is whether it is there.
        if refusal is not None and self.status(job.submission_id) is None:
            raise ClusterUnavailable(f"submitting {job.submission_id} failed: {refusal}")

    def status(self, submission_id: str) -> JobStatus | None:
        """How a job stands; None if the cluster has never heard of it."""
        answer = self._ask("GET", f"/api/jobs/{submission_id}")
        if answer is None:
            return None
        job = answer.json()
        return JobStatus(
            state=JobState(job["status"]),
            message=job.get("message") or "",
            error_type=job.get("error_type") or "",
            exit_code=job.get("driver_exit_code"),
        )

    def stop(self, submission_id: str) -> None:
        """Ask a job to end; nothing happens if it has ended or is unknown."""
        self._ask("POST", f"/api/jobs/{submission_id}/stop")

    def logs(self, submission_id: str) -> str | None:
        """All that a job has printed; None if the cluster has never heard of it."""
        answer = self._ask("GET", f"/api/jobs/{submission_id}/logs")
        return None if answer is None else str(answer.json()["logs"])

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _ask(self, method: str, path: str) -> httpx.Response | None:
        try:
            answer = self._client.request(method, path)
        except httpx.TransportError as error:
            raise ClusterUnavailable(f"{type(error).__name__}: {error}") from error
        if answer.status_code == 404:
            return None
        if not answer.is_success:
            raise ClusterUnavailable(f"{method} {path} answered {answer.status_code}: {answer.text[-500:]}")
        return answer


def connect(settings: Settings) -> RayCluster:
    """The cluster these settings name.

    Raises: ClusterUnavailable when they name none, or its token cannot be read yet.
    """
    if settings.ray_dashboard_url is None:
        raise ClusterUnavailable("no cluster is configured: ABLATE_RAY_DASHBOARD_URL is not set")
    headers = {}
    if settings.ray_token_path is not None:
        try:
            headers["Authorization"] = f"Bearer {settings.ray_token_path.read_text().strip()}"
        except OSError as error:
            raise ClusterUnavailable(f"no token for the cluster: {error}") from error
    client = httpx.Client(
        base_url=settings.ray_dashboard_url, headers=headers, timeout=TIMEOUT_S, trust_env=False
    )
    return RayCluster(client)


def job_logs(settings: Settings, submission_id: str) -> str:
    """What a job has printed so far; empty for a job that the cluster does not know (any more)."""
    cluster = connect(settings)
    try:
        return cluster.logs(submission_id) or ""
    finally:
        cluster.close()
