"""Attempts: one Ray job for one study, with a lease and a fencing number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, insert, select, update

from service.errors import AttemptLive, StaleAttempt
from service.ledger import events, leasing, studies
from service.ledger.database import Tx
from service.ledger.fence import check_live, hold, is_live
from service.ledger.tables import attempts, db_now
from service.protocol import Running

LEASE_S = 30.0
_DESIRED = {"queued": "run", "running": "run", "paused": "pause"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt. `expired` says, by the database's clock, that it was heard of and fell silent."""

    study_id: str
    number: int
    submission_id: str
    state: str
    created_at: float
    submitted_at: float | None
    heartbeat_at: float | None
    lease_until: float | None
    finished_at: float | None
    error: str | None
    expired: bool


def begin(tx: Tx, study_id: str) -> Attempt:
    """A new attempt of a study that is to run and has no live one.

    Raises: AttemptLive when there is one, or the study is not to run; StudyNotFound.
    """
    state = hold(tx, study_id)
    current = live(tx, study_id)
    if state not in ("queued", "running") or current is not None:
        raise AttemptLive(f"study {study_id} is {state} and its live attempt is {current and current.number}")
    number = 1 + count(tx, study_id)
    tx.execute(
        insert(attempts).values(
            study_id=study_id,
            number=number,
            submission_id=f"ablate-{study_id}-a{number}",
            state="pending",
            created_at=db_now(),
        )
    )
    _tell(tx, study_id, number, "pending")
    return get(tx, study_id, number)


def count(tx: Tx, study_id: str) -> int:
    """How many attempts a study has had."""
    query = select(func.coalesce(func.max(attempts.c.number), 0)).where(attempts.c.study_id == study_id)
    return int(tx.execute(query).scalar_one())


def get(tx: Tx, study_id: str, number: int) -> Attempt:
    """One attempt, live or over.

    Raises: StaleAttempt when it never was.
    """
    found = _find(tx, attempts.c.study_id == study_id, attempts.c.number == number)
    if not found:
        raise StaleAttempt(f"there is no attempt {number} of study {study_id}")
    return found[0]


def live(tx: Tx, study_id: str) -> Attempt | None:
    """The study's live attempt, if it has one."""
    found = _find(tx, attempts.c.study_id == study_id, attempts.c.finished_at.is_(None))
    return found[0] if found else None


def all_of(tx: Tx, study_id: str) -> list[Attempt]:
    """Every attempt of a study, first to last."""
    return _find(tx, attempts.c.study_id == study_id)


def submitted(tx: Tx, study_id: str, number: int) -> None:
    """Note that Ray has the job. An attempt that already spoke stays as it is.

    Raises: StaleAttempt.
    """
    hold(tx, study_id)
    check_live(tx, study_id, number)
    changed = tx.execute(
        update(attempts)
        .where(attempts.c.study_id == study_id, attempts.c.number == number, attempts.c.finished_at.is_(None))
        .where(attempts.c.submitted_at.is_(None))
        .values(
            submitted_at=db_now(),
            state=func.replace(attempts.c.state, "pending", "submitted"),
        )
    )
    if changed.rowcount:
        _tell(tx, study_id, number, "submitted")


def start(tx: Tx, study_id: str, number: int, lease_s: float = LEASE_S) -> None:
    """The driver is there: the attempt holds its lease and the study runs.

    Raises: StaleAttempt.
    """
    hold(tx, study_id)
    was = tx.execute(
        select(attempts.c.state).where(attempts.c.study_id == study_id, attempts.c.number == number)
    ).scalar_one_or_none()
    renewed = tx.execute(
        update(attempts)
        .where(attempts.c.study_id == study_id, attempts.c.number == number, is_live(study_id, number))
        .values(state="running", heartbeat_at=db_now(), lease_until=db_now() + lease_s)
    )
    if not renewed.rowcount:
        raise StaleAttempt(f"attempt {number} of study {study_id} is not the live one")
    if was != "running":
        _tell(tx, study_id, number, "running")
    studies.start(tx, study_id)


def heartbeat(
    tx: Tx,
    study_id: str,
    number: int,
    running: Sequence[Running] = (),
    lease_s: float = LEASE_S,
) -> str:
    """Renew the lease, note which trials run and how far they are; what is wanted: run, pause or cancel.

    Raises: StaleAttempt.
    """
    start(tx, study_id, number, lease_s)
    leasing.note_running(tx, study_id, number, running)
    return _DESIRED.get(hold(tx, study_id), "cancel")


def finish(tx: Tx, study_id: str, number: int, state: str, error: str | None = None) -> None:
    """The driver says that it ends: done, failed or cancelled. What it held is planned again.

    Raises: StaleAttempt.
    """
    hold(tx, study_id)
    if not _end(tx, study_id, number, state, error):
        raise StaleAttempt(f"attempt {number} of study {study_id} is not the live one")


def lost(tx: Tx, study_id: str, number: int, reason: str, *, if_expired: bool = False) -> bool:
    """Declare an attempt lost and plan again what it held; from here on its writes are refused.

    With `if_expired`, only if its lease has run out by the database's clock. False if nothing changed.
    """
    hold(tx, study_id)
    return _end(tx, study_id, number, "lost", reason, if_expired=if_expired)


def _end(
    tx: Tx, study_id: str, number: int, state: str, error: str | None, *, if_expired: bool = False
) -> bool:
    change = update(attempts).where(
        attempts.c.study_id == study_id, attempts.c.number == number, attempts.c.finished_at.is_(None)
    )
    if if_expired:
        change = change.where(attempts.c.lease_until < db_now())
    ended = tx.execute(change.values(state=state, finished_at=db_now(), error=error))
    if not ended.rowcount:
        return False
    leasing.requeue(tx, study_id, number)
    _tell(tx, study_id, number, state, error)
    return True


def _tell(tx: Tx, study_id: str, number: int, state: str, error: str | None = None) -> None:
    events.append(tx, study_id, "attempt", {"number": number, "state": state, "error": error})


def _find(tx: Tx, *where: Any) -> list[Attempt]:
    expired = func.coalesce(attempts.c.lease_until < db_now(), False).label("expired")
    rows = tx.execute(select(attempts, expired).where(*where).order_by(attempts.c.number))
    return [_attempt(row) for row in rows]


def _attempt(row: Row[Any]) -> Attempt:
    values = dict(row._mapping)
    return Attempt(**{**values, "expired": bool(values["expired"])})
