"""A number of seeds that a pilot sets, in the ledger, over both databases."""

from typing import Any

import pytest

from service.ledger import Ledger, attempts, events, leasing, resizing, steering, studies, trials
from service.ledger.studies import NewTrial
from tests.ledger_samples import SPEC, outcome, planned

FOUND = {"seeds": 4, "spread": 0.01, "row": "mish against relu", "pairs": 2, "missing": 0, "unknown": []}
RULE: dict[str, Any] = {"pilot": 2, "max": 9, "margin": 0.01}
PILOT = {**{name: part for name, part in SPEC.items() if name != "seeds"}, "analysis": {"resize": RULE}}
SET = {**PILOT, "analysis": {"resize": {**RULE, "found": FOUND}}}


def submitted(ledger: Ledger, spec: dict[str, Any] = PILOT) -> str:
    study_id = studies.new_id()
    with ledger.write() as tx:
        studies.create(
            tx,
            study_id=study_id,
            project="default",
            name="depth",
            spec=spec,
            labels={},
            planned=planned(study_id),
        )
    return study_id


def run(ledger: Ledger, study_id: str) -> None:
    """Run every trial that is planned, in an attempt of its own."""
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        open_ids = [trial.id for trial in leasing.work(tx, study_id) if trial.state == "planned"]
        leasing.lease(tx, study_id, number, open_ids)
        leasing.commit(tx, study_id, number, [outcome(id) for id in open_ids])
        attempts.finish(tx, study_id, number, "done")


def more(study_id: str) -> list[NewTrial]:
    return planned(study_id, num_seeds=4)[4:]


def grow(ledger: Ledger, study_id: str) -> bool:
    with ledger.write() as tx:
        return resizing.resize(tx, study_id, spec=SET, more=more(study_id))


def test_seeds_are_added_once_behind_the_pilot(ledger: Ledger) -> None:
    study_id = submitted(ledger)
    run(ledger, study_id)
    with ledger.read() as tx:
        assert resizing.awaits(studies.get(tx, study_id).spec)
    assert grow(ledger, study_id)
    with ledger.read() as tx:
        study = studies.get(tx, study_id)
        assert study.spec == SET and not resizing.awaits(study.spec)
        assert study.num_trials == studies.progress(tx, study_id)["total"] == 8
        work = leasing.work(tx, study_id)
        assert [trial.state for trial in work] == ["done"] * 4 + ["planned"] * 4
        assert [trial.seed for trial in work] == [0, 0, 1, 1, 2, 2, 3, 3]
        told = [event.data for event in events.list_after(tx, study_id, 0) if event.kind == "resized"]
        assert told == [{**FOUND, "trials_added": 4}]
    assert not grow(ledger, study_id)
    run(ledger, study_id)
    assert not grow(ledger, study_id)
    with ledger.read() as tx:
        assert studies.progress(tx, study_id)["done"] == 8
        assert len({trial["id"] for trial in trials.records(tx, study_id)}) == 8


@pytest.mark.parametrize("when", ["running", "paused", "cancelled"])
def test_nothing_is_set_before_the_pilot_has_ended_or_after_the_study_has(ledger: Ledger, when: str) -> None:
    study_id = submitted(ledger)
    if when != "running":
        with ledger.write() as tx:
            steering.pause(tx, study_id) if when == "paused" else steering.cancel(tx, study_id)
    assert not grow(ledger, study_id)
    with ledger.read() as tx:
        assert studies.get(tx, study_id).spec == PILOT and studies.progress(tx, study_id)["total"] == 4
        assert not [event for event in events.list_after(tx, study_id, 0) if event.kind == "resized"]


def test_a_study_that_declares_no_such_thing_is_never_resized(ledger: Ledger) -> None:
    study_id = submitted(ledger, SPEC)
    run(ledger, study_id)
    with ledger.read() as tx:
        assert not resizing.awaits(studies.get(tx, study_id).spec)
    assert not grow(ledger, study_id)


def test_a_study_without_trials_to_add_has_its_number_all_the_same(ledger: Ledger) -> None:
    study_id = submitted(ledger)
    run(ledger, study_id)
    with ledger.write() as tx:
        assert resizing.resize(tx, study_id, spec=SET, more=[])
    with ledger.read() as tx:
        assert studies.get(tx, study_id).num_trials == 4
        assert not resizing.awaits(studies.get(tx, study_id).spec)
