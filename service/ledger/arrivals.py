"""Large studies arrive in slices: unseen until they are whole, and swept away if they never are.

One transaction for hundreds of thousands of trials would hold SQLite's only write lock for minutes.
"""

import time
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from sqlalchemy import delete, func, insert, select, text, update

from service.errors import LedgerUnavailable, ProjectFull
from service.ledger import events, outbox, studies
from service.ledger.database import Ledger, Tx
from service.ledger.studies import NewTrial, StudyRow
from service.ledger.tables import OPEN_STUDIES, db_now, deletions, tags, trials
from service.ledger.tables import studies as table

SLICE, LEAST = 500, 20
SLICE_S = 0.1
"""How long a slice should take; between these sizes it is cut to that."""
PAUSE_S = 0.02
"""Between slices, so that others who wait for the lock get it."""
PATIENCE_S = 60.0
"""A study whose next slice does not come within this time is given up by whoever looks."""


def bring(
    ledger: Ledger,
    *,
    study_id: str,
    project: str,
    name: str,
    spec: Mapping[str, Any],
    labels: Mapping[str, str],
    planned: Iterable[NewTrial],
    num: int,
) -> None:
    """Store a study and its `num` trials slice by slice. Nobody sees it before `announce`."""
    with ledger.write() as tx:
        studies.add(tx, study_id=study_id, project=project, name=name, spec=spec, labels=labels, num=num)
        _wait_on(tx, study_id)
    start, size, coming = 0, SLICE, iter(planned)
    while some := [*islice(coming, size)]:
        rows = studies.trial_rows(study_id, project, some, start)
        with ledger.write() as tx:
            began = time.monotonic()
            if not _wait_on(tx, study_id):
                raise LedgerUnavailable(f"study {study_id} was given up while it arrived; submit it again")
            tx.execute(insert(trials), rows)
        start += len(rows)
        # On a busy machine, or in a large table, fewer rows take as long.
        size = max(LEAST, min(SLICE, int(size * SLICE_S / (time.monotonic() - began + 1e-6))))
        time.sleep(PAUSE_S)
    if ledger.dialect == "postgresql":
        # Until statistics know of the new rows, PostgreSQL finds one of them by reading all of its study.
        with ledger.write() as tx:
            tx.execute(text("ANALYZE trials"))


def announce(tx: Tx, study_id: str, num_trials: int) -> StudyRow:
    """Let a study that is whole be seen: from here on it is accepted."""
    arrived = tx.execute(
        update(table)
        .where(table.c.id == study_id, table.c.arriving_until.is_not(None))
        .values(arriving_until=None, created_at=db_now())
    )
    if not arrived.rowcount:
        raise LedgerUnavailable(f"study {study_id} was given up while it arrived; submit it again")
    events.append(tx, study_id, "study", {"state": "queued", "total": num_trials})
    outbox.put(tx, "study", study_id, study_id, {})
    return studies.get(tx, study_id)


def sweep(ledger: Ledger) -> int:
    """Remove studies that stopped arriving; how many there were."""
    with ledger.read() as tx:
        deleted = select(deletions.c.study_id).where(deletions.c.study_id == table.c.id)
        query = select(table.c.id).where(table.c.arriving_until <= db_now(), ~deleted.exists())
        late = list(tx.execute(query).scalars())
    for study_id in late:
        drop(ledger, study_id)
    return len(late)


def drop(ledger: Ledger, study_id: str) -> None:
    """Remove a study that has not been announced, slice by slice."""
    mine = (table.c.id == study_id) & table.c.arriving_until.is_not(None)
    with ledger.write() as tx:
        # First of all it is late: whoever still brings slices hears of it.
        if not tx.execute(update(table).where(mine).values(arriving_until=0.0)).rowcount:
            return
    some = select(trials.c.id).where(trials.c.study_id == study_id).limit(SLICE)
    more = True
    while more:
        with ledger.write() as tx:
            more = tx.execute(delete(trials).where(trials.c.id.in_(some))).rowcount > 0
        time.sleep(PAUSE_S)
    with ledger.write() as tx:
        tx.execute(delete(tags).where(tags.c.study_id == study_id))
        tx.execute(delete(table).where(mine))


def check_room(tx: Tx, project: str, num_trials: int, most: int) -> None:
    """Refuse a study that would make a project's unfinished studies larger than is allowed.

    Raises: ProjectFull.
    """
    unfinished = (table.c.project == project) & table.c.state.in_(OPEN_STUDIES)
    there = tx.execute(select(func.coalesce(func.sum(table.c.num_trials), 0)).where(unfinished)).scalar_one()
    if there + num_trials > most:
        raise ProjectFull(
            f"{num_trials} trials beside the {there} of the project's unfinished studies; at most {most}"
            " together (ABLATE_MAX_TRIALS)"
        )


def _wait_on(tx: Tx, study_id: str) -> bool:
    waiting = table.c.arriving_until.is_(None) | (table.c.arriving_until > 0)
    renewed = tx.execute(
        update(table).where(table.c.id == study_id, waiting).values(arriving_until=db_now() + PATIENCE_S)
    )
    return bool(renewed.rowcount)
