"""What MLflow still has to be told, written in the transaction of what it announces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from service.ledger import events
from service.ledger.database import Tx
from service.ledger.tables import builds, db_now, outbox, studies

MAX_WAIT_S = 300.0
SUPERSEDED, DELETE = "superseded", "delete"
SUMMARY, FIGURES, CHECK = "summary", "figures", "check"
FIGURES_FOLLOW = {FIGURES: "follow"}
"""Says with a summary that its figures are announced by themselves."""
CHECK_AFTER_S = 75.0
"""What was sent and not answered has arrived by then, or never will."""
_INSERT = insert(outbox)
_MARKS = outbox.alias("marks")
_UNMARKED = select(_MARKS.c.id).where(
    _MARKS.c.study_id == outbox.c.study_id, _MARKS.c.kind == SUPERSEDED, _MARKS.c.done_at.is_(None)
)
_PENDING = (
    select(outbox)
    .where(outbox.c.done_at.is_(None), or_(outbox.c.next_at.is_(None), outbox.c.next_at <= db_now()))
    .where(or_(outbox.c.kind == SUPERSEDED, ~_UNMARKED.exists()))
    .order_by(outbox.c.id)
    .limit(bindparam("most"))
)
_DONE = (
    update(outbox)
    .where(outbox.c.id.in_(bindparam("ids", expanding=True)), outbox.c.done_at.is_(None))
    .values(done_at=db_now(), error=None)
    .returning(outbox.c.study_id)
)
_OF_STUDY = select(outbox.c.id).where(outbox.c.study_id == bindparam("study"))
_PUBLISHED = (
    update(studies)
    .where(
        studies.c.id == bindparam("study"),
        studies.c.published_at.is_(None),
        _OF_STUDY.where(outbox.c.kind == SUMMARY).exists(),
        ~_OF_STUDY.where(outbox.c.done_at.is_(None), outbox.c.kind != CHECK).exists(),
    )
    .values(published_at=db_now())
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One announcement.

    `kind` is study (make the experiment), trial (one ended trial), summary, figures (files for paper,
    beside the summary), superseded (mark the runs there are, since all trials run anew), check (look
    whether anything came late), or delete (remove them all).
    """

    id: int
    study_id: str
    kind: str
    key: str
    payload: Mapping[str, object]
    tries: int


def put(tx: Tx, kind: str, study_id: str, key: str, payload: Mapping[str, object]) -> None:
    """Announce one thing."""
    put_many(tx, kind, study_id, [(key, payload)])


def put_many(tx: Tx, kind: str, study_id: str, entries: Sequence[tuple[str, Mapping[str, object]]]) -> None:
    """Announce several things of one kind."""
    if entries:
        tx.execute(
            _INSERT,
            [
                {"study_id": study_id, "kind": kind, "key": key, "payload": dict(data)}
                for key, data in entries
            ],
        )


def check_later(tx: Tx, study_id: str) -> None:
    """Have a study's runs looked through once nothing that was sent by now can still arrive."""
    later = db_now() + CHECK_AFTER_S
    mine = (outbox.c.study_id == study_id) & (outbox.c.kind == CHECK) & outbox.c.done_at.is_(None)
    # One that is due already may be under way, and does not see what comes from here on.
    waits = update(outbox).where(mine, outbox.c.next_at > db_now()).values(next_at=later)
    if tx.execute(waits).rowcount == 0:
        entry = {"study_id": study_id, "kind": CHECK, "key": study_id, "payload": {}}
        tx.execute(insert(outbox).values(**entry, next_at=later))


def pending(tx: Tx, limit: int = 100) -> list[Message]:
    """Announcements that are due, oldest first; those that failed wait longer each time.

    A study whose runs are still to be marked as superseded has nothing else published before: new results
    would be written into old runs.
    """
    return [
        Message(
            id=row.id, study_id=row.study_id, kind=row.kind, key=row.key, payload=row.payload, tries=row.tries
        )
        for row in tx.execute(_PENDING, {"most": limit})
    ]


def done(tx: Tx, ids: Sequence[int]) -> None:
    """Mark announcements as made; a study whose last one is its summary becomes published."""
    for study_id in sorted(set(tx.execute(_DONE, {"ids": ids}).scalars())):
        _publish(tx, study_id)


def failed(tx: Tx, message_id: int, error: str) -> None:
    """Note that an announcement could not be made; it is due again after 1, 2, 4 ... 300 s."""
    tries = tx.execute(select(outbox.c.tries).where(outbox.c.id == message_id)).scalar_one()
    wait_s = min(2.0 ** min(tries, 20), MAX_WAIT_S)
    tx.execute(
        update(outbox)
        .where(outbox.c.id == message_id, outbox.c.done_at.is_(None))
        .values(tries=outbox.c.tries + 1, next_at=db_now() + wait_s, error=error[:2000])
    )


def unwritten(tx: Tx, study_id: str | None = None) -> list[str]:
    """Ended studies whose papers are still to come, or the last of them, the figures. All, or this one."""
    whole = (outbox.c.kind == SUMMARY) & outbox.c.payload[FIGURES].as_string().is_(None)
    told = select(outbox.c.id).where(
        outbox.c.study_id == builds.c.study_id, or_(whole, outbox.c.kind == FIGURES)
    )
    query = select(builds.c.study_id).where(builds.c.interim.is_(False), ~told.exists())
    if study_id is not None:
        query = query.where(builds.c.study_id == study_id)
    return list(tx.execute(query.order_by(builds.c.study_id)).scalars())


def forget_summary(tx: Tx, study_id: str) -> None:
    """Take the announcement of a study's end back, made or not: it goes on."""
    tx.execute(delete(outbox).where(outbox.c.study_id == study_id, outbox.c.kind.in_((SUMMARY, FIGURES))))


def waiting(tx: Tx) -> int:
    """How many announcements are still to be made; a look at what was made is none."""
    mine = outbox.c.done_at.is_(None) & (outbox.c.kind != CHECK)
    return int(tx.execute(select(func.count()).where(mine)).scalar_one())


def parked(tx: Tx) -> int:
    """How many announcements have failed at least once and wait for another try."""
    mine = outbox.c.done_at.is_(None) & (outbox.c.kind != CHECK) & (outbox.c.tries > 0)
    return int(tx.execute(select(func.count()).where(mine)).scalar_one())


def errors_of(tx: Tx, study_ids: Sequence[str]) -> dict[str, str]:
    """Why a study's announcements could not be made when last tried, for studies where some wait."""
    rows = tx.execute(
        select(outbox.c.study_id, outbox.c.tries, outbox.c.error)
        .where(outbox.c.study_id.in_(study_ids), outbox.c.done_at.is_(None), outbox.c.tries > 0)
        .order_by(outbox.c.id)
    )
    found: dict[str, list[tuple[int, str]]] = {}
    for study_id, tries, error in rows:
        found.setdefault(study_id, []).append((tries, error or "no reason was recorded"))
    return {
        study_id: f"{len(entries)} waiting, tried {max(t for t, _ in entries)} times: {entries[-1][1]}"
        for study_id, entries in found.items()
    }


def _publish(tx: Tx, study_id: str) -> None:
    if tx.execute(_PUBLISHED, {"study": study_id}).rowcount:
        events.append(tx, study_id, "published", {})
