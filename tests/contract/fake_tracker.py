"""A tracking server in memory that behaves like MLflow where the publisher looks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.errors import TrackerUnavailable
from service.worker.mlflow.tracker import MetricPoint, TrackedRun, TrackerRefused


@dataclass
class FakeRun:
    experiment_id: str
    name: str
    start_ms: int
    tags: dict[str, str]
    metrics: set[MetricPoint] = field(default_factory=set)
    params: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, bytes] = field(default_factory=dict)
    status: str = "RUNNING"
    end_ms: int | None = None


class FakeTracker:
    """`away` makes every call fail; `lose_next` does the next call and loses its answer; `refuse` names a
    run that is refused, `broken` one at which the server itself falls over; `refuse_tags` any tag."""

    def __init__(self) -> None:
        self.experiments: dict[str, tuple[str, dict[str, str]]] = {}
        self.runs: dict[str, FakeRun] = {}
        self.away = False
        self.lose_next: str | None = None
        self.refuse: str | None = None
        self.broken: str | None = None
        self.refuse_tags = False
        self.num_calls = 0
        self.num_made = 0

    def healthy(self) -> bool:
        return not self.away

    def find_experiment(self, tag: str, value: str) -> str | None:
        self._arrive()
        return next((id for id, (_, tags) in self.experiments.items() if tags.get(tag) == value), None)

    def create_experiment(self, name: str, tags: Mapping[str, str]) -> str:
        self._arrive()
        for id, (taken, _) in self.experiments.items():
            if taken == name:
                return id
        id = str(len(self.experiments) + 1)
        self.experiments[id] = (name, dict(tags))
        self._leave("create_experiment")
        return id

    def tag_experiment(self, experiment_id: str, tags: Mapping[str, str]) -> None:
        self._arrive()
        self.experiments[experiment_id][1].update(tags)

    def delete_experiment(self, experiment_id: str) -> None:
        self._arrive()
        del self.experiments[experiment_id]
        self.runs = {id: run for id, run in self.runs.items() if run.experiment_id != experiment_id}
        self._leave("delete_experiment")

    def tagged_runs(self, experiment_id: str, tag: str) -> dict[str, list[TrackedRun]]:
        self._arrive()
        found: dict[str, list[TrackedRun]] = {}
        for id, run in self.runs.items():
            if run.experiment_id == experiment_id and tag in run.tags:
                shown = TrackedRun(run_id=id, status=run.status, end_ms=run.end_ms, tags=dict(run.tags))
                found.setdefault(run.tags[tag], []).append(shown)
        return found

    def create_run(self, experiment_id: str, name: str, start_ms: int, tags: Mapping[str, str]) -> str:
        self._arrive()
        if self.refuse is not None and self.refuse in tags.values():
            raise TrackerRefused("the run is refused")
        if self.broken is not None and self.broken in tags.values():
            raise TrackerUnavailable("the server fell over")
        self.num_made += 1
        id = f"run{self.num_made - 1}"
        self.runs[id] = FakeRun(experiment_id, name, start_ms, dict(tags))
        self._leave("create_run")
        return id

    def delete_run(self, run_id: str) -> None:
        self._arrive()
        del self.runs[run_id]

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        self._arrive()
        if self.refuse_tags:
            raise TrackerRefused("the tags are refused")
        self.runs[run_id].tags.update(tags)

    def log(self, run_id: str, metrics: Sequence[MetricPoint], params: Mapping[str, str]) -> None:
        self._arrive()
        run = self.runs[run_id]
        for key, value in params.items():
            if run.params.setdefault(key, value) != value:
                raise TrackerRefused(f"param {key} cannot change")
        run.metrics.update(metrics)
        self._leave("log")

    def finish(self, run_id: str, status: str, end_ms: int) -> None:
        self._arrive()
        self.runs[run_id].status, self.runs[run_id].end_ms = status, end_ms
        self._leave("finish")

    def put(self, experiment_id: str, run_id: str, path: str, body: bytes) -> None:
        self._arrive()
        assert self.runs[run_id].experiment_id == experiment_id
        self.runs[run_id].artifacts[path] = body

    def _arrive(self) -> None:
        self.num_calls += 1
        if self.away:
            raise TrackerUnavailable("nobody answers")

    def _leave(self, call: str) -> None:
        if self.lose_next == call:
            self.lose_next = None
            raise TrackerUnavailable("the answer was lost")
