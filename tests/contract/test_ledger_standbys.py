"""Drivers that stand by, over each database: one waits for one study, and begins its attempt."""

import pytest

from service.errors import AttemptLive
from service.ledger import Ledger, attempts, standbys
from service.ledger.standbys import Standby
from tests.ledger_samples import add_study

WAITING = Standby(id="a", age_s=0.0, silent_s=None, holder="h")


def test_one_waits_until_it_is_given_a_study(ledger: Ledger) -> None:
    with ledger.write() as tx:
        standbys.announce(tx, "a")
        standbys.announce(tx, "b")
    with ledger.write() as tx:
        assert standbys.heard(tx, "a", "h") and not standbys.heard(tx, "c", "h")
    with ledger.read() as tx:
        first, second = standbys.waiting(tx)
        assert (first.id, second.id, second.silent_s) == ("a", "b", None)
        assert first.silent_s is not None and 0.0 <= first.silent_s <= first.age_s
        assert standbys.waits(tx, "b") and not standbys.waits(tx, "c")
    with ledger.write() as tx:
        study_id = add_study(tx).id
        assert standbys.remove(tx, "a") and not standbys.remove(tx, "a")
        attempt = attempts.begin(tx, study_id, standby=WAITING, lease_s=30.0)
    assert (attempt.submission_id, attempt.state, attempt.heartbeat_at) == ("a", "submitted", None)
    assert attempt.lease_until is not None and not attempt.expired
    with ledger.read() as tx:
        live = attempts.live_of(tx, "a")
        assert live is not None and (live.study_id, live.number) == (study_id, 1)
        assert attempts.live_of(tx, "b") is None and not standbys.waits(tx, "a")


def test_one_whose_study_got_another_attempt_meanwhile_waits_on(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study_id = add_study(tx).id
        standbys.announce(tx, "a")
        attempts.begin(tx, study_id)
    with pytest.raises(AttemptLive), ledger.write() as tx:
        standbys.remove(tx, "a")
        attempts.begin(tx, study_id, standby=WAITING)
    with ledger.read() as tx:
        assert standbys.waits(tx, "a")


def test_one_that_was_given_a_study_and_never_speaks_is_overdue(ledger: Ledger) -> None:
    with ledger.write() as tx:
        study_id = add_study(tx).id
        attempts.begin(tx, study_id, standby=WAITING, lease_s=-1.0)
        live = attempts.live(tx, study_id)
    assert live is not None and live.expired and live.silent_s is None
