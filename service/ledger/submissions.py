"""What was answered to which Idempotency-Key."""

from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from service.errors import KeyInFlight
from service.ledger.database import Tx
from service.ledger.tables import db_now, submissions

Json = Any


def answered(tx: Tx, project: str, key: str) -> tuple[str, Json] | None:
    """The digest and the answer stored for an Idempotency-Key."""
    row = tx.execute(
        select(submissions.c.digest, submissions.c.answer).where(
            submissions.c.project == project, submissions.c.key == key
        )
    ).one_or_none()
    return None if row is None else (row.digest, row.answer)


def remember(tx: Tx, project: str, key: str, digest: str, study_id: str, answer: Json) -> None:
    """Store the answer for an Idempotency-Key.

    Raises: KeyInFlight when another process has stored one since; the transaction is then of no use.
    """
    try:
        tx.execute(
            insert(submissions).values(
                project=project, key=key, digest=digest, study_id=study_id, created_at=db_now(), answer=answer
            )
        )
    except IntegrityError as error:
        raise KeyInFlight(
            f"a request with Idempotency-Key {key!r} was answered just now; ask again"
        ) from error
