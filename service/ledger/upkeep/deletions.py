"""Deleted studies: unseen at once, removed slice by slice after, and what stays of them.

Nothing else in the service ever removes a result. Studies that reused results of a deleted one have copies
of their own and keep them; when those results were known, and what had been asked of them, stays too: it
decides which verdicts the others may give.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Column, ColumnElement, func, insert, select, update
from sqlalchemy import delete as remove

from service.errors import StudyNotOver
from service.ledger import attempts, events, outbox, studies, tables
from service.ledger.database import Ledger, Tx
from service.ledger.fence import hold
from service.ledger.reuse import first_known
from service.ledger.tables import OPEN_STUDIES, db_now, deletions, remains, trials

SLICE = 500
PAUSE_S = 0.02
"""Between slices, so that others who wait for the lock get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What is known of a deleted study. Times are UTC seconds since 1970."""

    study_id: str
    name: str
    num_trials: int
    num_reused: int
    """How many of its results other studies had reused by then; they keep them."""
    deleted_at: float


def num_reused(tx: Tx, study_id: str) -> int:
    """How many results of a study others have reused."""
    source = trials.alias("source")
    query = (
        select(func.count(trials.c.reused_from.distinct()))
        .join(source, source.c.id == trials.c.reused_from)
        .where(source.c.study_id == study_id, trials.c.study_id != study_id)
    )
    return int(tx.execute(query).scalar_one())


def delete(tx: Tx, study_id: str, project: str, *, num_reused: int) -> Deletion:
    """Let an ended study be gone for everybody; `sweep` removes its rows. Repeating it changes nothing.

    Raises: StudyNotOver when it has not ended, or its driver has not; StudyNotFound.
    """
    before = find(tx, study_id, project)
    if before is not None:
        return before
    study = studies.get(tx, study_id, project)
    state = hold(tx, study_id)
    if state in OPEN_STUDIES:
        raise StudyNotOver(f"study {study_id} is {state}; cancel it first")
    if attempts.live(tx, study_id) is not None:
        raise StudyNotOver(f"study {study_id} is {state}, but its driver still runs; ask again in a moment")
    tx.execute(
        insert(deletions).values(
            study_id=study_id,
            project=project,
            name=study.name,
            state=state,
            num_trials=study.num_trials,
            num_reused=num_reused,
            created_at=study.created_at,
            finished_at=study.finished_at,
            judged_at=events.first_in(tx, study_id, "done"),
            deleted_at=db_now(),
            spec=dict(study.spec),
        )
    )
    # Whoever looks for reports to build or figures to draw looks at these; its key may be used again.
    for table in (tables.figures, tables.reports, tables.builds, tables.submissions):
        tx.execute(remove(table).where(table.c.study_id == study_id))
    tx.execute(
        remove(tables.outbox).where(tables.outbox.c.study_id == study_id, tables.outbox.c.done_at.is_(None))
    )
    outbox.put(tx, outbox.DELETE, study_id, study_id, {})
    tx.execute(update(tables.studies).where(tables.studies.c.id == study_id).values(arriving_until=0.0))
    found = find(tx, study_id, project)
    assert found is not None
    return found


def find(tx: Tx, study_id: str, project: str) -> Deletion | None:
    """What is known of a deleted study of a project."""
    names = ("study_id", "name", "num_trials", "num_reused", "deleted_at")
    query = select(*(deletions.c[name] for name in names))
    row = tx.execute(
        query.where(deletions.c.study_id == study_id, deletions.c.project == project)
    ).one_or_none()
    return None if row is None else Deletion(**row._mapping)


def sweep(ledger: Ledger, forget: Callable[[str], None]) -> int:
    """Remove what is left of deleted studies; `forget` what lies elsewhere. How many are gone altogether.

    A study's own row waits until MLflow has been told.
    """
    with ledger.read() as tx:
        there = select(tables.studies.c.id).where(tables.studies.c.id == deletions.c.study_id)
        ids = list(tx.execute(select(deletions.c.study_id).where(there.exists())).scalars())
    num_gone = 0
    for study_id in ids:
        forget(study_id)
        while _remove_trials(ledger, study_id):
            time.sleep(PAUSE_S)
        for key in (tables.superseded.c.number, tables.events.c.seq, tables.outbox.c.id):
            while _remove_some(ledger, study_id, key):
                time.sleep(PAUSE_S)
        num_gone += _remove_rest(ledger, study_id)
    return num_gone


def _remove_trials(ledger: Ledger, study_id: str) -> bool:
    """Some trials; of those that others have reused it stays when they were known. Whether there were any."""
    with ledger.write() as tx:
        some = select(trials.c.id).where(trials.c.study_id == study_id).limit(SLICE)
        ids = list(tx.execute(some).scalars())
        elsewhere = trials.c.reused_from.in_(ids) & (trials.c.study_id != study_id)
        reused = list(tx.execute(select(trials.c.reused_from).where(elsewhere).distinct()).scalars())
        known = first_known(tx, study_id, reused)
        rows = tx.execute(select(trials.c.id, trials.c.arm_id).where(trials.c.id.in_(reused)))
        stay = [
            {"trial_id": row.id, "study_id": study_id, "arm_id": row.arm_id, "known_at": known[row.id]}
            for row in rows
            if row.id in known
        ]
        if stay:
            tx.execute(insert(remains), stay)
        tx.execute(remove(trials).where(trials.c.id.in_(ids)))
        return bool(ids)


def _remove_some(ledger: Ledger, study_id: str, key: Column[int]) -> bool:
    """Some of a study's rows, but for what MLflow is still to be told. Whether there were any."""
    table = key.table
    mine = table.c.study_id == study_id
    if table is tables.outbox:
        mine &= tables.outbox.c.done_at.is_not(None)
    with ledger.write() as tx:
        some = select(key).where(mine).order_by(key).limit(SLICE).scalar_subquery()
        return tx.execute(remove(table).where(mine, key.in_(some))).rowcount > 0


def _remove_rest(ledger: Ledger, study_id: str) -> bool:
    """The study itself, if MLflow has been told; what it asked stays where others have its results."""
    with ledger.write() as tx:
        untold = select(tables.outbox.c.id).where(
            tables.outbox.c.study_id == study_id, tables.outbox.c.done_at.is_(None)
        )
        if tx.execute(untold.limit(1)).first() is not None:
            return False
        for table in (tables.outbox, tables.events, tables.attempts, tables.tags):
            tx.execute(remove(table).where(table.c.study_id == study_id))
        tx.execute(remove(tables.studies).where(tables.studies.c.id == study_id))
        lives_on = select(remains.c.trial_id).where(remains.c.study_id == study_id)
        forgotten = update(deletions).where(deletions.c.study_id == study_id, ~lives_on.exists())
        tx.execute(forgotten.values(spec=None))
        return True


def _untold(study_id: str) -> ColumnElement[bool]:
    return (tables.outbox.c.study_id == study_id) & tables.outbox.c.done_at.is_(None)
