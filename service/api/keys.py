"""Idempotency-Keys: what is asked under one key is done once, however often the request arrives."""

from collections.abc import Callable
from typing import Annotated

from fastapi import Header

from ablations.errors import Json, Problem
from service.api.context import Context
from service.api.submission import body_digest
from service.errors import KeyReused, ServiceError
from service.ledger import Tx, submissions

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        pattern=r"^[!-~]{1,255}$",
        description="1 to 255 visible ASCII characters, new for everything that is asked. A request that"
        " comes again under its key is not carried out again: it gets the first answer. In a project a key"
        " stands for one path and body: with another the answer is 422. While the first request is being"
        " answered it is 409. A request that was refused leaves its key free, and so does the deletion of"
        " the study that was the answer.",
    ),
]
Keep = Callable[[Tx, str, Json], None]
"""Stores an answer, and the study that it is about, in the transaction that makes it true."""


def answer_once(
    context: Context, project: str, key: str | None, asked: Json, act: Callable[[Keep], Json]
) -> Json:
    """The first answer to this key, or what `act` answers if this request is the first.

    Raises: KeyInFlight; KeyReused when it stands for something else than `asked`.
    """
    if key is None:
        return act(lambda _tx, _study_id, _answer: None)
    digest = body_digest(asked)

    def keep(tx: Tx, study_id: str, answer: Json) -> None:
        submissions.remember(tx, project, key, digest, study_id, answer)

    def first() -> Json:
        with context.ledger.read() as tx:
            return _replayed(submissions.answered(tx, project, key), digest, key)

    context.in_flight.enter(project, key)
    try:
        before = first()
        if before is not None:
            return before
        try:
            return act(keep)
        except ServiceError:
            # Perhaps because another process was faster; then its answer is this one's too.
            faster = first()
            if faster is None:
                raise
            return faster
    finally:
        context.in_flight.leave(project, key)


def _replayed(before: tuple[str, Json] | None, digest: str, key: str) -> Json:
    if before is None:
        return None
    if before[0] != digest:
        problem = Problem(path="Idempotency-Key", detail="used before with another body")
        raise KeyReused(f"Idempotency-Key {key!r} was used for another body", [problem])
    return before[1]
