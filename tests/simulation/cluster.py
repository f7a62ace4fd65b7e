"""A simulated Ray: jobs over its HTTP API, actors, nodes. It forgets, lies and is late as the real one."""

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayTaskError

from service.cluster import Job, JobState
from tests.simulation.kernel import Kernel, Process
from tests.simulation.network import Network, Unanswered, Unreachable

NODE_GONE = -20
STOP_WAIT = "RAY_JOB_STOP_WAIT_TIME_S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lies:
    """How often Ray is wrong or slow, each a probability for one job."""

    failed_alive: float = 0.0
    """A live job is called FAILED, as after the head's failover (ray#65025)."""
    starts_late: float = 0.0
    """A job is PENDING for minutes; it may be called FAILED and start after all (ray#41437)."""
    stale: float = 0.0
    """A status is that of a while ago."""


class SimJob:
    """A job: its state as Ray tells it, and its process."""

    def __init__(self, job: Job, process: Process) -> None:
        self.job = job
        self.process = process
        self.state = JobState.PENDING
        self.before = JobState.PENDING
        self.changed_at = 0.0
        self.message = ""
        self.exit_code: int | None = None
        self.told: Callable[[], None] | None = None
        self.stopping = False

    def set(self, state: JobState, at: float, message: str = "") -> None:
        self.before, self.state, self.changed_at, self.message = self.state, state, at, message


class SimRay:
    """The head and its nodes. `launch` runs a job's program in its process; `actors` carries their calls."""

    def __init__(
        self,
        kernel: Kernel,
        seed: int,
        network: Network,
        actors: Network,
        launch: Callable[["SimJob"], None],
        lies: Lies,
    ) -> None:
        self.kernel = kernel
        self.rng = Random(f"{seed} ray")
        self.network = network
        self.actors = actors
        self.launch = launch
        self.lies = lies
        self.head: Process | None = kernel.process("head")
        self.jobs: dict[str, SimJob] = {}
        self.printed: dict[str, str] = {}
        self.all_processes: list[Process] = []
        """Of every job there ever was, also those that the head has forgotten."""
        self.num_nodes = 2
        self.slots: dict[Process, int] = {}
        """Processes of slots by the number of their node."""

    # What the head answers, and what goes on behind it.

    def submit(self, job: Job) -> tuple[int, Mapping[str, Any]]:
        if job.submission_id in self.jobs:
            return 500, {"text": f"Job with submission_id {job.submission_id} already exists"}
        made = SimJob(job, self.kernel.process(job.submission_id))
        self.jobs[job.submission_id] = made
        self.all_processes.append(made.process)
        late = self.rng.random() < self.lies.starts_late
        in_s = self.rng.uniform(20, 200) if late else self.rng.uniform(0.2, 3.0)
        made.process.spawn(lambda: self._run(made), "main", in_s=in_s)
        if late and self.rng.random() < 0.5:
            made.process.spawn(lambda: self._fail(made, "did not start in time"), "timer", in_s=in_s / 2)
        if self.rng.random() < self.lies.failed_alive:
            lie_in_s = in_s + self.rng.uniform(0, 40)
            made.process.spawn(lambda: self._fail(made, "failed, says the new head"), "lie", in_s=lie_in_s)
        made.process.mourners.append(lambda: self._ended(made))
        return 200, {}

    def status(self, submission_id: str) -> tuple[int, Mapping[str, Any]]:
        job = self.jobs.get(submission_id)
        if job is None:
            return 404, {}
        state, age_s = job.state, self.kernel.now - job.changed_at
        if age_s < 20.0 and self.rng.random() < self.lies.stale:
            state = job.before
        told = {"status": str(state), "message": job.message, "driver_exit_code": job.exit_code}
        return 200, told

    def stop(self, submission_id: str) -> tuple[int, Mapping[str, Any]]:
        job = self.jobs.get(submission_id)
        if job is None:
            return 404, {}
        if not job.state.ended and not job.stopping:
            job.stopping = True
            wait_s = float(job.job.env.get(STOP_WAIT, "3"))
            self.head.spawn(lambda: self._stop(job, wait_s), "stop")  # type: ignore[union-attr]
        return 200, {}

    def logs(self, submission_id: str) -> tuple[int, Mapping[str, Any]]:
        if submission_id not in self.jobs:
            return 404, {}
        return 200, {"logs": self.printed.get(submission_id, "")}

    def _run(self, job: SimJob) -> None:
        if job.state is JobState.PENDING:
            job.set(JobState.RUNNING, self.kernel.now)
        self.launch(job)
        self.kernel.kill(job.process, 0)

    def _fail(self, job: SimJob, message: str) -> None:
        if not job.state.ended:
            job.set(JobState.FAILED, self.kernel.now, message)

    def _stop(self, job: SimJob, wait_s: float) -> None:
        if job.told is not None and job.process.alive:
            job.told()
            self.kernel.sleep(wait_s)
        if job.process.alive:
            self.kernel.kill(job.process, -9)

    def _ended(self, job: SimJob) -> None:
        """Ray notices the end of a job's process; what had been told as its end stays."""
        code = job.exit_code = job.process.exit_code
        if job.state.ended:
            return
        if job.stopping:
            job.set(JobState.STOPPED, self.kernel.now)
        elif code == 0:
            job.set(JobState.SUCCEEDED, self.kernel.now)
        else:
            job.set(JobState.FAILED, self.kernel.now, f"entrypoint failed with exit code {code}")

    # What happens to it.

    def lose_head(self, back_in_s: float, most_outlived_s: float) -> None:
        """The head dies and forgets all jobs; what ran on it is gone at once or some time later."""
        if self.head is None:
            return
        jobs = list(self.jobs.values())
        self.jobs.clear()
        self.kernel.kill(self.head)
        self.head = None
        reaper = self.kernel.process("reaper")

        def come_back() -> None:
            self.head = self.kernel.process("head")

        reaper.spawn(come_back, "head", in_s=back_in_s)
        for job in jobs:
            after_s = self.rng.uniform(0, most_outlived_s)
            reaper.spawn(lambda job=job: self.kernel.kill(job.process), "job", in_s=after_s)

    def lose_node(self, node: int) -> None:
        """All slots of a node are gone."""
        for process in [process for process, place in self.slots.items() if place == node]:
            self.kernel.kill(process, NODE_GONE)


class RayHttp:
    """Ray's dashboard as a process reaches it: what `httpx.Client` is to the product's RayCluster."""

    def __init__(self, ray: SimRay) -> None:
        self._ray = ray

    def post(self, _path: str, *, json: Mapping[str, Any], timeout: float) -> httpx.Response:
        job = Job(
            submission_id=json["submission_id"],
            entrypoint=json["entrypoint"],
            env=json["runtime_env"]["env_vars"],
            metadata=json["metadata"],
        )
        return self._ask(lambda: self._ray.submit(job), "submit", timeout)

    def request(self, _method: str, path: str) -> httpx.Response:
        submission_id, _, verb = path.removeprefix("/api/jobs/").partition("/")
        call = {"": self._ray.status, "stop": self._ray.stop, "logs": self._ray.logs}[verb]
        return self._ask(lambda: call(submission_id), verb or "status", 15.0)

    def close(self) -> None:
        """Nothing to close."""

    def _ask(self, work: Callable[[], Any], name: str, timeout_s: float) -> httpx.Response:
        ray = self._ray
        try:
            status, body = ray.network.call(lambda: ray.head, work, f"ray {name}", timeout_s=timeout_s)
        except Unanswered as error:
            raise httpx.ReadError(str(error)) from None
        return httpx.Response(status, json=body)


class SimActor:
    """An object that lives in a process of its own; others call its methods through the network."""

    def __init__(self, network: Network, process: Process) -> None:
        self._network = network
        self.process = process
        self.instance: Any = None

    def call(self, method: str, *arguments: Any) -> Any:
        """Raises: ActorDiedError, ActorUnavailableError (it may have been done), RayTaskError."""
        sent = pickle.dumps(arguments)

        def work() -> bytes:
            try:
                return pickle.dumps(getattr(self.instance, method)(*pickle.loads(sent)))
            except Exception as error:
                raise RayTaskError(method, repr(error), error) from None

        if not self.process.alive:
            self._network._kernel.sleep(0.01)
            raise ActorDiedError()
        try:
            alive = lambda: self.process if self.instance is not None else None  # noqa: E731
            return pickle.loads(
                self._network.call(alive, work, f"{self.process.name}.{method}", orderly=True)
            )
        except Unreachable:
            raise ActorDiedError() from None
        except Unanswered as error:
            if not self.process.alive:
                raise ActorDiedError() from None
            raise ActorUnavailableError(str(error), None) from None
