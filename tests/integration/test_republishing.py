"""A lost MLflow is made anew from the ledger, by the command, while a worker publishes."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.ledger import Ledger, attempts, leasing, migrate, open_ledger, studies, trials
from service.ledger.upkeep import deletions
from service.settings import Settings
from service.worker.leadership import Leadership
from service.worker.mlflow.publisher import Publisher
from service.worker.mlflow.tracker import MlflowTracker
from tests.mlflow_server import contents, free_port, mlflow_server, without_ids
from tests.unit.service.worker.publishing import SPEC, Manifests, add_study, no_plan
from trainables.training.lease import Outcome

pytestmark = pytest.mark.integration


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """Two studies that are done and one that runs, with a trial that failed."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    made = open_ledger(url)
    add_study(made, SPEC, "first")
    add_study(made, {**SPEC, "name": "second: it's [odd]", "tags": {}}, "second")
    planned = [
        studies.NewTrial(
            id=f"r{seed}", arm_id="a", arm="", levels={}, settings={"depth": 1}, seed=seed, phase="measuring"
        )
        for seed in (0, 1)
    ]
    running = studies.new_id()
    with made.write() as tx:
        studies.create(tx, study_id=running, project="p", name="runs", spec=SPEC, labels={}, planned=planned)
        number = attempts.begin(tx, running).number
        attempts.start(tx, running, number)
        leasing.lease(tx, running, number, ["r0", "r1"])
        leasing.commit(tx, running, number, [Outcome(trial_id="r0", state="failed", reason="no disk")])
    yield made
    made.close()


@contextmanager
def worker(ledger: Ledger, home: Path, url: str) -> Iterator[None]:
    """The part of a worker that publishes."""
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(home)})
    leadership, stopped, tracker = Leadership(ledger), threading.Event(), MlflowTracker(url)
    publisher = Publisher(
        settings, ledger, plan=no_plan, leads=leadership.leads, tracker=tracker, manifests=Manifests()
    )

    def run() -> None:
        while not stopped.wait(0.1):
            leadership.renew()
            publisher.drain()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        publisher.close()
        tracker.close()
        leadership.resign()


def publish(home: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "service.cli", "publish", "--data-dir", str(home), *options]
    env = {name: value for name, value in os.environ.items() if not name.startswith("ABLATE_")}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)


def noted(ledger: Ledger) -> dict[str, Any]:
    """What the ledger knows of MLflow: the experiments of studies and the runs of trials."""
    with ledger.read() as tx:
        rows = studies.page(tx, project="p", limit=10)
        runs = [row for study in rows for row in trials.page(tx, study.id, limit=10)]
    return {row.name: row.experiment_id for row in rows} | {row.id: row.mlflow_run_id for row in runs}


def shown(found: dict[str, Any]) -> dict[str, Any]:
    """The same as MLflow shows it."""
    ids = {name.rpartition(" (")[0]: entry["id"] for name, entry in found.items()}
    runs = [(trial, run["id"]) for entry in found.values() for trial, run in entry["runs"].items()]
    return ids | {trial: id for trial, id in runs if trial.startswith(("first", "second", "r0"))}


def test_a_lost_mlflow_is_made_anew(ledger: Ledger, tmp_path: Path) -> None:
    home, store, port = tmp_path, tmp_path / "mlflow", free_port()
    with mlflow_server(store, port) as url, worker(ledger, home, url):
        assert publish(home).returncode == 0
        before = contents(url)
        assert noted(ledger) == shown(before) | {"r1": None}
    # Four trials, two arms and a summary; of the one that runs, a trial.
    assert sorted(len(entry["runs"]) for entry in before.values()) == [1, 7, 7]
    shutil.rmtree(store)
    with mlflow_server(store, port) as url:
        # Other people's experiments have taken the numbers that ours had.
        subprocess.run(
            [sys.executable, "-m", "mlflow", "experiments", "create", "-n", "another"],
            env={**os.environ, "MLFLOW_TRACKING_URI": url},
            check=True,
            capture_output=True,
        )
        with worker(ledger, home, url):
            done = publish(home, "--rebuild")
            assert done.returncode == 0 and "MLflow has everything" in done.stderr, done.stderr
            after = contents(url)
            after.pop("another")
            assert without_ids(after) == without_ids(before)
            assert noted(ledger) == shown(after) | {"r1": None}
            assert publish(home, "--rebuild").returncode == 0
            again = contents(url)
            again.pop("another")
            assert again == after
    with ledger.read() as tx:
        assert [row.published for row in studies.page(tx, project="p", limit=10)] == [False, True, True]


@pytest.mark.usefixtures("ledger")
def test_without_a_worker_it_says_who_is_missing(tmp_path: Path) -> None:
    done = publish(tmp_path, "--rebuild")
    assert done.returncode == 3 and "no worker publishes now" in done.stderr
    assert publish(tmp_path / "elsewhere", "--rebuild").returncode == 2


def test_a_deleted_study_is_deleted_in_mlflow_with_its_artifacts(ledger: Ledger, tmp_path: Path) -> None:
    store = tmp_path / "mlflow"
    with mlflow_server(store, free_port()) as url, worker(ledger, tmp_path, url):
        assert publish(tmp_path).returncode == 0
        before = contents(url)
        with ledger.read() as tx:
            (first,) = [row for row in studies.page(tx, project="p", limit=10) if row.name == SPEC["name"]]
        assert list((store / "a" / str(first.experiment_id)).rglob("report.html"))
        with ledger.write() as tx:
            deletions.delete(tx, first.id, "p", num_reused=0)
        assert publish(tmp_path).returncode == 0
        after = contents(url)
    assert before.keys() - after.keys() == {f"{first.name} ({first.id})"}
    assert all(before[name] == entry for name, entry in after.items())
    assert not (store / "a" / str(first.experiment_id)).exists()
    assert deletions.sweep(ledger, lambda _: None) == 1
