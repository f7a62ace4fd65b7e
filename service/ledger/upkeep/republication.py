"""Everything that MLflow was told is told again: its store was lost, or lacks something."""

import time
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import func, select, update

from service.errors import StudyNotFound
from service.ledger.database import Ledger
from service.ledger.fence import hold
from service.ledger.outbox import SUMMARY
from service.ledger.tables import db_now, leases, outbox, studies, trials

SLICE = 500
PAUSE_S = 0.02
"""Between slices, so that others who wait for the lock get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What MLflow still has to be told: how much, how much of it failed before, and why the last did."""

    num: int
    num_failed: int
    error: str | None
    published_by: str | None
    """The worker that publishes now, if one does."""


def tell_again(ledger: Ledger) -> int:
    """Announce all that was ever published once more, slice by slice; how many announcements that makes.

    It may be repeated at any time: whoever publishes looks for experiments and runs before making them.
    """
    with ledger.read() as tx:
        ids = list(tx.execute(select(studies.c.id).order_by(studies.c.id)).scalars())
    told = 0
    for study_id in ids:
        with suppress(StudyNotFound):  # deleted meanwhile
            told += _tell_again(ledger, study_id)
    return told


def try_now(ledger: Ledger) -> int:
    """Let what could not be published be tried at once; how many announcements that are."""
    with ledger.write() as tx:
        waits = outbox.c.done_at.is_(None) & outbox.c.next_at.is_not(None)
        return tx.execute(update(outbox).where(waits).values(next_at=None)).rowcount


def waiting(ledger: Ledger) -> Waiting:
    """How far publishing is."""
    still = outbox.c.done_at.is_(None)
    with ledger.read() as tx:
        num, failed = tx.execute(
            select(func.count(), func.count().filter(outbox.c.tries > 0)).where(still)
        ).one()
        last = select(outbox.c.error).where(still, outbox.c.error.is_not(None)).order_by(outbox.c.id.desc())
        leads = (leases.c.name == "publisher") & (leases.c.held_until > db_now())
        return Waiting(
            num=num,
            num_failed=failed,
            error=tx.execute(last.limit(1)).scalar_one_or_none(),
            published_by=tx.execute(select(leases.c.holder).where(leads)).scalar_one_or_none(),
        )


def _tell_again(ledger: Ledger, study_id: str) -> int:
    """One study. Its end is announced last: what is told before it counts as published only then."""
    mine = (outbox.c.study_id == study_id) & outbox.c.done_at.is_not(None)
    unknown = {"experiment_id": None, "mlflow_view": None, "published_at": None}
    anew = {"done_at": None, "next_at": None, "tries": 0, "error": None}
    with ledger.write() as tx:
        hold(tx, study_id)
        # From here on a publisher that remembers the experiment looks for it again.
        tx.execute(update(studies).where(studies.c.id == study_id).values(**unknown))
    some = select(outbox.c.id).where(mine, outbox.c.kind.in_(("study", "trial"))).limit(SLICE)
    told = 0
    while True:
        with ledger.write() as tx:
            hold(tx, study_id)
            again = update(outbox).where(outbox.c.id.in_(some)).values(**anew).returning(outbox.c.key)
            keys = list(tx.execute(again).scalars())
            tx.execute(update(trials).where(trials.c.id.in_(keys)).values(mlflow_run_id=None))
        if not keys:
            break
        told += len(keys)
        time.sleep(PAUSE_S)
    with ledger.write() as tx:
        hold(tx, study_id)
        end = update(outbox).where(mine, outbox.c.kind == SUMMARY).values(**anew)
        told += tx.execute(end).rowcount
        tx.execute(update(studies).where(studies.c.id == study_id).values(published_at=None))
    return told
