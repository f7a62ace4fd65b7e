"""A study's number of seeds, set once by its pilot: what is added is added in one transaction."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import insert, select, update

from service.ledger import events, studies
from service.ledger.database import Tx
from service.ledger.fence import hold
from service.ledger.studies import NewTrial
from service.ledger.tables import OPEN_TRIALS, db_now, trials
from service.ledger.tables import studies as table

Json = Any
_CHUNK = 500


def awaits(spec: Mapping[str, Json]) -> bool:
    """Whether the number of seeds of a study is still to be set by its pilot."""
    resize = (spec.get("analysis") or {}).get("resize") or {}
    return bool(resize) and resize.get("found") is None


def resize(tx: Tx, study_id: str, *, spec: Mapping[str, Json], more: Sequence[NewTrial]) -> bool:
    """Set the number of seeds, as it stands in `spec`, and plan the trials that it takes beyond the pilot.

    False, and nothing changed, unless the study runs, its pilot has ended and its number was not set before.
    """
    state = hold(tx, study_id)
    row = studies.get(tx, study_id)
    open_trial = select(trials.c.id).where(trials.c.study_id == study_id, trials.c.state.in_(OPEN_TRIALS))
    ended = tx.execute(open_trial.limit(1)).first() is None
    if state not in ("queued", "running") or not ended or not awaits(row.spec):
        return False
    rows = studies.trial_rows(study_id, row.project, more, row.num_trials)
    for start in range(0, len(rows), _CHUNK):
        tx.execute(insert(trials), rows[start : start + _CHUNK])
    tx.execute(
        update(table)
        .where(table.c.id == study_id)
        .values(spec=dict(spec), num_trials=row.num_trials + len(rows), requeued_at=db_now())
    )
    found = spec["analysis"]["resize"]["found"]
    events.append(tx, study_id, "resized", {**found, "trials_added": len(rows)})
    return True
