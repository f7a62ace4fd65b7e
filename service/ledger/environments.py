"""What trials ran with: one row for each distinct combination of code, data, numerics and hardware."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from ablations.results.environments import Environment
from service.ledger.database import Tx
from service.ledger.tables import environments, trials

WITH_RESULTS = ("done", "diverged", "pruned")


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
    mine = select(trials.c.environment_id).where(trials.c.study_id == study_id)
    rows = tx.execute(select(environments).where(environments.c.id.in_(mine)))
    return {row.id: {"parts": row.parts, "commits": row.commits} for row in rows}


def behind_results(tx: Tx, study_id: str) -> Sequence[Environment]:
    """The environments of a study's results, oldest first, as far as they are known."""
    rows = tx.execute(
        select(environments.c.parts, environments.c.commits)
        .join(trials, trials.c.environment_id == environments.c.id)
        .where(trials.c.study_id == study_id, trials.c.state.in_(WITH_RESULTS))
        .order_by(trials.c.finished_at)
    )
    found = (Environment(parts=row.parts, commits=row.commits) for row in rows)
    return list({environment.id: environment for environment in found}.values())
