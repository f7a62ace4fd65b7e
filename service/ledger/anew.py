"""Running a whole study anew: its results are set aside, not lost."""

from dataclasses import fields
from typing import Any

from sqlalchemy import func, insert, select, update

from service.ledger import environments, events, outbox
from service.ledger.database import Tx
from service.ledger.tables import studies, superseded, trials
from service.ledger.trials import TrialRow

KEPT = (*(field.name for field in fields(TrialRow)), "curve", "scalars", "traceback")
EMPTY = (
    "attempt", "fingerprint", "reused_from", "step", "pack", "seconds", "device", "leased_at", "finished_at",
    "reason", "metrics", "scalars", "curve", "traceback", "environment_id", "mlflow_run_id",
)  # fmt: skip


def supersede(tx: Tx, study_id: str) -> int:
    """Plan every trial of a study again; those with an outcome are kept as superseded. How many those were.

    From here on the study takes over no result of another study, goes on from no checkpoint that was saved
    before, and its runs in MLflow are marked. No attempt may be live: one that has the old code loaded would
    run them with it.
    """
    known = environments.by_id(tx, study_id)
    ended = trials.c.finished_at.is_not(None)
    columns = [trials.c[name] for name in (*KEPT, "environment_id")]
    rows = tx.execute(
        select(*columns).where(trials.c.study_id == study_id, ended).order_by(trials.c.position)
    ).mappings()
    old = [
        {
            "study_id": study_id,
            "trial_id": row["id"],
            "row": {**row, "environment": known.get(row["environment_id"])},
        }
        for row in rows
    ]
    if old:
        tx.execute(insert(superseded), old)
    tx.execute(
        update(trials)
        .where(trials.c.study_id == study_id)
        .values(state="planned", attempts=0, **dict.fromkeys(EMPTY))
    )
    tx.execute(update(studies).where(studies.c.id == study_id).values(generation=studies.c.generation + 1))
    outbox.put(tx, outbox.SUPERSEDED, study_id, study_id, {})
    events.append(tx, study_id, "superseded", {"trials": len(old)})
    return len(old)


def num_superseded(tx: Tx, study_id: str) -> int:
    """How many results of a study were set aside."""
    query = select(func.count()).select_from(superseded).where(superseded.c.study_id == study_id)
    return int(tx.execute(query).scalar_one())


def page(tx: Tx, study_id: str, *, limit: int, after: int = -1) -> list[tuple[int, dict[str, Any]]]:
    """Superseded trials by their numbers, oldest first."""
    rows = tx.execute(
        select(superseded.c.number, superseded.c.row)
        .where(superseded.c.study_id == study_id, superseded.c.number > after)
        .order_by(superseded.c.number)
        .limit(limit)
    )
    return [(row.number, row.row) for row in rows]
