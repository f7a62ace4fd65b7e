"""What happened to a study, in order. A study's sequence has no gaps and commits in order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, func, insert, select, update

from service.ledger.database import Tx
from service.ledger.tables import events, studies

Data = Mapping[str, object]
_COUNT_UP = (
    update(studies)
    .where(studies.c.id == bindparam("study"))
    .values(seq=studies.c.seq + bindparam("more"))
    .returning(studies.c.seq)
)
_INSERT = insert(events)
_LATEST = select(studies.c.seq).where(studies.c.id == bindparam("study"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened; `seq` counts up within the study."""

    seq: int
    kind: str
    created_at: float
    data: Data


def append(tx: Tx, study_id: str, kind: str, data: Data) -> int:
    """Add one event and give its sequence number."""
    return append_many(tx, study_id, [(kind, data)])


def append_many(tx: Tx, study_id: str, entries: Sequence[tuple[str, Data]]) -> int:
    """Add events in order and give the last sequence number.

    Numbers come from the study's own row, whose lock is held until the transaction ends: a reader who
    has seen a number has seen all before it.
    """
    last = tx.execute(_COUNT_UP, {"study": study_id, "more": len(entries)}).scalar_one()
    first = last - len(entries) + 1
    if entries:
        tx.execute(
            _INSERT,
            [
                {"study_id": study_id, "seq": first + place, "kind": kind, "data": dict(data)}
                for place, (kind, data) in enumerate(entries)
            ],
        )
    return int(last)


def latest_seq(tx: Tx, study_id: str) -> int:
    """The number of the study's latest event; 0 for a study that does not exist."""
    return int(tx.execute(_LATEST, {"study": study_id}).scalar_one_or_none() or 0)


def first_in(tx: Tx, study_id: str, state: str) -> float | None:
    """When a study came to this state for the first time; None if it never did."""
    entered = (events.c.kind == "study") & (events.c.data["state"].as_string() == state)
    query = select(func.min(events.c.created_at)).where(events.c.study_id == study_id, entered)
    found: float | None = tx.execute(query).scalar_one()
    return found


def list_after(tx: Tx, study_id: str, seq: int, limit: int = 500) -> list[Event]:
    """The study's events after a sequence number, oldest first."""
    rows = tx.execute(
        select(events)
        .where(events.c.study_id == study_id, events.c.seq > seq)
        .order_by(events.c.seq)
        .limit(limit)
    )
    return [Event(seq=row.seq, kind=row.kind, created_at=row.created_at, data=row.data) for row in rows]
