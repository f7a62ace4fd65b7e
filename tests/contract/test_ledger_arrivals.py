"""Large studies arrive in slices, unseen until they are whole; and one of several workers leads."""

import time
from collections import Counter
from typing import Any

import pytest
from sqlalchemy import event, func, select

from service.errors import LedgerUnavailable, ProjectFull, StudyNotFound
from service.ledger import Ledger, arrivals, fence, outbox, studies, tables
from service.worker.leadership import LEASE_S, RENEW_S, Leadership
from tests.ledger_samples import SPEC, planned

BIG = "b" * 24
NUM_SEEDS = arrivals.SLICE + 50


def bring(ledger: Ledger, num_seeds: int = NUM_SEEDS) -> None:
    arrivals.bring(
        ledger,
        study_id=BIG,
        project="p",
        name="big",
        spec=SPEC,
        labels={"team": "vision"},
        planned=planned(BIG, num_seeds),
        num=2 * num_seeds,
    )


def count(ledger: Ledger, table: Any) -> int:
    with ledger.read() as tx:
        return int(tx.execute(select(func.count()).select_from(table)).scalar_one())


def test_a_large_study_is_seen_at_once_and_whole(ledger: Ledger) -> None:
    rows, most = Counter[str](), 0

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        if statement.startswith("INSERT INTO trials"):
            rows["now"] += len(values) if isinstance(values, list) else statement.count("(") - 1

    def end(_connection: object) -> None:
        nonlocal most
        most, rows["now"] = max(most, rows["now"]), 0

    event.listen(ledger._writer, "before_cursor_execute", note)
    event.listen(ledger._writer, "commit", end)
    bring(ledger)
    assert 0 < most <= arrivals.SLICE
    with ledger.read() as tx:
        assert studies.active(tx) == [] and studies.page(tx, project="p", limit=5) == []
        assert outbox.pending(tx) == []
        with pytest.raises(StudyNotFound):
            studies.get(tx, BIG)
    with ledger.write() as tx:
        row = arrivals.announce(tx, BIG, 2 * NUM_SEEDS)
    assert (row.state, row.num_trials, row.seq) == ("queued", 2 * NUM_SEEDS, 1)
    with ledger.read() as tx:
        assert [study.id for study in studies.active(tx)] == [BIG]
        assert studies.progress(tx, BIG)["total"] == 2 * NUM_SEEDS
        assert [message.kind for message in outbox.pending(tx)] == ["study"]
    assert arrivals.sweep(ledger) == 0
    arrivals.drop(ledger, BIG)
    assert count(ledger, tables.trials) == 2 * NUM_SEEDS


def test_a_study_that_stops_arriving_is_swept_away(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "PATIENCE_S", 0.2)
    bring(ledger)
    assert count(ledger, tables.trials) == 2 * NUM_SEEDS
    time.sleep(0.3)
    assert arrivals.sweep(ledger) == 1
    assert [count(ledger, table) for table in (tables.trials, tables.tags, tables.studies)] == [0, 0, 0]
    with ledger.write() as tx, pytest.raises(LedgerUnavailable, match="given up"):
        arrivals.announce(tx, BIG, 2 * NUM_SEEDS)


def test_a_project_has_bounded_room(ledger: Ledger) -> None:
    bring(ledger, 4)
    with ledger.read() as tx:
        arrivals.check_room(tx, "p", 2, most=10)
        arrivals.check_room(tx, "q", 10, most=10)
        with pytest.raises(ProjectFull, match="3 trials beside the 8"):
            arrivals.check_room(tx, "p", 3, most=10)


def test_one_worker_leads_and_another_takes_over(ledger: Ledger) -> None:
    now = 100.0
    first, second = (Leadership(ledger, clock=lambda: now) for _ in range(2))
    assert first.renew() and not second.renew() and first.renew()
    first.resign()
    assert not first.leads() and second.renew() and not first.renew()
    now += LEASE_S
    assert not second.leads()
    assert LEASE_S + RENEW_S <= 10


def test_a_lease_ends_by_the_databases_clock(ledger: Ledger) -> None:
    with ledger.write() as tx:
        assert fence.take_lease(tx, "publisher", "a", 0.3)
    with ledger.write() as tx:
        assert not fence.take_lease(tx, "publisher", "b", 0.3)
        fence.release_lease(tx, "publisher", "b")
    with ledger.write() as tx:
        assert not fence.take_lease(tx, "publisher", "b", 0.3)
    time.sleep(0.4)
    with ledger.write() as tx:
        assert fence.take_lease(tx, "publisher", "b", 5)
        assert not fence.take_lease(tx, "publisher", "a", 5)
