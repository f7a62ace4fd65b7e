"""Going on with a study after its code has changed: asked first, then mixed openly or run anew."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.judge import EffectRow, judge
from ablations.plan.compile import compile_design
from ablations.results.results import Results, TrialRecord
from ablations.study.parsing import parse_study
from service.app import create_app
from service.driver.places import Place
from service.driver.preparation import Preparation
from service.errors import StaleAttempt
from service.ledger import Ledger, attempts, leasing, studies, trials
from service.settings import Settings
from tests.unit.service.api.conftest import SMALL, TOY
from trainables.catalogue import Catalogue
from trainables.digests import forget_digests
from trainables.training.lease import Outcome

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
    return replace(SMALL, trainables={"toy": replace(TOY, code="edited_toy:train")})


@pytest.fixture
def asking(settings: Settings, catalogue: Catalogue) -> Iterator[TestClient]:
    with TestClient(create_app(settings, catalogue=catalogue), base_url="http://localhost") as client:
        yield client


class Runs:
    """Attempts at one study as a driver makes them, with the plugin's own numbers as results."""

    def __init__(self, ledger: Ledger, catalogue: Catalogue, plugin: Plugin, folder: Path) -> None:
        self.ledger, self.catalogue, self.plugin, self.folder = ledger, catalogue, plugin, folder
        self.number = 0

    def begin(self, study_id: str) -> int:
        """A fresh driver: it sees the code as it is now, and fixes settings."""
        forget_digests()
        with self.ledger.write() as tx:
            number = attempts.begin(tx, study_id).number
            attempts.start(tx, study_id, number)
            work = leasing.work(tx, study_id)
            spec = parse_study(dict(studies.get(tx, study_id).spec))
        design = compile_design(spec, self.catalogue.manifest("toy"))
        place = Place(torch=version("torch"), numerics="exact", threads=1, hardware="cpu")
        made = Preparation(self.catalogue, design, datasets_dir=self.folder, place=lambda: place)
        tasks = [
            made.task(row.id, {k: v for k, v in row.settings.items() if k != "dataset"}, row.seed,
                      measuring=True)
            for row in work
            if row.state == "planned"
        ]  # fmt: skip
        with self.ledger.write() as tx:
            leasing.set_settings(tx, study_id, number, [task.resolved() for task in tasks])
        return number

    def run(self, study_id: str, number: int, num: int, *, failing: int = 0) -> None:
        """End so many planned trials, the last of them with an error."""
        with self.ledger.write() as tx:
            ids = [row.id for row in trials.page(tx, study_id, limit=500, state="planned")][:num]
            rows = {row.id: row for row in trials.rows(tx, study_id, ids)}
            held = leasing.lease(tx, study_id, number, ids)
            outcomes: list[Any] = []
            for place, id in enumerate(held):
                better = 0.01 * (rows[id].levels["base"] == "mish") + 1e-4 * rows[id].seed
                value = 0.01 * self.plugin.scale + better
                failed = place >= len(held) - failing
                state: dict[str, Any] = (
                    {"state": "failed", "reason": "a bug"} if failed else {"state": "done"}
                )
                metrics = {} if failed else {"test_accuracy": value}
                outcomes.append(Outcome(trial_id=id, metrics=metrics, seconds=1.0, **state))
            assert len(leasing.commit(tx, study_id, number, outcomes)) == len(held)

    def end(self, study_id: str, number: int) -> None:
        with self.ledger.write() as tx:
            attempts.lost(tx, study_id, number, "over")

    def row(self, study_id: str) -> EffectRow:
        """What a final report would say now."""
        with self.ledger.read() as tx:
            records = [TrialRecord.from_json(each) for each in trials.each_record(tx, study_id)]
            spec = parse_study(dict(studies.get(tx, study_id).spec))
        design = compile_design(spec, self.catalogue.manifest("toy"))
        effects = judge(compile_contrasts(design), Results.build(design, records), final=True)
        (row,) = effects.contrasts[0].rows
        return row


@pytest.fixture
def runs(ledger: Ledger, catalogue: Catalogue, plugin: Plugin, tmp_path: Path) -> Runs:
    return Runs(ledger, catalogue, plugin, tmp_path)


def half_run(client: TestClient, runs: Runs, num: int = 4) -> str:
    """A study that is paused after its first trials."""
    answer = client.post("/v1/studies", json=STUDY)
    assert answer.status_code == 202, answer.text
    study_id: str = answer.json()["id"]
    number = runs.begin(study_id)
    runs.run(study_id, number, num)
    client.post(f"/v1/studies/{study_id}/pause")
    runs.end(study_id, number)
    return study_id


def finish(runs: Runs, study_id: str) -> None:
    number = runs.begin(study_id)
    runs.run(study_id, number, 100)
    runs.end(study_id, number)


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
    number = runs.begin(study_id)
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
    number = runs.begin(study_id)
    runs.run(study_id, number, 100, failing=2)
    runs.end(study_id, number)
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
