"""Going on with a study after its code has changed: asked first, then mixed openly or run anew."""

import importlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ablations.effects.effect import EffectRow
from service.app import create_app
from service.driver.attempt import checkpoints_of
from service.errors import StaleAttempt
from service.ledger import Ledger, attempts, studies, trials
from service.ledger.trials import TrialRow
from service.protocol import TrialToRun, Work
from service.settings import Settings
from tests.attempts import Attempts
from tests.edited_code import IMAGES, TEXT, TOYS_CODE, WAVE, WAVES_CODE, EditedCode, edited_code
from tests.edited_code import TOY as EDITED_TOY
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


@pytest.fixture
def code(tmp_path: Path, settings: Settings) -> Iterator[EditedCode]:
    yield from edited_code(tmp_path / "plugins", settings.datasets_dir)


@pytest.fixture
def served(settings: Settings, code: EditedCode) -> Iterator[TestClient]:
    """The API with what is installed, the plugins among it."""
    assert code.versions
    with TestClient(create_app(settings), base_url="http://localhost") as client:
        yield client


BASES: dict[str, Any] = {
    "name": "bases",
    "trainable": "mlp-classifier",
    "factors": {"base": ["relu", WAVE]},
    "baseline": {"base": "relu"},
    "fixed": {"dataset": "stripes", "epochs": 1},
    "seeds": 2,
    "metrics": [{"name": "test_accuracy"}],
}
TEXTS: dict[str, Any] = {
    "name": "texts",
    "trainable": "language-model",
    "factors": {"glu": ["swiglu", "geglu"]},
    "baseline": {"glu": "swiglu"},
    "fixed": {"dataset": "story"},
    "seeds": 2,
}
SIZES: dict[str, Any] = {
    "name": "sizes",
    "trainable": EDITED_TOY,
    "factors": {"size": [1, 2]},
    "baseline": {"size": 1},
    "seeds": 2,
}


def paused_after_two(client: TestClient, code: EditedCode, study: dict[str, Any]) -> str:
    """A study that is paused after its first two trials, one of each arm."""
    answer = client.post("/v1/studies", json=study)
    assert answer.status_code == 202, answer.text
    study_id: str = answer.json()["id"]
    context = client.app.state.context  # type: ignore[attr-defined]
    driving = Attempts(context.ledger, context.catalogues, code.datasets_dir)
    number, _ = driving.begin(study_id)
    metrics = {"test_accuracy": 0.5, "test_loss": 1.0}
    driving.train(study_id, number, 2, lambda row: Outcome(trial_id=row.id, state="done", metrics=metrics))
    client.post(f"/v1/studies/{study_id}/pause")
    driving.lose(study_id, number)
    return study_id


def remove_package(code: EditedCode) -> None:
    for package in ("edited_toy", "edited_wave"):
        shutil.rmtree(code.folder / package)


@pytest.mark.parametrize(
    ("study", "change", "path", "now"),
    [
        (BASES, lambda code: code.edit(IMAGES), IMAGES, "is [0-9a-f]{12} now"),
        (BASES, lambda code: (code.datasets_dir / "stripes.npz").unlink(), IMAGES, "is not here now"),
        (BASES, lambda code: code.edit(WAVES_CODE), WAVES_CODE, "is [0-9a-f]{12} now"),
        (BASES, remove_package, WAVES_CODE, "is not here now"),
        (TEXTS, lambda code: code.edit(TEXT), TEXT, "is [0-9a-f]{12} now"),
        (TEXTS, lambda code: (code.datasets_dir / "story.txt").unlink(), TEXT, "is not here now"),
        (SIZES, lambda code: code.edit(IMAGES), IMAGES, "is [0-9a-f]{12} now"),
        (SIZES, lambda code: code.edit(TOYS_CODE), TOYS_CODE, "is [0-9a-f]{12} now"),
        (SIZES, remove_package, TOYS_CODE, "is not here now"),
    ],
)
def test_the_question_names_what_changed_or_is_gone(
    served: TestClient,
    code: EditedCode,
    study: dict[str, Any],
    change: Callable[[EditedCode], None],
    path: str,
    now: str,
) -> None:
    study_id = paused_after_two(served, code, study)
    change(code)
    answer = served.post(f"/v1/studies/{study_id}/resume")
    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/study-changed")
    (problem,) = answer.json()["errors"]
    assert problem["path"] == path
    old, _, said = problem["detail"].removeprefix("was ").partition(", ")
    assert len(old) == 12 and re.fullmatch(now, said) and said != f"is {old} now"
    assert served.post(f"/v1/studies/{study_id}/resume?anyway=true").status_code == 202


def test_a_plugin_that_the_api_no_longer_knows_is_asked_about(
    settings: Settings, served: TestClient, code: EditedCode
) -> None:
    ids = {name: paused_after_two(served, code, study) for name, study in (("p", SIZES), ("a", BASES))}
    for package in ("edited_toy", "edited_wave"):
        shutil.rmtree(code.folder / f"{package}-1.dist-info")
    with TestClient(create_app(settings), base_url="http://localhost") as restarted:
        for study_id, path in ((ids["p"], TOYS_CODE), (ids["a"], WAVES_CODE)):
            answer = restarted.post(f"/v1/studies/{study_id}/resume")
            assert answer.status_code == 409, answer.text
            assert [problem["path"] for problem in answer.json()["errors"]] == [path]


def test_what_no_trial_still_needs_is_not_asked_about(served: TestClient, code: EditedCode) -> None:
    study_id: str = served.post("/v1/studies", json=BASES).json()["id"]
    context = served.app.state.context  # type: ignore[attr-defined]
    driving = Attempts(context.ledger, context.catalogues, code.datasets_dir)
    number, _ = driving.begin(study_id)

    def one(row: TrialRow) -> Outcome:
        if row.levels["base"] == "relu":
            return Outcome(trial_id=row.id, state="failed", reason="a bug")
        return Outcome(trial_id=row.id, state="done", metrics={"test_accuracy": 0.5})

    driving.train(study_id, number, 4, one)
    driving.lose(study_id, number)
    driving.complete(study_id)
    for part in (WAVES_CODE, TEXT, TOYS_CODE):
        code.edit(part)
    assert served.post(f"/v1/studies/{study_id}/retry").status_code == 202


def test_what_a_search_may_choose_is_compared(served: TestClient, code: EditedCode) -> None:
    searched = {
        "name": "searched",
        "trainable": "mlp-classifier",
        "fixed": {"epochs": 1},
        "tuning": {"space": {"base": ["relu", WAVE], "dataset": ["stripes"]}, "sampler": "grid"},
        "seeds": 2,
    }
    answer = served.post("/v1/studies", json=searched)
    assert answer.status_code == 202, answer.text
    study_id: str = answer.json()["id"]
    context = served.app.state.context  # type: ignore[attr-defined]
    chosen = {"base": WAVE, "dataset": "stripes"}
    driving = Searched(context.ledger, context.catalogues, code.datasets_dir, chosen)
    number, _ = driving.begin(study_id)
    metrics = {"val_accuracy": 0.5}
    driving.train(study_id, number, 1, lambda row: Outcome(trial_id=row.id, state="done", metrics=metrics))
    served.post(f"/v1/studies/{study_id}/pause")
    driving.lose(study_id, number)
    code.edit(WAVES_CODE)
    code.edit(IMAGES)
    answer = served.post(f"/v1/studies/{study_id}/resume")
    assert {problem["path"] for problem in answer.json()["errors"]} == {WAVES_CODE, IMAGES}


class Searched(Attempts):
    """Attempts whose first candidate has what a search has chosen, and the others nothing yet."""

    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts[:3])
        self.chosen = parts[3]

    def settings_of(self, row: TrialToRun) -> Mapping[str, Any]:
        return {**row.settings, **(self.chosen if row.candidate == 0 else {})}


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
