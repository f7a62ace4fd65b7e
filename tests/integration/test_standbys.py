"""Drivers that stand by, on a running system: each serves one study, with the code of that moment."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from service.ledger import attempts, open_ledger, standbys
from service.local import processes
from service.local.record import read_record
from tests.integration.example import install_example
from tests.integration.system import System, running_system

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
STUDY: dict[str, Any] = {
    "name": "where",
    "trainable": "parabola",
    "factors": {"lr": [0.1, 0.05]},
    "baseline": {"lr": 0.1},
    "metrics": [{"name": "height"}],
}
PERCEPTRONS: dict[str, Any] = {
    "name": "equal",
    "trainable": "mlp-classifier",
    "factors": {"scalars": ["none", "per_layer"], "base": ["relu", "mish"]},
    "baseline": {"scalars": "none"},
    "fixed": {"dataset": "digits-5k", "width": 16, "depth": 2, "epochs": 2, "dropout": 0.1},
    "seeds": 2,
}
ALONE = """
import json, sys
from pathlib import Path
from trainables.packs.trainer import run_trainer
from trainables.training.lease import Lease


class Source:
    def __init__(self, leases):
        self.leases, self.found = leases, {}

    def draw(self, room):
        return [self.leases.pop()] if self.leases else []

    def report(self, reports):
        return {}

    def commit(self, outcomes):
        self.found |= {one.trial_id: one.metrics for one in outcomes}


source = Source([Lease(**lease) for lease in json.load(sys.stdin)])
run_trainer(
    source, trainable="mlp-classifier", device="cpu", threads=1, datasets_dir=Path(sys.argv[1]), pack=1
)
print(json.dumps(source.found))
"""
MEASURED = ("test_accuracy", "test_loss", "val_accuracy", "val_loss", "train_loss")
T = TypeVar("T")


class Plugin:
    """The example's code, which tells the process that it runs in, times a factor that a test edits."""

    def __init__(self, site: Path) -> None:
        self.file = site / "ablate_example" / "code.py"
        self.source = self.file.read_text().replace("import numpy", "import os\n\nimport numpy", 1)

    def edit(self, factor: int, pause_s: float = 0.0) -> None:
        told = self.source.replace("height=(x - 3) ** 2", f"height={factor} * os.getpid()")
        waits = f"import time\n\n    time.sleep({pause_s})\n    x = 10 *"
        self.file.write_text(told.replace("x = 10 *", waits))


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Plugin:
    return Plugin(install_example(tmp_path_factory.mktemp("plugin")))


@pytest.fixture(scope="module")
def served(plugin: Plugin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    path = os.pathsep.join([str(ROOT), str(plugin.file.parents[1])])
    folder = tmp_path_factory.mktemp("standbys")
    with running_system(folder, PYTHONPATH=path, ABLATE_STANDBYS="1") as running:
        yield running


def until(look: Callable[[], T | None], within_s: float = 300.0) -> T:
    deadline = time.monotonic() + within_s
    while (found := look()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return found


def waiting(served: System) -> str:
    """The driver that stands by, when it has asked for a study."""
    ledger = open_ledger(f"sqlite:///{served.data_dir / 'ledger.db'}")
    try:
        return until(lambda: heard(ledger))
    finally:
        ledger.close()


def heard(ledger: Any) -> str | None:
    with ledger.read() as tx:
        return next((each.id for each in standbys.waiting(tx) if each.silent_s is not None), None)


def jobs_of(served: System, study_id: str) -> list[str]:
    ledger = open_ledger(f"sqlite:///{served.data_dir / 'ledger.db'}")
    try:
        with ledger.read() as tx:
            return [attempt.submission_id for attempt in attempts.all_of(tx, study_id)]
    finally:
        ledger.close()


def processes_of(standby_id: str) -> list[psutil.Process]:
    """The driver's own, by its command line."""
    every = psutil.process_iter(["cmdline"])
    return [process for process in every if standby_id in " ".join(process.info["cmdline"] or ())]


def serving(served: System) -> list[psutil.Process]:
    """Workers of this system that were loaded beforehand and are slots now."""
    record = read_record(served.data_dir)
    assert record is not None
    family = processes.family([known["pid"] for known in record["processes"].values()], record["mark"])
    return [each for each in family if _line_of(each).startswith("ray::ReadySlot.serve")]


def _line_of(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it ended since it was listed
        return ""


def run(served: System, study: dict[str, Any], **changes: Any) -> tuple[str, list[dict[str, Any]]]:
    study_id = served.submit({**study, **changes})["id"]
    assert served.wait(study_id)["state"] == "done"
    return study_id, served.trials(study_id)


def test_each_study_has_processes_of_its_own_and_the_code_of_its_moment(
    served: System, plugin: Plugin
) -> None:
    pids: list[set[int]] = []
    for number, factor in enumerate((1, -1)):
        plugin.edit(factor)
        first = waiting(served)
        study_id, trials = run(served, STUDY, seeds=[10 * number + i for i in range(6)])
        assert jobs_of(served, study_id) == [first]
        pids.append({round(trial["metrics"]["height"]) * factor for trial in trials})
        assert min(pids[-1]) > 0
        until(lambda: None if any(map(psutil.pid_exists, pids[-1])) else True)
    assert not pids[0] & pids[1]


def test_results_are_those_of_a_fresh_process(served: System) -> None:
    first = waiting(served)
    study_id, trials = run(served, PERCEPTRONS)
    assert jobs_of(served, study_id) == [first]
    leases = [
        {"trial_id": trial["id"], "settings": trial["settings"], "seed": trial["seed"]} for trial in trials
    ]
    told = subprocess.run(
        [sys.executable, "-c", ALONE, str(served.data_dir / "datasets")],
        input=json.dumps(leases),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    alone = json.loads(told.stdout.splitlines()[-1])
    for trial in trials:
        for name in MEASURED:
            assert trial["metrics"][name] == alone[trial["id"]][name], name


def test_a_loaded_worker_that_is_killed_costs_its_trials_a_second_try(served: System, plugin: Plugin) -> None:
    plugin.edit(1, pause_s=0.5)
    first = waiting(served)
    study_id = served.submit({**STUDY, "seeds": list(range(200, 205))})["id"]
    until(lambda: serving(served) or None)[0].send_signal(signal.SIGKILL)
    study = served.wait(study_id)
    assert (study["state"], study["progress"]["done"]) == ("done", 10)
    assert jobs_of(served, study_id) == [first]
    assert "process_died" in served.client.get(f"/v1/studies/{study_id}/logs").text


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_killed_one_costs_a_study_nothing_but_its_head_start(
    served: System, plugin: Plugin, when: str
) -> None:
    plugin.edit(1)
    first = waiting(served)
    victims = processes_of(first)
    assert victims
    if when == "after":
        study_id = served.submit({**STUDY, "seeds": [100, 101]})["id"]
        until(lambda: jobs_of(served, study_id) or None)
    for process in victims:
        process.send_signal(signal.SIGKILL)
    if when == "before":
        study_id = served.submit({**STUDY, "seeds": [102, 103]})["id"]
    study = served.wait(study_id)
    assert (study["state"], study["progress"]["done"]) == ("done", 4)
    assert {trial["attempts"] for trial in served.trials(study_id)} <= {1, 2}
    assert waiting(served) != first
