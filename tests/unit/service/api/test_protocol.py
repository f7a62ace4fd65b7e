"""What passes between drivers and the service is described once: a field goes all the way or nowhere."""

import json
import math
from dataclasses import fields, replace
from typing import Any

import pytest
from starlette.testclient import TestClient

from ablations.results.environments import Environment
from ablations.results.results import TrialRecord
from service.api.routes.internal import SettingsBody
from service.ledger import Ledger, attempts, trials
from service.ledger.tables import trials as table
from service.protocol import COPIED, KEPT, PROTOCOL, Resolved, Running, TrialToRun, Work, received
from tests.unit.service.api.conftest import STUDY, Driver
from trainables.training.lease import Outcome, Report

HERE = Environment(parts={"torch": "2"}, commits={"code:trainable:toy": "abc"})
FULL: dict[str, Any] = {
    "metrics": {"test_accuracy": 0.5, "seconds": None},
    "curve": {"val_accuracy": [[1.0, 0.25], [2.0, None]]},
    "scalars": {"alpha": [[1.0, 2.0]], "steps": [1]},
    "reason": "it was told to",
    "traceback": "Traceback: none",
    "seconds": 2.5,
    "device": "gpu of a kind",
    "pack": 7,
}


@pytest.fixture
def driver(client: TestClient, ledger: Ledger) -> Driver:
    """The driver of a submitted study's first attempt."""
    study_id = client.post("/v1/studies", json=STUDY).json()["id"]
    with ledger.write() as tx:
        attempts.begin(tx, study_id)
    return Driver(client, study_id)


def test_every_field_of_an_outcome_is_kept_from_the_slot_to_the_record(
    driver: Driver, ledger: Ledger
) -> None:
    assert set(FULL) == set(KEPT), "a field was added: give it a value here"
    trial_id = Work.from_json(driver.get().json()).trials[0].id
    driver.post("/lease", {"trials": [trial_id]})
    handed_in = json.loads(json.dumps({"trial_id": trial_id, "state": "done", **FULL}))
    outcome = received(handed_in)
    assert driver.post("/commit", {"outcomes": [outcome.to_json()]}).json()["committed"] == [trial_id]
    with ledger.read() as tx:
        row = tx.execute(table.select().where(table.c.id == trial_id)).mappings().one()
        record = TrialRecord.from_json(trials.records(tx, driver.study_id, [trial_id])[0])
    assert {name: row[name] for name in KEPT} == FULL
    told = {field.name for field in fields(TrialRecord)} & set(KEPT)
    assert set(KEPT) - told == {"traceback", "pack"}, "what no report reads"
    assert {name: getattr(record, name) for name in told - {"curve"}} == {
        name: FULL[name] for name in told - {"curve"}
    }
    assert [list(point) for point in record.curve["val_accuracy"]] == FULL["curve"]["val_accuracy"]


def test_every_field_of_an_outcome_is_a_column_and_what_is_reused_is_kept() -> None:
    assert set(KEPT) | {"state"} <= set(table.c.keys())
    assert set(COPIED) < set(KEPT)
    assert {field.name for field in fields(TrialToRun)} <= set(table.c.keys())


def test_work_arrives_as_it_was_sent(driver: Driver) -> None:
    sent = driver.get().json()
    work = Work.from_json(sent)
    assert work.protocol == PROTOCOL and work.to_json() == sent
    assert Work.from_json({**sent, "more": 1}) == work


def test_a_resolved_trial_travels_whole() -> None:
    resolved = Resolved(id="t", settings={"lr": 0.1}, fingerprint="ab", environment=HERE, metrics=("a",))
    arrived = SettingsBody.model_validate_json(json.dumps({"trials": [resolved.to_json()]}))
    assert arrived.trials == [resolved]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_test_metric_that_is_no_number_fails_its_trial_and_says_so(value: float) -> None:
    outcome = Outcome(trial_id="t", state="done", metrics={"test_loss": value, "test_accuracy": 0.5}, pack=3)
    failure = received(outcome.to_json())
    assert failure.state == "failed" and failure.pack == 3 and failure.metrics == {}
    assert failure.reason == f"the result cannot be recorded: test_loss is {value}"
    json.dumps(failure.to_json(), allow_nan=False)


@pytest.mark.parametrize("scalars", [{"alpha": [math.nan]}, {"alpha": object()}])
def test_whatever_is_not_json_fails_its_trial(scalars: object) -> None:
    outcome = Outcome(trial_id="t", state="done", metrics={"test_accuracy": 0.5}, scalars=scalars)
    assert received(outcome.to_json()).state == "failed"


def test_a_result_that_can_be_sent_is_as_it_was() -> None:
    outcome = Outcome(trial_id="t", state="done", metrics={"a": 1.0, "b": None}, traceback="\ud800")
    assert received(outcome.to_json()) == replace(outcome)


def test_progress_that_is_no_number_is_not_told() -> None:
    report = Report(trial_id="t", step=1, metrics={"val_loss": math.nan, "val_accuracy": 0.5})
    assert Running.reported(report).metrics == {"val_loss": None, "val_accuracy": 0.5}
