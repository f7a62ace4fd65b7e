"""What is compared before a study goes on, and what the question names."""

import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.ledger.trials import TrialRow
from service.protocol import TrialToRun
from service.settings import Settings
from tests.attempts import Attempts
from tests.edited_code import IMAGES, TEXT, TOYS_CODE, WAVE, WAVES_CODE, EditedCode, edited_code
from tests.edited_code import TOY as EDITED_TOY
from trainables.training.lease import Outcome


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
