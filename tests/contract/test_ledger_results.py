"""Results as the ledger gives them back: reused, in pages, counted by reason; over both databases."""

from dataclasses import replace

import pytest

from service.errors import NotFound
from service.ledger import Ledger, attempts, counts, leasing, outbox, studies, trials
from service.protocol import Resolved
from tests.contract.test_ledger_trials import begin
from tests.ledger_samples import add_study, outcome


def test_finished_trials_of_the_project_are_reused_by_fingerprint(ledger: Ledger) -> None:
    with ledger.write() as tx:
        first, second, foreign = add_study(tx), add_study(tx), add_study(tx, project="theirs")
        numbers = {study.id: begin(tx, study.id) for study in (first, second, foreign)}

        def resolve(study_id: str, metrics: tuple[str, ...] = ()) -> list[str]:
            entries = [
                Resolved(id=trial.id, settings={"lr": 1.0}, fingerprint=f"{place:064x}", metrics=metrics)
                for place, trial in enumerate(leasing.work(tx, study_id))
            ]
            return leasing.set_settings(tx, study_id, numbers[study_id], entries)

        assert resolve(first.id) == []
        ids = leasing.lease(
            tx, first.id, numbers[first.id], [f"{first.id}-{arm}-0" for arm in ("relu", "mish")]
        )
        leasing.commit(tx, first.id, numbers[first.id], [outcome(ids[0]), outcome(ids[1], "diverged", None)])
        assert resolve(foreign.id) == []
        assert resolve(second.id, metrics=("test_accuracy/5",)) == []
        assert resolve(second.id, metrics=("val_accuracy/2",)) == []  # measured, without a value
        assert resolve(second.id, metrics=("val_accuracy/3",)) == []
        assert resolve(second.id, metrics=("test_accuracy",)) == [f"{second.id}-relu-0"]
        assert resolve(second.id) == []
        progress = studies.progress(tx, second.id)
        assert (progress["done"], progress["reused"]) == (1, 1)
        copy, source = trials.records(tx, second.id)[0], trials.records(tx, first.id)[0]
        same = ("metrics", "curve", "scalars", "seconds", "device", "settings")
        assert {name: copy[name] for name in same} == {name: source[name] for name in same}
        assert copy["attempts"] == 0
        assert f"{second.id}-relu-0" in [message.key for message in outbox.pending(tx)]
        assert leasing.lease(tx, second.id, numbers[second.id], [f"{second.id}-relu-0"]) == []


def test_a_value_read_at_a_step_may_stand_in_the_curve_of_a_reused_trial(ledger: Ledger) -> None:
    with ledger.write() as tx:
        first, second = add_study(tx), add_study(tx)
        fresh: list[list[str]] = []
        for study in (first, second):
            number = begin(tx, study.id)
            entries = [
                Resolved(
                    id=trial.id,
                    settings={"lr": 1.0},
                    fingerprint=f"{place:064x}",
                    metrics=("val_accuracy/1", "test_accuracy"),
                )
                for place, trial in enumerate(leasing.work(tx, study.id))
            ]
            fresh.append(leasing.set_settings(tx, study.id, number, entries))
            ids = leasing.lease(tx, study.id, number, [entry.id for entry in entries])
            leasing.commit(tx, study.id, number, [outcome(id) for id in ids])
        assert fresh == [[], [trial.id for trial in leasing.work(tx, second.id)]]


def test_trials_are_listed_in_pages_and_filtered(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx, num_seeds=3)
        whole = trials.page(tx, study.id, limit=10)
        parts = trials.page(tx, study.id, limit=4)
        parts += trials.page(tx, study.id, limit=4, after=parts[-1].position)
        assert [row.id for row in whole] == [row.id for row in parts] and len(whole) == 6
        assert len(trials.page(tx, study.id, limit=10, arm="base=relu")) == 3
        assert len(trials.page(tx, study.id, limit=10, arm="arm-relu", seed=2)) == 1
        assert trials.page(tx, study.id, limit=10, state="done") == []
        assert len(trials.page(tx, study.id, limit=10, phase="measuring", state="planned")) == 6
        assert trials.get(tx, study.id, "6") == trials.get(tx, study.id, whole[5].id) == whole[5]
        for nothing in ("absent", "0", "7", "9" * 30):
            with pytest.raises(NotFound):
                trials.get(tx, study.id, nothing)
        with pytest.raises(NotFound):
            trials.traceback(tx, study.id, "absent")
        trials.set_runs(tx, {whole[0].id: "run-1"})
        assert trials.get(tx, study.id, whole[0].id).mlflow_run_id == "run-1"


def test_records_without_courses_leave_out_only_those(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        attempts.begin(tx, study.id)
        ids = [trial.id for trial in trials.page(tx, study.id, limit=9)]
        leasing.lease(tx, study.id, 1, ids)
        leasing.commit(tx, study.id, 1, [outcome(id) for id in ids])
    with ledger.read() as tx:
        whole, narrow = trials.records(tx, study.id), [*trials.each_record(tx, study.id, courses=False)]
    assert len(whole) == len(ids) and all(record["curve"] for record in whole)
    for record in whole:
        del record["scalars"]
        record["curve"] = {}
    assert narrow == whole


def test_failed_trials_are_counted_by_reason(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study, whole = add_study(tx, num_seeds=4), add_study(tx)
        number = begin(tx, study.id)
        ids = leasing.lease(tx, study.id, number, [trial.id for trial in leasing.work(tx, study.id)])
        reasons = [None, "late", "odd", "late", None, "odd", "rare"]
        lost = [replace(outcome(id, "failed"), reason=why) for id, why in zip(ids[1:], reasons, strict=True)]
        leasing.commit(tx, study.id, number, [outcome(ids[0]), *lost])
        found = counts.reasons_of(tx, [study.id, whole.id], at_most=3)
        told = [(same.reason, same.num, same.first) for same in found.pop(study.id)]
        assert told == [(None, 2, 1), ("late", 2, 2), ("odd", 2, 3)] and not found
