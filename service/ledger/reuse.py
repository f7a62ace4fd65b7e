"""Which results of a study were known before it was submitted, and from which earlier studies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, select

from service.ledger import events
from service.ledger.database import Tx
from service.ledger.tables import deletions, remains, studies, superseded, trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Reused:
    """A measured trial whose result an earlier study had before this one was submitted."""

    arm_id: str
    seed: int
    known_at: float
    study_id: str
    """The earlier study."""
    arm_there: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierQuestion:
    """What an earlier study asked, and when; it may have been deleted since."""

    spec: Mapping[str, Any]
    created_at: float
    finished_at: float | None
    judged_at: float | None
    """When its verdicts were first seen, whatever became of it since."""


def reused_trials(tx: Tx, study_id: str) -> list[Reused]:
    """The measured trials that were known when the study was submitted, as planned.

    That the earlier study has been run anew or deleted since does not make them less known.
    """
    source = trials.alias("source")
    known = _known_before(tx, study_id)
    rows = tx.execute(
        select(
            trials.c.arm_id,
            trials.c.seed,
            trials.c.reused_from,
            func.coalesce(remains.c.known_at, source.c.finished_at).label("known_at"),
            func.coalesce(remains.c.study_id, source.c.study_id).label("study_id"),
            func.coalesce(remains.c.arm_id, source.c.arm_id).label("arm_there"),
            studies.c.created_at,
        )
        .outerjoin(source, source.c.id == trials.c.reused_from)
        .outerjoin(remains, remains.c.trial_id == trials.c.reused_from)
        .join(studies, studies.c.id == trials.c.study_id)
        .where(trials.c.study_id == study_id, trials.c.phase == "measuring")
        .where(trials.c.reused_from.is_not(None))
        .order_by(trials.c.position)
    )
    found = []
    for row in rows:
        known_at = known.get(row.reused_from, row.known_at)
        earlier = row.study_id is not None and row.study_id != study_id
        if earlier and known_at is not None and known_at <= row.created_at:
            found.append(
                Reused(
                    arm_id=row.arm_id,
                    seed=row.seed,
                    known_at=known_at,
                    study_id=row.study_id,
                    arm_there=row.arm_there,
                )
            )
    return found


def first_known(tx: Tx, study_id: str, ids: Sequence[str]) -> dict[str, float]:
    """When results of these trials of a study were known first, those that were run anew since included."""
    query = select(trials.c.id, trials.c.finished_at).where(trials.c.id.in_(ids))
    found = {row.id: row.finished_at for row in tx.execute(query) if row.finished_at is not None}
    before = _set_aside().where(superseded.c.study_id == study_id, superseded.c.trial_id.in_(ids))
    return found | {row.trial_id: row.known_at for row in tx.execute(before)}


def asked(tx: Tx, study_id: str) -> EarlierQuestion | None:
    """What a study asked whose results another has; of a deleted one while its results live on."""
    names = ("spec", "created_at", "finished_at")
    gone = select(*(deletions.c[name] for name in (*names, "judged_at")))
    row = tx.execute(gone.where(deletions.c.study_id == study_id)).one_or_none()
    if row is not None:
        return None if row.spec is None else EarlierQuestion(**row._mapping)
    there = select(*(studies.c[name] for name in names)).where(studies.c.id == study_id)
    row = tx.execute(there).one_or_none()
    if row is None:
        return None
    return EarlierQuestion(**row._mapping, judged_at=events.first_in(tx, study_id, "done"))


def _known_before(tx: Tx, study_id: str) -> dict[str, float]:
    """When the results were known that a study took over from trials that have been run anew since."""
    source = trials.alias("source")
    mine = select(trials.c.reused_from).where(trials.c.study_id == study_id)
    theirs = select(source.c.study_id).where(source.c.id.in_(mine))
    query = _set_aside().where(superseded.c.study_id.in_(theirs), superseded.c.trial_id.in_(mine))
    return {row.trial_id: row.known_at for row in tx.execute(query)}


def _set_aside() -> Select[tuple[str, float]]:
    known_at = func.min(superseded.c.row["finished_at"].as_float()).label("known_at")
    return select(superseded.c.trial_id, known_at).group_by(superseded.c.trial_id)
