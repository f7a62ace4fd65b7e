"""A simulated MLflow: the fake that a contract suite compares with the real one, behind a network."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from service.errors import TrackerUnavailable
from service.worker.mlflow.tracker import MetricPoint, TrackedRun
from tests.contract.fake_tracker import FakeTracker
from tests.simulation.kernel import Kernel, Process
from tests.simulation.network import Network, Unanswered

TIMEOUT_S = 20.0


class SimMlflow:
    """The server: what it stores outlives its process."""

    def __init__(self, kernel: Kernel, network: Network) -> None:
        self.kernel = kernel
        self.network = network
        self.stored = FakeTracker()
        self.process: Process | None = kernel.process("mlflow")

    def crash(self, back_in_s: float) -> None:
        """Gone, and back after a while."""
        if self.process is not None:
            self.kernel.kill(self.process)
            self.process = None
            self.kernel.process("supervisor").spawn(self.start, "mlflow", in_s=back_in_s)

    def start(self) -> None:
        """There again."""
        if self.process is None:
            self.process = self.kernel.process("mlflow")


class FarTracker:
    """The server as a worker reaches it: the product's Tracker."""

    def __init__(self, server: SimMlflow) -> None:
        self._server = server

    def healthy(self) -> bool:
        try:
            return bool(self._ask("healthy", lambda stored: stored.healthy()))
        except TrackerUnavailable:
            return False

    def find_experiment(self, tag: str, value: str) -> str | None:
        found: str | None = self._ask("find_experiment", lambda s: s.find_experiment(tag, value))
        return found

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        return str(self._ask("create_experiment", lambda s: s.create_experiment(name, tags)))

    def tag_experiment(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        self._ask("tag_experiment", lambda s: s.tag_experiment(experiment_id, tags))

    def tagged_runs(self, experiment_id: str, tag: str) -> dict[str, list[TrackedRun]]:
        return dict(self._ask("tagged_runs", lambda s: s.tagged_runs(experiment_id, tag)))

    def create_run(self, experiment_id: str, name: str, start_ms: int, tags: Mapping[str, str]) -> str:
        return str(self._ask("create_run", lambda s: s.create_run(experiment_id, name, start_ms, tags)))

    def delete_experiment(self, experiment_id: str) -> None:
        self._ask("delete_experiment", lambda s: s.delete_experiment(experiment_id))

    def delete_run(self, run_id: str) -> None:
        self._ask("delete_run", lambda s: s.delete_run(run_id))

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        self._ask("tag_run", lambda s: s.tag_run(run_id, tags))

    def log(self, run_id: str, metrics: Sequence[MetricPoint], params: Mapping[str, str]) -> None:
        self._ask("log", lambda s: s.log(run_id, metrics, params))

    def finish(self, run_id: str, status: str, end_ms: int) -> None:
        self._ask("finish", lambda s: s.finish(run_id, status, end_ms))

    def put(self, experiment_id: str, run_id: str, path: str, body: bytes) -> None:
        self._ask("put", lambda s: s.put(experiment_id, run_id, path, body))

    def _ask(self, name: str, work: Callable[[FakeTracker], Any]) -> Any:
        server = self._server
        try:
            return server.network.call(
                lambda: server.process,
                lambda: work(server.stored),
                f"mlflow {name}",
                timeout_s=TIMEOUT_S,
            )
        except Unanswered as error:
            raise TrackerUnavailable(str(error)) from None
