"""What the tracking server shows after a retry, a run anew or a deletion."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from ablations.results.environments import Environment
from service.ledger import (
    Ledger,
    attempts,
    environments,
    leasing,
    outbox,
    steering,
    studies,
    tables,
    trials,
)
from service.ledger.upkeep import deletions
from service.worker.mlflow.publisher import Publisher
from service.worker.mlflow.runs import TRIAL
from tests.contract.fake_tracker import FakeTracker
from tests.unit.service.worker.publishing import (
    EFFECTS,
    SPEC,
    add_study,
    another,
    drain,
    is_published,
    make_due,
    outcome,
    runs_of_kind,
)
from trainables.training.lease import Outcome


@pytest.mark.parametrize("call", ["", "delete_experiment", "away"])
def test_a_deleted_study_is_deleted_in_mlflow_too(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, call: str
) -> None:
    other = add_study(ledger, {**SPEC, "name": "other"}, "o")
    drain(publisher)
    tracker.away, tracker.lose_next = call == "away", call or None
    with ledger.write() as tx:
        deletions.delete(tx, study_id, "p", num_reused=0)
    drain(publisher)
    if call:
        with ledger.read() as tx:
            assert outbox.waiting(tx) == 1
        tracker.away = False
        publisher.resume()
        make_due(ledger)
        drain(publisher)
    assert {run.tags["ablate.study_id"] for run in tracker.runs.values()} == {other}
    assert [tags["ablate.study_id"] for _, tags in tracker.experiments.values()] == [other]
    assert deletions.sweep(ledger, lambda _: None) == 1


def test_a_study_that_was_deleted_before_it_was_published_never_is(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    with ledger.write() as tx:
        deletions.delete(tx, study_id, "p", num_reused=0)
    drain(publisher)
    assert not tracker.experiments
    with ledger.read() as tx:
        assert outbox.waiting(tx) == 0


def test_the_run_of_a_retried_trial_becomes_that_of_its_result(
    ledger: Ledger, publisher: Publisher, tracker: FakeTracker, study_id: str
) -> None:
    with ledger.write() as tx:
        row = trials.page(tx, study_id, limit=1)[0]
        tx.execute(
            update(tables.trials)
            .where(tables.trials.c.id == row.id)
            .values(state="failed", metrics=None, curve=None, reason="the disk was full")
        )
    while publisher.drain():
        pass
    (run,) = [run for run in tracker.runs.values() if run.tags[TRIAL] == row.id]
    assert (run.status, run.tags["ablate.reason"]) == ("FAILED", "the disk was full")
    with ledger.write() as tx:
        steering.retry(tx, study_id)
        outbox.put(tx, "trial", study_id, row.id, {})  # as if the failure had not been told yet
    assert publisher.drain() == 0 and run.status == "FAILED"
    with ledger.write() as tx:
        assert outbox.waiting(tx) == 0
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        leasing.lease(tx, study_id, number, [row.id])
        result = Outcome(trial_id=row.id, state="done", metrics={"test_accuracy": 0.5})
        leasing.commit(tx, study_id, number, [result])
        attempts.finish(tx, study_id, number, "done")
        studies.complete(tx, study_id, state="done", effects=EFFECTS, reports={})
    while publisher.drain():
        pass
    assert (run.status, run.tags["ablate.state"], run.tags["ablate.reason"]) == ("FINISHED", "done", "")
    assert [(m.key, m.value) for m in run.metrics] == [("test_accuracy", 0.5)]
    assert len([r for r in tracker.runs.values() if r.tags[TRIAL] == row.id]) == 1
    with ledger.read() as tx:
        assert studies.get(tx, study_id).published


def run_anew(ledger: Ledger, study_id: str, accuracy: float, depth: int = 1) -> None:
    """All trials again, with other results, and the report."""
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        rows = trials.page(tx, study_id, limit=10)
        ids = leasing.lease(tx, study_id, number, [row.id for row in rows])
        for row in rows:
            settings = {**row.settings, "depth": depth}
            tx.execute(update(tables.trials).where(tables.trials.c.id == row.id).values(settings=settings))
        done = [outcome(id) for id in ids]
        leasing.commit(
            tx,
            study_id,
            number,
            [replace(one, metrics={"test_accuracy": accuracy}, curve={}) for one in done],
        )
        attempts.finish(tx, study_id, number, "done")
        assert studies.complete(tx, study_id, state="done", effects=EFFECTS, reports={"md": "# anew"})


@pytest.mark.parametrize("restarted", [False, True])
def test_what_runs_anew_is_shown_by_new_runs_and_the_old_ones_are_marked(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path, restarted: bool
) -> None:
    drain(publisher)
    old = runs_of_kind(tracker, "trial")
    for generation, accuracy in ((1, 0.3), (2, 0.4)):
        with ledger.write() as tx:
            steering.retry(tx, study_id, afresh=True)
        drain(publisher)
        assert runs_of_kind(tracker, "trial") == {}
        (experiment,) = tracker.experiments.values()
        assert "its answer will stand here" in experiment[1]["mlflow.note.content"]
        with ledger.read() as tx:
            assert {row.mlflow_run_id for row in trials.page(tx, study_id, limit=10)} == {None}
        # Settings that a new search has chosen: MLflow would refuse them in the old runs.
        run_anew(ledger, study_id, accuracy, depth=1 + generation)
        if restarted:
            publisher = another(publisher, ledger, tracker, tmp_path)
        drain(publisher)
        new = runs_of_kind(tracker, "trial")
        assert len(new) == 4 and is_published(ledger, study_id)
        for run in new.values():
            assert {point.value for point in run.metrics if point.key == "test_accuracy"} == {accuracy}
        (summary,) = runs_of_kind(tracker, "summary").values()
        assert summary.artifacts["report.md"] == b"# anew"
        assert len(runs_of_kind(tracker, "superseded")) == 4 * generation
    assert all(run.tags["ablate.trial_id"].endswith(".1") for run in old.values())
    with ledger.read() as tx:
        noted = {row.mlflow_run_id for row in trials.page(tx, study_id, limit=10)}
    assert noted == set(runs_of_kind(tracker, "trial"))


def test_nothing_new_is_written_into_old_runs_while_these_cannot_be_marked(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    drain(publisher)
    old = runs_of_kind(tracker, "trial")
    before = {id: set(run.metrics) for id, run in old.items()}
    with ledger.write() as tx:
        steering.retry(tx, study_id, afresh=True)
    tracker.refuse_tags = True
    drain(publisher)
    run_anew(ledger, study_id, 0.3)
    drain(publisher)
    assert {id: run.metrics for id, run in old.items()} == before and set(tracker.runs) > set(old)
    assert len(tracker.runs) == 7 and not is_published(ledger, study_id)
    tracker.refuse_tags = False
    with ledger.write() as tx:
        tx.execute(update(tables.outbox).values(next_at=None))
    drain(publisher)
    assert len(runs_of_kind(tracker, "superseded")) == len(runs_of_kind(tracker, "trial")) == 4
    assert {id: run.metrics for id, run in old.items()} == before and is_published(ledger, study_id)


def test_commits_of_a_trials_code_are_tags(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker
) -> None:
    commits = {"code:trainable:toy": "0a1b (clean)", "code:activation:wavy": "2c3d (changed since)"}
    environment = Environment(parts=dict.fromkeys(commits, "d"), commits=commits)
    study_id = add_study(ledger, SPEC)
    with ledger.write() as tx:
        (id,) = environments.keep(tx, [environment])
        tx.execute(update(tables.trials).where(tables.trials.c.seed == 0).values(environment_id=id))
    drain(publisher)
    assert is_published(ledger, study_id)
    for run in runs_of_kind(tracker, "trial").values():
        tags = {name: value for name, value in run.tags.items() if "commit" in name}
        assert tags == (
            {
                "ablate.commit.trainable:toy": "0a1b (clean)",
                "ablate.commit.activation:wavy": "2c3d (changed since)",
                "mlflow.source.git.commit": "0a1b",
            }
            if run.params["seed"] == "0"
            else {}
        )
