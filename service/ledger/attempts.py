"""Attempts: one Ray job for one study, with a lease and a fencing number."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, bindparam, func, insert, select, update

from service.errors import AttemptLive, Forbidden, StaleAttempt
from service.ledger import events, leasing, studies
from service.ledger.database import Tx
from service.ledger.fence import check_live, hold, is_live
from service.ledger.standbys import Standby
from service.ledger.tables import attempts, db_now
from service.protocol import Running

LEASE_S = 30.0
_DESIRED = {"queued": "run", "running": "run", "paused": "pause"}
_STUDY: Any = bindparam("study")
_NUMBER: Any = bindparam("attempt")
_ANY = select(
    attempts,
    func.coalesce(attempts.c.lease_until < db_now(), False).label("expired"),
    (db_now() - attempts.c.heartbeat_at).label("silent_s"),
)
_ALL = _ANY.where(attempts.c.study_id == _STUDY).order_by(attempts.c.number)
_ONE = _ALL.where(attempts.c.number == _NUMBER)
_LIVE = _ALL.where(attempts.c.finished_at.is_(None))
_LIVE_OF = _ANY.where(attempts.c.submission_id == bindparam("job"), attempts.c.finished_at.is_(None))
_COUNT = select(func.coalesce(func.max(attempts.c.number), 0)).where(attempts.c.study_id == _STUDY)
_STATE = select(attempts.c.state).where(attempts.c.study_id == _STUDY, attempts.c.number == _NUMBER)
_RENEW = (
    update(attempts)
    .where(attempts.c.study_id == _STUDY, attempts.c.number == _NUMBER, is_live(_STUDY, _NUMBER))
    .values(state="running", heartbeat_at=db_now(), lease_until=db_now() + bindparam("lease_s"))
)
_WAIT = (
    update(attempts)
    .where(
        attempts.c.study_id == _STUDY,
        attempts.c.number == _NUMBER,
        func.coalesce(attempts.c.waits_for, "") != func.coalesce(bindparam("words"), ""),
    )
    .values(waits_for=bindparam("words"))
)
_WAITING = select(attempts.c.study_id, attempts.c.waits_for).where(
    attempts.c.study_id.in_(bindparam("studies", expanding=True)),
    attempts.c.finished_at.is_(None),
    attempts.c.waits_for.is_not(None),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One attempt. By the database's clock: `silent_s` since it was last heard of, if it ever was, and
    `expired`, whether that is longer than its lease."""

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
    holder: str | None
    """Which process has used its job's ticket."""
    waits_for: str | None
    expired: bool
    silent_s: float | None


def begin(tx: Tx, study_id: str, *, standby: Standby | None = None, lease_s: float = LEASE_S) -> Attempt:
    """A new attempt of a study that is to run and has no live one.

    A driver that stands by has its job already; its lease runs from now on, so that its silence is noticed.

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
            submission_id=f"ablate-{study_id}-a{number}" if standby is None else standby.id,
            holder=None if standby is None else standby.holder,
            state="pending",
            created_at=db_now(),
            lease_until=None if standby is None else db_now() + lease_s,
        )
    )
    _tell(tx, study_id, number, "pending")
    if standby is not None:
        submitted(tx, study_id, number)
    return get(tx, study_id, number)


def count(tx: Tx, study_id: str) -> int:
    """How many attempts a study has had."""
    return int(tx.execute(_COUNT, {"study": study_id}).scalar_one())


def get(tx: Tx, study_id: str, number: int) -> Attempt:
    """One attempt, live or over.

    Raises: StaleAttempt when it never was.
    """
    found = _find(tx, _ONE, study=study_id, attempt=number)
    if not found:
        raise StaleAttempt(f"there is no attempt {number} of study {study_id}")
    return found[0]


def live(tx: Tx, study_id: str) -> Attempt | None:
    """The study's live attempt, if it has one."""
    found = _find(tx, _LIVE, study=study_id)
    return found[0] if found else None


def live_of(tx: Tx, submission_id: str) -> Attempt | None:
    """The live attempt that a job drives, if it drives one."""
    found = _find(tx, _LIVE_OF, job=submission_id)
    return found[0] if found else None


def waiting(tx: Tx, study_ids: Sequence[str]) -> dict[str, str]:
    """What studies wait for whose live attempts have no place on the cluster."""
    return {row.study_id: row.waits_for for row in tx.execute(_WAITING, {"studies": list(study_ids)})}


def claim(tx: Tx, submission_id: str, holder: str) -> Attempt | None:
    """The live attempt that a job drives, if it drives one, from here on for this process alone.

    Raises: Forbidden when another process has it.
    """
    mine = attempts.c.holder.is_(None) | (attempts.c.holder == holder)
    live = (attempts.c.submission_id == submission_id) & attempts.c.finished_at.is_(None)
    if not tx.execute(update(attempts).where(live, mine).values(holder=holder)).rowcount:
        if live_of(tx, submission_id) is not None:
            raise Forbidden(f"another process has the attempt of {submission_id}: its ticket serves one only")
        return None
    return live_of(tx, submission_id)


def all_of(tx: Tx, study_id: str) -> list[Attempt]:
    """Every attempt of a study, first to last."""
    return _find(tx, _ALL, study=study_id)


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
    which = {"study": study_id, "attempt": number}
    was = tx.execute(_STATE, which).scalar_one_or_none()
    renewed = tx.execute(_RENEW, {**which, "lease_s": lease_s})
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
    *,
    lease_s: float = LEASE_S,
    waits_for: str | None = None,
) -> str:
    """Renew the lease, note which trials run and how far they are; what is wanted: run, pause or cancel.

    `waits_for` says what trials wait for while the cluster has no place for them.

    Raises: StaleAttempt.
    """
    start(tx, study_id, number, lease_s)
    which = {"study": study_id, "attempt": number, "words": waits_for}
    if tx.execute(_WAIT, which).rowcount:
        events.append(tx, study_id, "waiting", {"attempt": number, "for": waits_for})
    leasing.note_running(tx, study_id, number, running)
    return _DESIRED.get(hold(tx, study_id), "cancel")


def finish(tx: Tx, study_id: str, number: int, state: str, error: str | None = None) -> None:
    """The driver says that it ends: done, failed or cancelled. What it held is planned again.

    Raises: StaleAttempt.
    """
    hold(tx, study_id)
    if not _end(tx, study_id, number, state, error):
        raise StaleAttempt(f"attempt {number} of study {study_id} is not the live one")


def lost(
    tx: Tx,
    study_id: str,
    number: int,
    reason: str,
    *,
    if_expired: bool = False,
    if_silent_s: float | None = None,
) -> bool:
    """Declare an attempt lost and plan again what it held; from here on its writes are refused.

    With `if_expired`, only if its lease has run out by the database's clock; with `if_silent_s`, only if
    it was not heard for so long. False if nothing changed.
    """
    hold(tx, study_id)
    unheard: list[Any] = [attempts.c.lease_until < db_now()] if if_expired else []
    if if_silent_s is not None:
        unheard.append(attempts.c.heartbeat_at <= db_now() - if_silent_s)
    return _end(tx, study_id, number, "lost", reason, *unheard)


def _end(tx: Tx, study_id: str, number: int, state: str, error: str | None, *only_if: Any) -> bool:
    change = update(attempts).where(
        attempts.c.study_id == study_id,
        attempts.c.number == number,
        attempts.c.finished_at.is_(None),
        *only_if,
    )
    ended = tx.execute(change.values(state=state, finished_at=db_now(), error=error))
    if not ended.rowcount:
        return False
    leasing.requeue(tx, study_id, number)
    _tell(tx, study_id, number, state, error)
    return True


def _tell(tx: Tx, study_id: str, number: int, state: str, error: str | None = None) -> None:
    events.append(tx, study_id, "attempt", {"number": number, "state": state, "error": error})


def _find(tx: Tx, query: Select[Any], **which: str | int) -> list[Attempt]:
    return [_attempt(row) for row in tx.execute(query, which)]


def _attempt(row: Row[Any]) -> Attempt:
    values = dict(row._mapping)
    return Attempt(**{**values, "expired": bool(values["expired"])})
