"""Who may act: the study's row lock, the attempt that is live, and who leads where only one may."""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, select, update

from service.errors import StaleAttempt, StudyNotFound
from service.ledger.database import Tx
from service.ledger.tables import attempts, db_now, leases, studies

# Statements that run all the time are built once: building one takes several times as long as running it.
_HELD = (
    select(studies.c.state)
    .where(studies.c.id == bindparam("study"), studies.c.arriving_until.is_(None))
    .with_for_update()
)


def hold(tx: Tx, study_id: str) -> str:
    """Lock the study's row until the transaction ends and give the study's state.

    Every writer takes this lock first, so writers of one study follow one another and never deadlock.
    SQLite has one writer at a time anyway and ignores it.

    Raises: StudyNotFound.
    """
    state = tx.execute(_HELD, {"study": study_id}).scalar_one_or_none()
    if state is None:
        raise StudyNotFound(f"there is no study {study_id!r}")
    return str(state)


def is_live(study_id: Any, number: Any) -> ColumnElement[bool]:
    """SQL: this attempt is the study's live one. Part of every write a driver causes."""
    return (
        select(attempts.c.number)
        .where(attempts.c.study_id == study_id, attempts.c.number == number, attempts.c.finished_at.is_(None))
        .exists()
    )


_LIVE = select(is_live(bindparam("study"), bindparam("attempt")))


def check_live(tx: Tx, study_id: str, number: int) -> None:
    """Raises: StaleAttempt when the attempt is over or never was."""
    if not tx.execute(_LIVE, {"study": study_id, "attempt": number}).scalar_one():
        raise StaleAttempt(f"attempt {number} of study {study_id} is not the live one")


_TAKE = (
    update(leases)
    .where(
        leases.c.name == bindparam("lease"),
        (leases.c.holder == bindparam("taker")) | (leases.c.held_until <= db_now()),
    )
    .values(holder=bindparam("taker"), held_until=db_now() + bindparam("for_s"))
)


def take_lease(tx: Tx, name: str, holder: str, for_s: float) -> bool:
    """Take or renew the lead in something, by the database's clock; False while somebody else has it."""
    return bool(tx.execute(_TAKE, {"lease": name, "taker": holder, "for_s": for_s}).rowcount)


def release_lease(tx: Tx, name: str, holder: str) -> None:
    """Give the lead back, if it is still this holder's."""
    mine = (leases.c.name == name) & (leases.c.holder == holder)
    tx.execute(update(leases).where(mine).values(held_until=0.0))
