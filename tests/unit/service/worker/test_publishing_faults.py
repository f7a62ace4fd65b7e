"""Each run once, whatever fails between the ledger and the tracking server."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from service.ledger import (
    Ledger,
    outbox,
)
from service.ledger.tables import outbox as outbox_table
from service.worker.mlflow.publisher import Publisher
from service.worker.mlflow.runs import REASON, STATE, TRIAL
from tests.contract.fake_tracker import FakeTracker
from tests.unit.service.worker.publishing import (
    another,
    check_complete,
    drain,
    forget,
    is_published,
    make_due,
    publisher_that,
)


@pytest.mark.parametrize("call", ["create_experiment", "create_run", "log", "finish"])
def test_a_lost_answer_makes_nothing_twice(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, call: str
) -> None:
    tracker.lose_next = call
    drain(publisher)
    make_due(ledger)
    drain(publisher)
    check_complete(ledger, tracker, study_id)


class Repeating(FakeTracker):
    """A server at the end of a line that brings every request for a run twice; the first answer is lost."""

    def create_run(self, *run: Any) -> str:
        super().create_run(*run)
        return super().create_run(*run)


@pytest.mark.usefixtures("study_id")
def test_a_run_that_mlflow_made_twice_is_shown_once(ledger: Ledger, tmp_path: Path) -> None:
    tracker = Repeating()
    made = publisher_that(lambda: True, ledger, tracker, tmp_path)
    drain(made)
    make_due(ledger)
    drain(made)
    made.close()
    kinds = [run.tags["ablate.kind"] for run in tracker.runs.values()]
    assert sorted(kinds) == ["arm", "arm", "summary", "trial", "trial", "trial", "trial"]
    assert {run.status for run in tracker.runs.values()} <= {"FINISHED", "FAILED", "KILLED"}


@pytest.mark.parametrize("known", [True, False])
def test_what_came_late_is_mended_after_the_study_was_published(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path, known: bool
) -> None:
    drain(publisher)
    check_complete(ledger, tracker, study_id)
    kept = set(tracker.runs)
    experiment = next(iter(tracker.experiments))
    for run in list(tracker.runs.values()):  # creates that a stuck server answers at last
        tracker.create_run(experiment, run.name, run.start_ms, run.tags)
    ids = {run.tags[TRIAL]: id for id, run in tracker.runs.items() if id in kept}
    tracker.finish(ids["tnone0"], "FAILED", 5)  # the end of an attempt before
    tracker.tag_run(ids["tnone1"], {STATE: "failed", REASON: "of before"})
    with ledger.write() as tx:  # whoever waits for MLflow does not wait for this look
        assert outbox.waiting(tx) == 0 and is_published(ledger, study_id)
    after = publisher if known else another(publisher, ledger, tracker, tmp_path)
    make_due(ledger)
    drain(after)
    assert set(tracker.runs) == kept
    check_complete(ledger, tracker, study_id)
    run = tracker.runs[ids["tnone1"]]
    assert (run.tags[STATE], run.tags[REASON]) == ("done", "") and tracker.runs[ids["tnone0"]].end_ms != 5
    num = tracker.num_calls
    drain(after)
    assert tracker.num_calls == num, "one look is enough"
    if not known:
        after.close()


def test_who_led_has_all_looked_at_that_it_may_have_sent(
    ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path
) -> None:
    leads = True
    made = publisher_that(lambda: leads, ledger, tracker, tmp_path)

    def lose_lead() -> bool:
        nonlocal leads
        leads = False
        return True

    tracker.healthy = lose_lead  # type: ignore[method-assign]
    tracker.broken = "tshared0"
    made.drain()
    with ledger.write() as tx:
        tx.execute(delete(outbox_table))
    made.drain()
    made.drain()
    made.close()
    with ledger.read() as tx:
        kinds = [(row.kind, row.study_id) for row in tx.execute(select(outbox_table))]
    assert kinds == [(outbox.CHECK, study_id)]


def test_another_publisher_goes_on_where_one_was_killed(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path
) -> None:
    drain(publisher)
    # As if the process had died after sending and before noting: everything is due once more.
    forget(ledger)
    other = publisher_that(lambda: True, ledger, tracker, tmp_path)
    assert drain(other) == 7
    other.close()
    check_complete(ledger, tracker, study_id)


def test_while_mlflow_is_away_nothing_is_lost_and_little_is_asked(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    tracker.away = True
    assert [publisher.drain() for _ in range(20)] == [0] * 20
    assert tracker.num_calls <= 2
    with ledger.read() as tx:
        assert outbox.waiting(tx) == 7
    tracker.away = False
    publisher.resume()
    assert drain(publisher) == 7
    check_complete(ledger, tracker, study_id)


@pytest.mark.parametrize("how", ["refuse", "broken"])
def test_a_poisonous_row_is_parked_with_its_error_and_the_others_go_on(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, how: str
) -> None:
    setattr(tracker, how, "tshared0")
    drain(publisher)
    sent = {run.tags["ablate.trial_id"] for run in tracker.runs.values() if run.tags["ablate.kind"] != "arm"}
    assert sent == {"tnone0", "tnone1", "tshared1", study_id}
    assert not is_published(ledger, study_id)
    with ledger.read() as tx:
        assert outbox.waiting(tx) == 1
    setattr(tracker, how, None)
    make_due(ledger)
    drain(publisher)
    check_complete(ledger, tracker, study_id)


def test_a_worker_that_does_not_lead_publishes_nothing(
    ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path
) -> None:
    leading = False
    waiting = publisher_that(lambda: leading, ledger, tracker, tmp_path)
    assert waiting.drain() == 0 and tracker.num_calls == 0
    leading = True
    assert waiting.drain() > 0 and {run.tags[TRIAL] for run in tracker.runs.values()} > {study_id}
    waiting.close()
