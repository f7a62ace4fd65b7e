"""The publisher's tracking server: the fake behaves like MLflow."""

import itertools
import socket
from collections.abc import Iterator, Mapping, Sequence
from uuid import uuid4

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.errors import TrackerUnavailable
from service.worker.mlflow.tracker import (
    MetricPoint,
    MlflowTracker,
    TrackedRun,
    Tracker,
    TrackerRefused,
    clean_key,
)
from tests.contract.fake_tracker import FakeTracker
from tests.mlflow_server import free_port, mlflow_server
from tests.simulation.driven import Driven
from tests.simulation.kernel import Kernel
from tests.simulation.network import CALM, Network
from tests.simulation.tracking import FarTracker, SimMlflow


@pytest.fixture(scope="session")
def mlflow_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real MLflow server on a free loopback port."""
    with mlflow_server(tmp_path_factory.mktemp("mlflow"), free_port()) as url:
        yield url


@pytest.fixture(params=["fake", "simulated", pytest.param("mlflow", marks=pytest.mark.integration)])
def tracker(request: pytest.FixtureRequest) -> Iterator[Tracker]:
    if request.param == "fake":
        yield FakeTracker()
        return
    if request.param == "simulated":
        kernel = Kernel(0)
        server = SimMlflow(kernel, Network(kernel, 0, CALM))
        yield Driven(kernel.process("test"), FarTracker(server))  # type: ignore[misc]
        return
    real = MlflowTracker(request.getfixturevalue("mlflow_url"))
    yield real
    real.close()


@pytest.fixture
def name() -> str:
    return f"it's a `study` {uuid4().hex}"


def test_an_experiment_is_found_by_its_tag(tracker: Tracker, name: str) -> None:
    assert tracker.healthy()
    assert tracker.find_experiment("ablate.study_id", name) is None
    made = tracker.create_experiment(name, {"ablate.study_id": name, "mlflow.note.content": "x" * 4000})
    assert tracker.find_experiment("ablate.study_id", name) == made
    assert tracker.create_experiment(name, {}) == made
    tracker.tag_experiment(made, {"ablate.study_id": f"{name}!"})
    assert tracker.find_experiment("ablate.study_id", name) is None
    assert tracker.find_experiment("ablate.study_id", f"{name}!") == made


def test_a_deleted_experiment_is_found_no_more_and_one_of_its_name_is_empty(
    tracker: Tracker, name: str
) -> None:
    made = tracker.create_experiment(name, {"ablate.study_id": name})
    run = tracker.create_run(made, "r", 1000, {"ablate.trial_id": "a"})
    tracker.put(made, run, "figures/a.json", b"{}")
    tracker.delete_experiment(made)
    assert tracker.find_experiment("ablate.study_id", name) is None
    again = tracker.create_experiment(name, {"ablate.study_id": name})
    assert tracker.tag_experiment(again, {"t": "1"}) is None
    assert tracker.find_experiment("ablate.study_id", name) == again


def test_runs_are_found_by_their_tag(tracker: Tracker, name: str) -> None:
    experiment = tracker.create_experiment(name, {})
    other = tracker.create_experiment(f"{name} other", {})
    made = {
        value: [tracker.create_run(experiment, f"run {value}", 1000, {"ablate.trial_id": value})]
        for value in ("a", "b")
    }
    tracker.create_run(experiment, "untagged", 1000, {})
    tracker.create_run(other, "elsewhere", 1000, {"ablate.trial_id": "c"})
    assert ids(tracker.tagged_runs(experiment, "ablate.trial_id")) == made
    tracker.finish(made["a"][0], "FINISHED", 2000)
    tracker.tag_run(made["a"][0], {"ablate.trial_id": "a.1"})
    found = tracker.tagged_runs(experiment, "ablate.trial_id")
    assert ids(found) == {"a.1": made["a"], "b": made["b"]}
    assert [(run.status, run.end_ms) for run in (found["a.1"][0], found["b"][0])] == [
        ("FINISHED", 2000),
        ("RUNNING", None),
    ]
    assert found["a.1"][0].tags["ablate.trial_id"] == "a.1"


def ids(found: Mapping[str, Sequence[TrackedRun]]) -> dict[str, list[str]]:
    return {value: [run.run_id for run in runs] for value, runs in found.items()}


def test_a_run_made_twice_is_found_twice_and_can_be_deleted(tracker: Tracker, name: str) -> None:
    experiment = tracker.create_experiment(name, {})
    first, second = (tracker.create_run(experiment, "r", 1000, {"t": "1"}) for _ in range(2))
    assert sorted(ids(tracker.tagged_runs(experiment, "t"))["1"]) == sorted([first, second])
    tracker.delete_run(second)
    assert ids(tracker.tagged_runs(experiment, "t")) == {"1": [first]}


def test_sending_a_run_again_changes_nothing(tracker: Tracker, name: str) -> None:
    experiment = tracker.create_experiment(name, {})
    run = tracker.create_run(experiment, "r", 1000, {"t": "1"})
    metrics = [MetricPoint(key="val_accuracy", value=0.5, step=k, timestamp_ms=1000 + k) for k in range(5)]
    for _ in range(2):
        tracker.log(run, metrics, {"lr": "0.1", "arm": "base=relu depth=5"})
        tracker.put(experiment, run, "figures/a b.json", b"{}")
        tracker.finish(run, "FINISHED", 5000)
    with pytest.raises(TrackerRefused):
        tracker.log(run, [], {"lr": "0.2"})


@pytest.mark.integration
def test_mlflow_keeps_what_it_was_sent(mlflow_url: str, name: str) -> None:
    tracker = MlflowTracker(mlflow_url)
    experiment = tracker.create_experiment(name, {})
    run = tracker.create_run(experiment, "r", 1000, {"t": "1"})
    metrics = [
        MetricPoint(key="test_accuracy/5", value=float(k), step=k, timestamp_ms=1000 + k) for k in range(1500)
    ]
    for _ in range(2):
        tracker.log(run, metrics, {f"p{k}": str(k) for k in range(130)})
    tracker.put(experiment, run, "scalars.json", b'{"alpha": 1}')
    tracker.finish(run, "FAILED", 5000)
    with httpx.Client(base_url=mlflow_url) as http:
        stored = http.get("/api/2.0/mlflow/runs/get", params={"run_id": run}).json()["run"]
        query = {"run_id": run, "metric_key": "test_accuracy/5", "max_results": 5000}
        history = http.get("/api/2.0/mlflow/metrics/get-history", params=query).json()["metrics"]
        kept = http.get("/get-artifact", params={"run_id": run, "path": "scalars.json"}).json()
    assert stored["info"]["status"] == "FAILED" and int(stored["info"]["end_time"]) == 5000
    assert {p["key"]: p["value"] for p in stored["data"]["params"]} == {f"p{k}": str(k) for k in range(130)}
    assert sorted(m["value"] for m in history) == [float(k) for k in range(1500)]
    assert kept == {"alpha": 1}
    tracker.close()


@pytest.mark.integration
def test_mlflow_takes_every_name(mlflow_url: str) -> None:
    """Whatever a study may name, and what older ones have named, becomes a key of its own."""
    tracker = MlflowTracker(mlflow_url)
    num_experiments = itertools.count()

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(
        names=st.lists(
            st.text(min_size=1, max_size=300) | st.text("a/.@[]: \x9b\u202e", min_size=1, max_size=6),
            min_size=1,
            max_size=8,
            unique=True,
        ),
        label=st.text(max_size=600),
    )
    def send(names: list[str], label: str) -> None:
        written = {f"ablate.tag.{name}": name for name in names}
        title = f"names {uuid4().hex} {next(num_experiments)} {label[:400]}"
        experiment = tracker.create_experiment(title, written)
        tracker.tag_experiment(experiment, written)
        run = tracker.create_run(experiment, f"run {label}", 1000, written)
        points = [
            MetricPoint(key=name, value=float(place), step=0, timestamp_ms=1)
            for place, name in enumerate(names)
        ]
        for _ in range(2):
            tracker.log(run, points, {name: str(place) for place, name in enumerate(names)})
        with httpx.Client(base_url=mlflow_url) as http:
            stored = http.get("/api/2.0/mlflow/runs/get", params={"run_id": run}).json()["run"]["data"]
        assert len(stored["params"]) == len(stored["metrics"]) == len(names)

    send()
    tracker.close()


def test_names_that_are_cleaned_stay_apart() -> None:
    odd = ["x[1]", "x(1)", "x_1_", "a/../b", "b", "..", ".", "/", "a//b", "a/b", "x" * 251, "x" * 252]
    assert len({clean_key(name) for name in odd}) == len(odd)
    assert clean_key("test_accuracy/5") == "test_accuracy/5"


def test_nobody_there() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        tracker = MlflowTracker(f"http://127.0.0.1:{probe.getsockname()[1]}")
    assert not tracker.healthy()
    with pytest.raises(TrackerUnavailable):
        tracker.find_experiment("a", "b")
    tracker.close()
