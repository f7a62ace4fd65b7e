"""Who may write: the study's row lock, and the attempt that is live."""

from sqlalchemy import ColumnElement, select

from service.errors import StaleAttempt, StudyNotFound
from service.ledger.database import Tx
from service.ledger.tables import attempts, studies


def hold(tx: Tx, study_id: str) -> str:
    """Lock the study's row until the transaction ends and give the study's state.

    Every writer takes this lock first, so writers of one study follow one another and never deadlock.
    SQLite has one writer at a time anyway and ignores it.

    Raises: StudyNotFound.
    """
    query = select(studies.c.state).where(studies.c.id == study_id).with_for_update()
    state = tx.execute(query).scalar_one_or_none()
    if state is None:
        raise StudyNotFound(f"there is no study {study_id!r}")
    return str(state)


def is_live(study_id: str, number: int) -> ColumnElement[bool]:
    """SQL: this attempt is the study's live one. Part of every write a driver causes."""
    return (
        select(attempts.c.number)
        .where(attempts.c.study_id == study_id, attempts.c.number == number, attempts.c.finished_at.is_(None))
        .exists()
    )


def check_live(tx: Tx, study_id: str, number: int) -> None:
    """Raises: StaleAttempt when the attempt is over or never was."""
    if not tx.execute(select(is_live(study_id, number))).scalar_one():
        raise StaleAttempt(f"attempt {number} of study {study_id} is not the live one")
