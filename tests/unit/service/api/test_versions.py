"""Going on with a study after its code has changed: asked first, then mixed openly or run anew."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ablations.effects.effect import EffectRow
from service.app import create_app
from service.driver.attempt import checkpoints_of
from service.errors import StaleAttempt
from service.ledger import Ledger, attempts, studies, trials
from service.ledger.trials import TrialRow
from service.protocol import Work
from service.settings import Settings
from tests.attempts import Attempts
from tests.unit.service.api.conftest import SMALL, TOY, Driver
from trainables.catalogue import Catalogue
from trainables.training.checkpoint import Checkpoints
from trainables.training.lease import Lease, Outcome

STUDY = {
    "name": "versions",
    "trainable": "toy",
    "factors": {"base": ["relu", "mish"]},
    "baseline": {"base": "relu"},
    "seeds": 6,
    "metrics": [{"name": "test_accuracy"}],
}


class Plugin:
    """A package with a trainable in it that a test edits."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "edited_toy" / "__init__.py"
        self.file.parent.mkdir()
        self.scale = 0
        self.edit(1)

    def edit(self, scale: int) -> None:
        self.scale = scale
        self.file.write_text(f"SCALE = {scale}\n")


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plugin]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield Plugin(tmp_path)
    sys.modules.pop("edited_toy", None)
    importlib.invalidate_caches()


@pytest.fixture
def catalogue(plugin: Plugin) -> Catalogue:
    assert plugin.file.exists()
    without_data = tuple(setting for setting in TOY.settings if setting.name != "dataset")
    toy = replace(TOY, code="edited_toy:train", settings=without_data)
    return replace(SMALL, trainables={"toy": toy})


@pytest.fixture
def asking(settings: Settings, catalogue: Catalogue) -> Iterator[TestClient]:
    with TestClient(create_app(settings, catalogue=catalogue), base_url="http://localhost") as client:
        yield client


class Runs(Attempts):
    """Attempts at studies, with the plugin's own numbers as results."""

    def __init__(self, ledger: Ledger, catalogue: Catalogue, plugin: Plugin, folder: Path) -> None:
        super().__init__(ledger, lambda: catalogue, folder)
        self.plugin = plugin

    def run(self, study_id: str, number: int, num: int, *, failing: int = 0) -> None:
        """End so many planned trials, the last of them with an error."""
        with self.ledger.read() as tx:
            planned = [row.id for row in trials.page(tx, study_id, limit=500, state="planned")][:num]
        doomed = planned[len(planned) - failing :]

        def one(row: TrialRow) -> Outcome:
            if row.id in doomed:
                return Outcome(trial_id=row.id, state="failed", reason="a bug")
            better = 0.01 * (row.levels["base"] == "mish") + 1e-4 * row.seed
            metrics = {"test_accuracy": 0.01 * self.plugin.scale + better}
            return Outcome(trial_id=row.id, state="done", metrics=metrics)

        self.train(study_id, number, num, one)

    def row(self, study_id: str) -> EffectRow:
        """What a final report would say now."""
        (row,) = self.effects(study_id).contrasts[0].rows
        return row


@pytest.fixture
def runs(ledger: Ledger, catalogue: Catalogue, plugin: Plugin, tmp_path: Path) -> Runs:
    return Runs(ledger, catalogue, plugin, tmp_path)


def half_run(client: TestClient, runs: Runs, num: int = 4) -> str:
    """A study that is paused after its first trials."""
    answer = client.post("/v1/studies", json=STUDY)
    assert answer.status_code == 202, answer.text
    study_id: str = answer.json()["id"]
    number, _ = runs.begin(study_id)
    runs.run(study_id, number, num)
    client.post(f"/v1/studies/{study_id}/pause")
    runs.lose(study_id, number)
    return study_id


def finish(runs: Runs, study_id: str) -> None:
    number, _ = runs.begin(study_id)
    runs.run(study_id, number, 100)
    runs.lose(study_id, number)


def test_a_study_that_is_paused_and_resumed_without_a_change_is_not_asked_about(
    asking: TestClient, runs: Runs
) -> None:
    study_id = half_run(asking, runs)
    assert asking.post(f"/v1/studies/{study_id}/resume").status_code == 202
    finish(runs, study_id)
    assert runs.row(study_id).verdict == "better"


def test_resuming_after_a_change_is_asked_about_and_mixed_rows_are_not_decided(
    asking: TestClient, runs: Runs, plugin: Plugin
) -> None:
    study_id = half_run(asking, runs)
    plugin.edit(10)
    answer = asking.post(f"/v1/studies/{study_id}/resume")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/study-changed")
    assert [problem["path"] for problem in answer.json()["errors"]] == ["toy's code"]
    assert asking.get(f"/v1/studies/{study_id}").json()["state"] == "paused"

    assert asking.post(f"/v1/studies/{study_id}/resume?anyway=true").status_code == 202
    finish(runs, study_id)
    row = runs.row(study_id)
    assert row.verdict == "inconclusive" and row.n == 6
    (reason,) = row.mixed
    assert reason.startswith("toy's code changed between ")


def test_afresh_runs_everything_anew_and_keeps_what_there_was(
    asking: TestClient, runs: Runs, plugin: Plugin
) -> None:
    study_id = half_run(asking, runs)
    plugin.edit(10)
    answer = asking.post(f"/v1/studies/{study_id}/resume?afresh=true")
    assert answer.status_code == 202 and answer.json()["progress"]["done"] == 0
    finish(runs, study_id)
    assert (runs.row(study_id).verdict, runs.row(study_id).mixed) == ("better", ())
    old = asking.get(f"/v1/studies/{study_id}/trials?superseded=true&limit=3").json()
    assert [item["metrics"]["test_accuracy"] < 0.05 for item in old["items"]] == [True] * 3
    rest = asking.get(f"/v1/studies/{study_id}/trials?superseded=true&cursor={old['next']}").json()
    assert len(rest["items"]) == 1 and rest["next"] is None
    shown = asking.get(f"/v1/studies/{study_id}/trials").json()["items"]
    assert len(shown) == 12 and all(item["metrics"]["test_accuracy"] >= 0.1 for item in shown)


def test_an_attempt_with_the_old_code_loaded_does_not_go_on(
    asking: TestClient, runs: Runs, plugin: Plugin, ledger: Ledger
) -> None:
    study_id: str = asking.post("/v1/studies", json=STUDY).json()["id"]
    number, _ = runs.begin(study_id)
    runs.run(study_id, number, 4)
    asking.post(f"/v1/studies/{study_id}/pause")
    plugin.edit(10)
    assert asking.post(f"/v1/studies/{study_id}/resume?anyway=true").status_code == 202
    with pytest.raises(StaleAttempt), ledger.write() as tx:
        attempts.heartbeat(tx, study_id, number)


def test_retrying_and_extending_after_a_change_are_asked_about(
    asking: TestClient, runs: Runs, plugin: Plugin, ledger: Ledger
) -> None:
    study_id: str = asking.post("/v1/studies", json=STUDY).json()["id"]
    number, _ = runs.begin(study_id)
    runs.run(study_id, number, 100, failing=2)
    runs.lose(study_id, number)
    with ledger.write() as tx:
        studies.complete(tx, study_id, state="done", effects={}, reports={})
    plugin.edit(2)
    home = f"/v1/studies/{study_id}"
    for verb, body in (("retry", None), ("extend", {"seeds": 8})):
        answer = asking.post(f"{home}/{verb}", json=body)
        assert (answer.status_code, answer.json()["type"]) == (409, "/problems/study-changed")
    longer = asking.post(f"{home}/extend?anyway=true", json={"seeds": 8}).json()["id"]
    finish(runs, longer)
    assert (runs.row(longer).verdict, runs.row(longer).n, runs.row(longer).mixed) == ("better", 8, ())
    assert asking.post(f"{home}/retry?afresh=true").status_code == 202
    finish(runs, study_id)
    assert (runs.row(study_id).verdict, runs.row(study_id).n) == ("better", 6)
    assert len(asking.get(f"{home}/trials?superseded=true").json()["items"]) == 12


def test_going_on_before_there_are_results_asks_nothing_but_ends_what_has_the_old_code(
    asking: TestClient, runs: Runs, plugin: Plugin, ledger: Ledger
) -> None:
    study_id: str = asking.post("/v1/studies", json=STUDY).json()["id"]
    number, _ = runs.begin(study_id)
    asking.post(f"/v1/studies/{study_id}/pause")
    plugin.edit(10)
    assert asking.post(f"/v1/studies/{study_id}/resume").status_code == 202
    with pytest.raises(StaleAttempt), ledger.write() as tx:
        attempts.heartbeat(tx, study_id, number)


def test_what_was_measured_last_is_compared_though_it_was_there_before(
    asking: TestClient, runs: Runs, plugin: Plugin
) -> None:
    study_id = half_run(asking, runs, num=2)
    for scale in (2, 1):
        plugin.edit(scale)
        assert asking.post(f"/v1/studies/{study_id}/resume?anyway=true").status_code == 202
        number, _ = runs.begin(study_id)
        runs.run(study_id, number, 2)
        asking.post(f"/v1/studies/{study_id}/pause")
        runs.lose(study_id, number)
    plugin.edit(2)
    (problem,) = asking.post(f"/v1/studies/{study_id}/resume").json()["errors"]
    assert problem["path"] == "toy's code"
    plugin.edit(1)
    assert asking.post(f"/v1/studies/{study_id}/resume").status_code == 202


def test_what_runs_anew_takes_nothing_over_from_copies_of_what_it_was(
    asking: TestClient, runs: Runs, ledger: Ledger
) -> None:
    study_id: str = asking.post("/v1/studies", json=STUDY).json()["id"]
    finish(runs, study_id)
    runs.complete(study_id)
    longer = asking.post(f"/v1/studies/{study_id}/extend", json={"seeds": 8}).json()["id"]
    number, reused = runs.begin(longer)
    assert len(reused) == 12
    assert asking.post(f"/v1/studies/{study_id}/retry?afresh=true").status_code == 202
    again, reused = runs.begin(study_id)
    assert reused == []
    runs.run(study_id, again, 100)
    with ledger.read() as tx:
        rows = trials.page(tx, study_id, limit=100)
    assert {(row.state, row.reused_from) for row in rows} == {("done", None)}


def test_an_extended_study_stays_one_when_the_first_is_run_anew(asking: TestClient, runs: Runs) -> None:
    study_id: str = asking.post("/v1/studies", json=STUDY).json()["id"]
    finish(runs, study_id)
    runs.complete(study_id)
    longer = asking.post(f"/v1/studies/{study_id}/extend", json={"seeds": 8}).json()["id"]
    finish(runs, longer)
    assert runs.row(longer).verdict is None
    asking.post(f"/v1/studies/{study_id}/retry?afresh=true")
    assert runs.row(longer).verdict is None
    finish(runs, study_id)
    assert runs.row(longer).verdict is None


def test_what_cannot_go_on_says_so_and_asks_nothing(asking: TestClient, runs: Runs, plugin: Plugin) -> None:
    paused = half_run(asking, runs)
    done: str = asking.post("/v1/studies", json={**STUDY, "seeds": [7, 8]}).json()["id"]
    finish(runs, done)
    runs.complete(done)
    plugin.edit(10)
    for study_id, verb, kind in ((paused, "retry", "nothing-to-retry"), (done, "resume", "study-finished")):
        assert asking.post(f"/v1/studies/{study_id}/{verb}").json()["type"] == f"/problems/{kind}"


def test_what_runs_anew_goes_on_from_no_checkpoint(asking: TestClient, runs: Runs, tmp_path: Path) -> None:
    study_id = half_run(asking, runs)

    def checkpoints() -> Checkpoints:
        """Where the trials of a fresh attempt are kept."""
        number, _ = runs.begin(study_id)
        work = Work.from_json(Driver(asking, study_id, number).get().json())
        folder = checkpoints_of(tmp_path / "kept", work.study.generation)
        assert folder is not None
        asking.post(f"/v1/studies/{study_id}/pause")
        runs.lose(study_id, number)
        return Checkpoints(folder=folder)

    asking.post(f"/v1/studies/{study_id}/resume")
    lease = Lease(trial_id="t", settings={}, seed=0, fingerprint="f" * 64)
    checkpoints().save(lease, {"step": 3})
    asking.post(f"/v1/studies/{study_id}/resume")
    assert checkpoints().load(lease, "cpu") == {"step": 3}
    asking.post(f"/v1/studies/{study_id}/resume?afresh=true")
    assert checkpoints().load(lease, "cpu") is None
