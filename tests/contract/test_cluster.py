"""What the service may rely on in a cluster: one suite over the fake and a real Ray head."""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from service.cluster import Cluster, Job, JobState, JobStatus, RayCluster, connect
from service.errors import ClusterUnavailable
from service.local.ports import keep_ports
from service.protocol import LOST_EXIT
from service.settings import Settings
from tests.fake_cluster import FakeCluster
from tests.simulation.cluster import Lies, RayHttp, SimJob, SimRay
from tests.simulation.driven import Driven
from tests.simulation.kernel import Kernel
from tests.simulation.network import CALM, Network

PYTHON = f"exec {sys.executable} -c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A cluster, and how a test makes its job reach a state."""

    cluster: Cluster
    reach: Callable[[str, JobState], JobStatus]


def fake() -> Place:
    cluster = FakeCluster()

    def reach(submission_id: str, state: JobState) -> JobStatus:
        cluster.states[submission_id] = state
        cluster.printed[submission_id] = cluster.jobs[submission_id].env["WORD"]
        status = cluster.status(submission_id)
        assert status is not None
        return status

    return Place(cluster=cluster, reach=reach)


def simulated() -> Place:
    """The product's client over a simulated head, whose jobs do what the suite's programs do."""
    kernel = Kernel(0)
    network = Network(kernel, 0, CALM)

    def launch(running: SimJob) -> None:
        program = running.job.entrypoint
        ray.printed[running.job.submission_id] = running.job.env["WORD"]
        if "SystemExit(3)" in program:
            kernel.kill(running.process, 3)
        if "sleep(600)" in program:
            kernel.sleep(600.0)

    ray = SimRay(kernel, 0, network, network, launch, Lies())
    cluster = Driven(kernel.process("test"), RayCluster(RayHttp(ray)))  # type: ignore[arg-type]

    def reach(submission_id: str, state: JobState) -> JobStatus:
        deadline = kernel.now + 60.0
        while (status := cluster.status(submission_id)).state is not state:
            assert kernel.now < deadline and not status.state.ended, status
            kernel.run(by=kernel.now + 0.5)
        return status  # type: ignore[no-any-return]

    return Place(cluster=cluster, reach=reach)  # type: ignore[arg-type]


def wait(cluster: Cluster, submission_id: str, state: JobState, timeout_s: float = 90.0) -> JobStatus:
    """Until Ray says so."""
    deadline = time.monotonic() + timeout_s
    while True:
        status = cluster.status(submission_id)
        assert status is not None
        if status.state is state:
            return status
        assert not status.state.ended and time.monotonic() < deadline, status
        time.sleep(0.2)


def head(folder: Path) -> "subprocess.Popen[bytes]":
    """A Ray head with a dashboard on ports and a temp dir of its own."""
    ports, _ = keep_ports(folder / "ports.json")
    (folder / "token").write_text(secrets.token_hex(32))
    env = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(folder / "token"),
        "RAY_TMPDIR": str(folder),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
    options = {
        "port": ports["ray_gcs"],
        "dashboard-port": ports["ray_dashboard"],
        "dashboard-host": "127.0.0.1",
        "dashboard-agent-listen-port": ports["ray_agent_http"],
        "dashboard-agent-grpc-port": ports["ray_agent_grpc"],
        "runtime-env-agent-port": ports["ray_runtime_env"],
        "metrics-export-port": ports["ray_metrics"],
        "node-manager-port": ports["ray_node_manager"],
        "object-manager-port": ports["ray_object_manager"],
        "ray-client-server-port": ports["ray_client"],
        "node-ip-address": "127.0.0.1",
        "num-cpus": 1,
        "temp-dir": folder / "ray",
    }
    with (folder / "head.log").open("wb") as log:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            env=env,
            stdout=log,
            stderr=log,
        )


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[RayCluster]:
    # Ray's sockets need a short path.
    folder = Path(tempfile.mkdtemp(prefix="ray-"))
    process = head(folder)
    try:
        port = json.loads((folder / "ports.json").read_text())["ray_dashboard"]
        settings = Settings(
            data_dir=folder,
            database_url="sqlite:///unused",
            internal_url="http://127.0.0.1:1",
            secret="s",
            ray_dashboard_url=f"http://127.0.0.1:{port}",
            ray_token_path=folder / "token",
        )
        cluster = connect(settings)
        deadline = time.monotonic() + 120.0
        while True:
            try:
                cluster.status("none")
                break
            except ClusterUnavailable:
                assert time.monotonic() < deadline and process.poll() is None, (
                    folder / "head.log"
                ).read_text()
                time.sleep(0.5)
        yield cluster
        cluster.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["fake", "simulated", pytest.param("ray", marks=pytest.mark.integration)])
def place(request: pytest.FixtureRequest) -> Place:
    if request.param == "fake":
        return fake()
    if request.param == "simulated":
        return simulated()
    cluster: RayCluster = request.getfixturevalue("ray_cluster")
    return Place(cluster=cluster, reach=lambda submission_id, state: wait(cluster, submission_id, state))


def job(code: str, word: str = "hello") -> Job:
    return Job(submission_id=f"test-{uuid4().hex}", entrypoint=f'{PYTHON} "{code}"', env={"WORD": word})


SAY = "import os; print(os.environ['WORD'])"
SLEEP = "import time; time.sleep(600)"


class TestCluster:
    def test_a_job_runs_with_its_environment_and_its_words_are_kept(self, place: Place) -> None:
        said = job(SAY, word="good morning")
        place.cluster.submit(said)
        place.reach(said.submission_id, JobState.SUCCEEDED)
        assert "good morning" in (place.cluster.logs(said.submission_id) or "")

    def test_submitting_twice_runs_once(self, place: Place) -> None:
        once = job(SLEEP)
        place.cluster.submit(once)
        place.cluster.submit(once)
        place.reach(once.submission_id, JobState.RUNNING)
        place.cluster.submit(once)
        place.cluster.stop(once.submission_id)
        place.reach(once.submission_id, JobState.STOPPED)

    def test_a_failing_job_is_seen_to_fail(self, place: Place) -> None:
        failing = job("raise SystemExit(3)")
        place.cluster.submit(failing)
        assert place.reach(failing.submission_id, JobState.FAILED).state.ended

    def test_a_stopped_job_ends_and_stopping_it_again_changes_nothing(self, place: Place) -> None:
        sleeping = job(SLEEP)
        place.cluster.submit(sleeping)
        place.reach(sleeping.submission_id, JobState.RUNNING)
        place.cluster.stop(sleeping.submission_id)
        place.reach(sleeping.submission_id, JobState.STOPPED)
        place.cluster.stop(sleeping.submission_id)

    def test_an_unknown_job_is_none_and_can_be_stopped(self, place: Place) -> None:
        assert place.cluster.status("test-unknown") is None
        assert place.cluster.logs("test-unknown") is None
        place.cluster.stop("test-unknown")


def ray_answering(*statuses: int) -> RayCluster:
    """A dashboard that gives these answers, in order."""
    left = list(statuses)
    body = {"status": "RUNNING", "message": "", "logs": ""}
    transport = httpx.MockTransport(lambda _request: httpx.Response(left.pop(0), json=body))
    return RayCluster(httpx.Client(transport=transport, base_url="http://ray"))


@pytest.mark.parametrize(
    ("answer", "lost"),
    [
        ({"error_type": "JOB_SUPERVISOR_ACTOR_DIED"}, True),
        ({"error_type": "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"}, True),
        ({"error_type": "JOB_ENTRYPOINT_COMMAND_ERROR", "driver_exit_code": LOST_EXIT}, True),
        ({"error_type": "JOB_ENTRYPOINT_COMMAND_ERROR", "driver_exit_code": 1}, False),
        ({"error_type": "RUNTIME_ENV_SETUP_FAILURE"}, False),
        ({}, False),
    ],
)
def test_a_job_that_failed_for_want_of_the_cluster_is_lost(answer: dict[str, Any], lost: bool) -> None:
    body = {"status": "FAILED", "message": "", **answer}
    transport = httpx.MockTransport(lambda _request: httpx.Response(200, json=body))
    status = RayCluster(httpx.Client(transport=transport, base_url="http://ray")).status("a")
    assert status is not None and status.lost == lost


@pytest.mark.integration
@pytest.mark.parametrize(
    ("code", "lost"),
    [
        ("import os; os.kill(os.getpid(), 9)", True),
        (f"raise SystemExit({LOST_EXIT})", True),
        ("raise ValueError('x')", False),
    ],
)
def test_ray_tells_a_driver_that_was_killed_from_one_that_failed(
    ray_cluster: RayCluster, code: str, lost: bool
) -> None:
    failing = job(code)
    ray_cluster.submit(failing)
    assert wait(ray_cluster, failing.submission_id, JobState.FAILED).lost == lost


def test_a_refused_submission_counts_if_the_job_is_there() -> None:
    ray_answering(500, 200).submit(job(SAY))


def test_a_refused_submission_of_a_job_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ClusterUnavailable, match="500"):
        ray_answering(500, 404).submit(job(SAY))


def test_a_wrong_token_is_an_error() -> None:
    with pytest.raises(ClusterUnavailable, match="401"):
        ray_answering(401).status("a")


def test_a_cluster_that_is_not_there_is_an_error() -> None:
    cluster = RayCluster(httpx.Client(base_url="http://127.0.0.1:1", trust_env=False))
    for ask in (lambda: cluster.status("a"), lambda: cluster.submit(job(SAY))):
        with pytest.raises(ClusterUnavailable):
            ask()


@pytest.mark.parametrize("missing", ["url", "token"])
def test_without_an_address_or_its_token_there_is_no_cluster(tmp_path: Path, missing: str) -> None:
    settings = Settings(
        data_dir=tmp_path,
        database_url="sqlite:///unused",
        internal_url="http://127.0.0.1:1",
        secret="s",
        ray_dashboard_url=None if missing == "url" else "http://127.0.0.1:1",
        ray_token_path=tmp_path / "token",
    )
    with pytest.raises(ClusterUnavailable):
        connect(settings)
