"""What trials ran with: one row for each distinct combination of code, data, numerics and hardware."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

from ablations.results.environments import Environment
from service.ledger.database import Tx
from service.ledger.tables import environments, trials

WITH_RESULTS = ("done", "diverged", "pruned")
"""States in which a trial has a result that others may be compared with."""
_OF_STUDY = select(environments).where(
    environments.c.id.in_(select(trials.c.environment_id).where(trials.c.study_id == bindparam("study")))
)


def keep(tx: Tx, known: Sequence[Environment | None]) -> list[str | None]:
    """The ids of these environments, each stored once; None for one that is not known."""
    distinct: dict[str, Environment] = {}
    ids = [None if environment is None else environment.id for environment in known]
    for id, environment in zip(ids, known, strict=True):
        if id is not None and environment is not None:
            distinct[id] = environment
    if distinct:
        insert = postgresql.insert if tx.dialect.name == "postgresql" else sqlite.insert
        rows = [{"id": id, **environment.to_json()} for id, environment in distinct.items()]
        tx.execute(insert(environments).on_conflict_do_nothing(), rows)
    return ids


def by_id(tx: Tx, study_id: str) -> dict[str, dict[str, Any]]:
    """Everything the trials of a study ran with."""
    rows = tx.execute(_OF_STUDY, {"study": study_id})
    return {row.id: {"parts": row.parts, "commits": row.commits} for row in rows}


def list_distinct(tx: Tx, study_id: str, states: Sequence[str]) -> Sequence[Environment]:
    """The environments of a study's trials in these states, as far as they are known; the latest come last.

    What results were measured with last comes last, though the same may have been there before.
    """
    latest = func.max(trials.c.finished_at)
    rows = tx.execute(
        select(trials.c.environment_id)
        .where(trials.c.study_id == study_id, trials.c.state.in_(states))
        .where(trials.c.environment_id.is_not(None))
        .group_by(trials.c.environment_id)
        .order_by(latest, trials.c.environment_id)
    )
    known = by_id(tx, study_id)
    return [Environment(**known[id]) for id in rows.scalars()]
