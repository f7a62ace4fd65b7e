"""The claims table, from finished studies in a real ledger."""

from typing import Any

import pytest
from sqlalchemy import update
from starlette.testclient import TestClient

from ablations.paper import presets
from ablations.paper.claims.abstract import CLAIMS
from service.ledger import Ledger, attempts, events, leasing, studies, tables
from service.protocol import TrialToRun
from trainables.training.lease import Outcome


def accuracy(trial: TrialToRun) -> float:
    """What the planted study measures: AttentionCNN gains 14 points with dynamic scalars, the others none."""
    dynamic = trial.levels["scalars"] == "per_layer" and trial.levels["model"] == "attention_cnn"
    return 0.7 + (0.14 + 0.004 * (trial.seed - 1)) * dynamic + 0.001 * trial.seed


def finish(client: TestClient, study: dict[str, Any]) -> str:
    """Submit a study and commit an outcome for each of its trials."""
    ledger: Ledger = client.app.state.context.ledger  # type: ignore[attr-defined]
    study_id = str(client.post("/v1/studies", json=study).json()["id"])
    with ledger.write() as tx:
        attempt = attempts.begin(tx, study_id)
        attempts.submitted(tx, study_id, attempt.number)
        planned = leasing.work(tx, study_id)
        leasing.lease(tx, study_id, attempt.number, [trial.id for trial in planned])
        outcomes = [
            Outcome(
                trial_id=trial.id,
                state="done",
                metrics={"test_accuracy": accuracy(trial), "convergence_auc": 1.0},
                seconds=1.0,
            )
            for trial in planned
        ]
        leasing.commit(tx, study_id, attempt.number, outcomes)
        studies.complete(tx, study_id, state="done", effects={"interim": False}, reports={})
    return study_id


def entries(client: TestClient) -> dict[str, Any]:
    return {entry["id"]: entry for entry in client.get("/v1/claims").json()["items"]}


def test_nothing_is_said_about_what_was_not_run(packaged: TestClient) -> None:
    found = entries(packaged)
    assert list(found) == [claim.id for claim in CLAIMS]
    assert all(entry["verdict"] == "not run" and entry["rows"] == [] for entry in found.values())
    assert "not run" in packaged.get("/claims").text


def test_a_finished_preset_answers_its_claims(packaged: TestClient) -> None:
    study_id = finish(packaged, dict(presets.preset("cifar10-activations", "laptop").study))
    found = entries(packaged)
    deep = found["attention-cnn"]
    assert deep["study"]["id"] == study_id and deep["study"]["edited"] == []
    assert deep["verdict"] == "consistent"
    assert deep["rows"][0]["estimate"] == pytest.approx(14.0)
    assert found["average"]["rows"][0]["estimate"] == pytest.approx(14.0 / 3)
    assert found["average"]["verdict"] == "inconsistent"
    assert "epochs: 2, not 100" in deep["study"]["differs_from_paper_scale"]
    assert found["depth"]["verdict"] == "not run"
    page = packaged.get("/claims").text
    assert "14.00" in page and "consistent" in page and study_id in page


def test_an_edited_study_is_told_apart_and_stands_behind_one_as_it_came(packaged: TestClient) -> None:
    original = dict(presets.preset("cifar10-activations", "laptop").study)
    edited = {**original, "fixed": {**original["fixed"], "epochs": 7}}  # type: ignore[dict-item]
    finish(packaged, edited)
    assert entries(packaged)["attention-cnn"]["study"]["edited"] == ["fixed.epochs"]
    kept = finish(packaged, original)
    finish(packaged, edited)
    assert entries(packaged)["attention-cnn"]["study"]["id"] == kept


def test_a_study_that_only_borrows_the_name_does_not_count(packaged: TestClient) -> None:
    original = dict(presets.preset("cifar10-activations", "laptop").study)
    finish(packaged, {**original, "tags": {"preset": "cifar10-activations", "scale": "huge"}})
    assert entries(packaged)["attention-cnn"]["verdict"] == "not run"


def test_other_data_than_the_claim_names_leave_it_open(packaged: TestClient) -> None:
    finish(packaged, dict(presets.preset("cifar10-activations", "smoke").study))
    deep = entries(packaged)["attention-cnn"]
    assert deep["verdict"] == "inconclusive"
    assert deep["rows"][0]["note"] == "dataset is digits-5k, not cifar10"


def test_a_study_is_read_again_only_when_something_has_happened_to_it(packaged: TestClient) -> None:
    study_id = finish(packaged, dict(presets.preset("cifar10-activations", "laptop").study))
    first = entries(packaged)
    ledger: Ledger = packaged.app.state.context.ledger  # type: ignore[attr-defined]
    with ledger.write() as tx:
        tx.execute(update(tables.trials).values(metrics={"test_accuracy": 0.5, "convergence_auc": 1.0}))
    assert entries(packaged) == first
    with ledger.write() as tx:
        events.append(tx, study_id, "report", {})
    assert entries(packaged)["attention-cnn"]["rows"][0]["estimate"] == pytest.approx(0.0)
