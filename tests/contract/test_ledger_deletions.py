"""Deleted studies over both databases: gone at once, removed after, and kept in those who reused them."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, update

from service.errors import StudyDeleted, StudyNotFound, StudyNotOver
from service.ledger import (
    Ledger,
    arrivals,
    attempts,
    builds,
    events,
    history,
    leasing,
    outbox,
    reuse,
    steering,
    studies,
    submissions,
    trials,
)
from service.ledger import tables as t
from service.ledger.upkeep import deletions, republication
from service.protocol import Resolved
from tests.ledger_samples import add_study, outcome

EFFECTS: Any = {"interim": False, "contrasts": [], "exploratory": []}


def run(ledger: Ledger, *, until: str = "done") -> str:
    """A study whose trials ran, or were reused from earlier ones; in the state asked for."""
    with ledger.write() as tx:
        study_id = add_study(tx, project="p").id
        submissions.remember(tx, "p", f"key-{study_id}", "digest", study_id, {})
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        work = leasing.work(tx, study_id)
        resolved = [
            Resolved(id=row.id, settings=row.settings, fingerprint=f"{row.arm_id} {row.seed}") for row in work
        ]
        reused = leasing.set_settings(tx, study_id, number, resolved)
        rest = [row.id for row in work if row.id not in reused]
        leasing.lease(tx, study_id, number, rest)
        if until == "running":
            return study_id
        leasing.commit(tx, study_id, number, [outcome(id) for id in rest])
        if until == "cancelled":
            steering.cancel(tx, study_id)
        else:
            studies.complete(tx, study_id, state="done", effects=EFFECTS, reports={"md": "# hi"})
        attempts.finish(tx, study_id, number, "done")
    return study_id


def delete(ledger: Ledger, study_id: str, project: str = "p") -> deletions.Deletion:
    with ledger.read() as tx:
        num = deletions.num_reused(tx, study_id)
    with ledger.write() as tx:
        return deletions.delete(tx, study_id, project, num_reused=num)


def tell(ledger: Ledger) -> list[str]:
    """What a publisher does with all that waits; the kinds."""
    with ledger.write() as tx:
        due = outbox.pending(tx)
        outbox.done(tx, [message.id for message in due])
    return [message.kind for message in due]


def rows(ledger: Ledger, study_id: str) -> dict[str, int]:
    """How many rows of a study there are, in every table that has any."""
    found = {}
    with ledger.read() as tx:
        for table in t.metadata.sorted_tables:
            key = table.c.get("study_id", table.c.id if table is t.studies else None)
            if key is not None:
                found[table.name] = tx.execute(select(func.count()).where(key == study_id)).scalar_one()
    return {name: num for name, num in found.items() if num}


def test_a_deleted_study_is_gone_at_once(ledger: Ledger) -> None:
    study_id, other = run(ledger), run(ledger)
    with ledger.write() as tx:
        figure = {"name": "a.svg", "position": 0, "caption": "", "body": b"x"}
        tx.execute(t.figures.insert().values(study_id=study_id, **figure))
    done = delete(ledger, study_id)
    assert (done.name, done.num_trials, done.num_reused) == ("depth", 4, 4)
    with ledger.read() as tx:
        with pytest.raises(StudyDeleted):
            studies.get(tx, study_id, "p")
        assert [row.id for row in studies.page(tx, project="p", limit=5)] == [other]
        assert studies.active(tx) == studies.unbuilt(tx) == [] and builds.without_report(tx) == []
        assert study_id not in outbox.unwritten(tx)
        assert [entry.id for entry in history.known(tx, "p", "mlp-classifier").earlier] == [other]
        assert submissions.answered(tx, "p", f"key-{study_id}") is None
    with ledger.write() as tx:
        for act in (steering.retry, steering.cancel, steering.resume, steering.pause):
            with pytest.raises(StudyNotFound):
                act(tx, study_id)
        with pytest.raises(StudyNotFound):
            studies.complete(tx, study_id, state="done", effects=EFFECTS, reports={})
    assert republication.tell_again(ledger) == 0
    assert delete(ledger, study_id) == done
    assert [kind for kind in tell(ledger) if kind == "delete"] == ["delete"]


def test_what_is_left_of_it_is_swept_away_once_mlflow_knows(ledger: Ledger) -> None:
    study_id, forgotten = run(ledger), list[str]()
    delete(ledger, study_id)
    assert arrivals.sweep(ledger) == 0
    assert deletions.sweep(ledger, forgotten.append) == 0
    assert set(rows(ledger, study_id)) == {"studies", "tags", "attempts", "outbox", "deletions"}
    tell(ledger)
    assert deletions.sweep(ledger, forgotten.append) == 1
    assert rows(ledger, study_id) == {"deletions": 1} and forgotten == [study_id] * 2
    with ledger.read() as tx:
        assert tx.execute(select(t.deletions.c.spec)).scalar_one() is None
        with pytest.raises(StudyDeleted):
            studies.get(tx, study_id)
    assert deletions.sweep(ledger, forgotten.append) == 0
    with ledger.write() as tx:
        assert deletions.find(tx, study_id, "p") == deletions.delete(tx, study_id, "p", num_reused=9)


def test_others_keep_what_they_reused_and_since_when_it_was_known(ledger: Ledger) -> None:
    first = run(ledger)
    second = run(ledger)
    with ledger.read() as tx:
        results = trials.records(tx, second)
        before, asked = reuse.reused_trials(tx, second), reuse.asked(tx, first)
    assert len(before) == 4 and asked is not None
    assert delete(ledger, first).num_reused == 4
    tell(ledger)
    with ledger.read() as tx:
        assert reuse.reused_trials(tx, second) == before and reuse.asked(tx, first) == asked
    assert deletions.sweep(ledger, lambda _: None) == 1
    with ledger.read() as tx:
        assert trials.records(tx, second) == results
        assert reuse.reused_trials(tx, second) == before and reuse.asked(tx, first) == asked
    third = run(ledger)
    with ledger.read() as tx:
        assert {trial.study_id for trial in reuse.reused_trials(tx, third)} == {second}


@pytest.mark.parametrize("until", ["running", "done", "cancelled"])
def test_only_what_has_ended_is_deleted(ledger: Ledger, until: str) -> None:
    study_id = run(ledger, until=until)
    if until == "running":
        with pytest.raises(StudyNotOver, match="cancel it first"):
            delete(ledger, study_id)
        with ledger.write() as tx:
            steering.cancel(tx, study_id)
        with pytest.raises(StudyNotOver, match="driver still runs"):
            delete(ledger, study_id)
        with ledger.write() as tx:
            attempts.finish(tx, study_id, 1, "cancelled")
    for project in ("q", "P"):
        with pytest.raises(StudyNotFound):
            delete(ledger, study_id, project)
    assert delete(ledger, study_id).study_id == study_id
    with ledger.read() as tx, pytest.raises(StudyNotFound) as raised:
        studies.get(tx, study_id, "q")
    assert not isinstance(raised.value, StudyDeleted)


def test_a_large_study_is_removed_in_slices(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletions, "SLICE", 3)
    study_id = run(ledger)
    reader = run(ledger)
    delete(ledger, study_id)
    tell(ledger)
    most = longest_transaction(ledger, lambda: deletions.sweep(ledger, lambda _: None))
    assert most <= 3 and rows(ledger, study_id) == {"deletions": 1, "remains": 4}
    with ledger.read() as tx:
        assert len(reuse.reused_trials(tx, reader)) == 4


def longest_transaction(ledger: Ledger, work: Callable[[], object]) -> int:
    """The most rows of trials or events that one transaction removed."""
    from sqlalchemy import event

    most = now = 0

    def note(_conn: object, cursor: Any, statement: str, *_: object) -> None:
        nonlocal now
        if statement.startswith(("DELETE FROM trials", "DELETE FROM events")):
            now += cursor.rowcount

    def end(_conn: object) -> None:
        nonlocal most, now
        most, now = max(most, now), 0

    event.listen(ledger._writer, "after_cursor_execute", note)
    event.listen(ledger._writer, "commit", end)
    work()
    return most


def test_events_go_on_until_the_study_is_gone(ledger: Ledger) -> None:
    """A publisher that had begun may still note its experiment."""
    study_id = run(ledger)
    delete(ledger, study_id)
    with ledger.write() as tx:
        studies.set_experiment(tx, study_id, "7")
        assert events.latest_seq(tx, study_id) > 0
        tx.execute(update(t.outbox).values(done_at=1.0))
    assert deletions.sweep(ledger, lambda _: None) == 1
    with ledger.write() as tx:
        studies.set_experiment(tx, study_id, "7")
    assert rows(ledger, study_id) == {"deletions": 1}
