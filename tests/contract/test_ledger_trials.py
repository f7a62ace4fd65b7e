"""Attempts, leases and commits in the ledger, over both databases."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from service.errors import AttemptLive, StaleAttempt, StudyFinished
from service.ledger import Ledger, Tx, attempts, events, leasing, outbox, steering, studies, trials
from service.ledger import tables as t
from service.protocol import Running
from tests.ledger_samples import add_study, outcome


def begin(tx: Tx, study_id: str) -> int:
    """A new attempt whose driver has spoken."""
    number = attempts.begin(tx, study_id).number
    attempts.start(tx, study_id, number)
    return number


def expire(ledger: Ledger) -> None:
    """Let every lease run out."""
    with ledger.write() as tx:
        tx.execute(update(t.attempts).values(lease_until=t.db_now() - 1))


def states(tx: Tx, study_id: str) -> list[str]:
    return [trial.state for trial in leasing.work(tx, study_id)]


def test_an_attempt_goes_from_pending_to_done(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        attempt = attempts.begin(tx, study.id)
        assert (attempt.number, attempt.state, attempt.expired) == (1, "pending", False)
        assert attempt.submission_id == f"ablate-{study.id}-a1"
        with pytest.raises(AttemptLive):
            attempts.begin(tx, study.id)
        attempts.submitted(tx, study.id, 1)
        assert studies.get(tx, study.id).state == "queued"
        assert attempts.heartbeat(tx, study.id, 1) == "run"
        attempts.submitted(tx, study.id, 1)
        live = attempts.live(tx, study.id)
        assert live is not None and live.state == "running" and live.lease_until is not None
        assert studies.get(tx, study.id).state == "running"
        attempts.finish(tx, study.id, 1, "done")
        assert attempts.live(tx, study.id) is None
        assert attempts.get(tx, study.id, 1).state == "done"
        assert attempts.begin(tx, study.id).number == 2
        told = [
            event.data["state"] for event in events.list_after(tx, study.id, 0) if event.kind == "attempt"
        ]
        assert told == ["pending", "submitted", "running", "done", "pending"]


def test_submitted_after_the_driver_spoke_keeps_it_running(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
        attempts.submitted(tx, study.id, number)
        assert attempts.get(tx, study.id, number).state == "running"


def test_the_database_refuses_a_second_live_attempt(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        attempts.begin(tx, study.id)
    with pytest.raises(IntegrityError), ledger.write() as tx:
        row = {"study_id": study.id, "number": 2, "submission_id": "x", "state": "pending"}
        tx.execute(t.attempts.insert().values(created_at=t.db_now(), **row))


def test_trials_are_leased_run_and_committed_once(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
        ids = [trial.id for trial in leasing.work(tx, study.id)]
        assert leasing.lease(tx, study.id, number, [ids[1], ids[0], "unknown"]) == [ids[1], ids[0]]
        assert states(tx, study.id) == ["leased", "leased", "planned", "planned"]
    with ledger.write() as tx:
        attempts.heartbeat(tx, study.id, number, [Running(id=ids[0], step=2, metrics={"val_loss": 0.5})])
        row = trials.get(tx, study.id, ids[0])
        assert (row.state, row.step, row.metrics) == ("running", 2, {"val_loss": 0.5})
    with ledger.write() as tx:
        outcomes = [outcome(ids[0]), outcome(ids[1], "failed", None), outcome(ids[2])]
        assert leasing.commit(tx, study.id, number, outcomes) == ids[:2]
    with ledger.write() as tx:
        changed = [outcome(ids[0], accuracy=0.1), outcome(ids[1], "done")]
        assert leasing.commit(tx, study.id, number, changed) == [ids[0]]
        assert states(tx, study.id) == ["done", "failed", "planned", "planned"]
        record = trials.records(tx, study.id)[0]
        assert record["metrics"] == {"test_accuracy": 0.9}
        assert record["curve"] == {"val_accuracy": [[1, 0.5], [2, None]]}
        assert record["scalars"] is None and record["attempts"] == 1
        assert trials.traceback(tx, study.id, ids[1]) == "Traceback: boom"
        assert trials.traceback(tx, study.id, ids[0]) is None
        announced = [message.key for message in outbox.pending(tx) if message.kind == "trial"]
        assert announced == ids[:2]
        told = [
            (event.data["trial"], event.data["state"])
            for event in events.list_after(tx, study.id, 0)
            if event.kind == "trial"
        ]
        assert told == [
            (ids[1], "leased"),
            (ids[0], "leased"),
            (ids[0], "running"),
            (ids[0], "done"),
            (ids[1], "failed"),
        ]


def test_a_lease_may_be_asked_for_again_and_counts_once(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
        id = f"{study.id}-relu-0"
        assert leasing.lease(tx, study.id, number, [id]) == leasing.lease(tx, study.id, number, [id]) == [id]
        assert trials.get(tx, study.id, id).attempts == 1
        leasing.commit(tx, study.id, number, [outcome(id)])
        assert leasing.lease(tx, study.id, number, [id]) == []


def test_a_trial_asked_for_several_times_at_once_is_leased_and_told_once(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
        id = f"{study.id}-relu-0"
        before = events.latest_seq(tx, study.id)
        assert leasing.lease(tx, study.id, number, [id, id, id]) == [id]
        told = [event.data["state"] for event in events.list_after(tx, study.id, before)]
        assert (told, trials.get(tx, study.id, id).attempts) == (["leased"], 1)


def test_an_outcome_needs_a_terminal_state(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
        with pytest.raises(ValueError, match="running"):
            leasing.commit(tx, study.id, number, [outcome(f"{study.id}-relu-0", "running")])


@pytest.mark.parametrize(
    "write",
    [
        lambda tx, id: leasing.commit(tx, id, 1, [outcome(f"{id}-relu-0")]),
        lambda tx, id: leasing.lease(tx, id, 1, [f"{id}-relu-0"]),
        lambda tx, id: leasing.set_settings(tx, id, 1, []),
        lambda tx, id: attempts.heartbeat(tx, id, 1),
        lambda tx, id: attempts.start(tx, id, 1),
        lambda tx, id: attempts.submitted(tx, id, 1),
        lambda tx, id: attempts.finish(tx, id, 1, "done"),
    ],
)
def test_a_stale_attempt_cannot_write(ledger: Ledger, write: Callable[[Tx, str], object]) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
        leasing.lease(tx, study.id, number, [f"{study.id}-relu-0"])
        assert attempts.lost(tx, study.id, number, "silent")
        assert not attempts.lost(tx, study.id, number, "silent")
        second = begin(tx, study.id)
        leasing.lease(tx, study.id, second, [f"{study.id}-relu-0"])
        before = events.latest_seq(tx, study.id)
    with pytest.raises(StaleAttempt), ledger.write() as tx:
        write(tx, study.id)
    with ledger.read() as tx:
        assert events.latest_seq(tx, study.id) == before
        row = trials.get(tx, study.id, f"{study.id}-relu-0")
        assert (row.state, row.attempts) == ("leased", 2)


def test_the_fence_is_in_the_statement_itself(ledger: Ledger) -> None:
    """Even a write that skipped every check before it changes no row of a newer attempt."""
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
        leasing.lease(tx, study.id, number, [f"{study.id}-relu-0"])
        attempts.lost(tx, study.id, number, "silent")
        leasing.note_running(tx, study.id, number, [Running(id=f"{study.id}-relu-0", step=1, metrics={})])
        assert states(tx, study.id) == ["planned"] * 4


def test_a_lost_attempt_plans_again_what_it_held(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
        ids = leasing.lease(tx, study.id, number, [f"{study.id}-{arm}-0" for arm in ("relu", "mish")])
        leasing.commit(tx, study.id, number, [outcome(ids[0])])
        assert not attempts.lost(tx, study.id, number, "silent", if_expired=True)
    expire(ledger)
    with ledger.write() as tx:
        live = attempts.live(tx, study.id)
        assert live is not None and live.expired
        assert attempts.lost(tx, study.id, number, "silent", if_expired=True)
        assert states(tx, study.id) == ["done", "planned", "planned", "planned"]
        assert attempts.get(tx, study.id, number).error == "silent"
        assert [attempt.state for attempt in attempts.all_of(tx, study.id)] == ["lost"]


def test_a_heartbeat_renews_an_expired_lease(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
    expire(ledger)
    with ledger.write() as tx:
        attempts.heartbeat(tx, study.id, number, lease_s=60)
        live = attempts.live(tx, study.id)
        assert live is not None and not live.expired


def test_no_attempt_for_a_study_that_has_ended(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        steering.cancel(tx, study.id)
        with pytest.raises(AttemptLive, match="cancelled"):
            attempts.begin(tx, study.id)
        with pytest.raises(StaleAttempt):
            attempts.get(tx, study.id, 1)


def test_abandoned_trials_fail_with_the_reason(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study = add_study(tx)
        number = begin(tx, study.id)
        (id,) = leasing.lease(tx, study.id, number, [f"{study.id}-relu-0"])
        leasing.commit(tx, study.id, number, [outcome(id)])
        attempts.lost(tx, study.id, number, "silent")
        assert len(leasing.abandon(tx, study.id, "3 attempts were lost")) == 3
        assert states(tx, study.id) == ["done", "failed", "failed", "failed"]
        assert trials.page(tx, study.id, limit=1, after=0)[0].reason == "3 attempts were lost"


def test_cancel_and_the_end_of_a_study_never_both_win(ledger: Ledger) -> None:
    """Twenty races between a cancel and a last commit with completion: one end, and the trials agree."""
    for _ in range(20):
        with ledger.write() as tx:
            study = add_study(tx, num_seeds=1)
            number = begin(tx, study.id)
            ids = leasing.lease(tx, study.id, number, [trial.id for trial in leasing.work(tx, study.id)])
        barrier = threading.Barrier(2)
        results: dict[str, object] = {}

        def cancel(id: str = study.id, barrier: threading.Barrier = barrier, results: dict = results) -> None:
            barrier.wait()
            with ledger.write() as tx:
                try:
                    results["cancel"] = steering.cancel(tx, id).state
                except StudyFinished:
                    results["cancel"] = "refused"

        other = threading.Thread(target=cancel)
        other.start()
        barrier.wait()
        with ledger.write() as tx:
            committed = leasing.commit(tx, study.id, number, [outcome(id) for id in ids])
        with ledger.write() as tx:
            results["done"] = studies.complete(tx, study.id, state="done", effects={}, reports={})
        other.join()
        with ledger.read() as tx:
            end, found = studies.get(tx, study.id).state, states(tx, study.id)
        assert (results["cancel"], results["done"], end) in [
            ("cancelled", False, "cancelled"),
            ("refused", True, "done"),
        ]
        assert found == (["done"] * 2 if committed else ["cancelled"] * 2)


def test_writers_of_one_study_do_not_block_each_other_for_ever(ledger: Ledger) -> None:
    """Eight threads lease the same trials: each trial goes out once, and no deadlock or lock error shows."""
    with ledger.write() as tx:
        study = add_study(tx, num_seeds=20)
        number = begin(tx, study.id)
        ids = [trial.id for trial in leasing.work(tx, study.id)]
    errors: list[BaseException] = []

    def work(offset: int) -> None:
        try:
            for id in ids[offset::8]:
                with ledger.write() as tx:
                    leasing.lease(tx, study.id, number, [id])
                    leasing.commit(tx, study.id, number, [outcome(id)])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with ledger.read() as tx:
        assert states(tx, study.id) == ["done"] * 40
        seqs = [event.seq for event in events.list_after(tx, study.id, 0, limit=1000)]
        assert seqs == list(range(1, len(seqs) + 1))
