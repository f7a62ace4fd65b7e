"""What a plan can learn from a project's earlier studies: how long trials took, how widely they spread."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from ablations.plan.experience import EarlierStudy, TimedTrial
from service.ledger.database import Tx
from service.ledger.tables import builds, studies, trials

MAX_STUDIES = 50
MAX_TIMED = 200
"""Of each study: one with many trials is not to hide the others, and the first ones are of every arm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Timed trials and finished studies of one trainable, the latest first."""

    timed: tuple[TimedTrial, ...]
    earlier: tuple[EarlierStudy, ...]


def known(tx: Tx, project: str, trainable: str, *, before: str | None = None) -> Known:
    """What the project's latest studies of a trainable tell, those older than a study if one is given."""
    query = select(studies.c.id, studies.c.name).where(
        studies.c.project == project,
        studies.c.spec["trainable"].as_string() == trainable,
        studies.c.arriving_until.is_(None),
    )
    if before is not None:
        query = query.where(studies.c.id < before)
    names = {row.id: row.name for row in tx.execute(query.order_by(studies.c.id.desc()).limit(MAX_STUDIES))}
    return Known(timed=_timed(tx, names), earlier=_earlier(tx, names))


def _timed(tx: Tx, names: Mapping[str, str]) -> tuple[TimedTrial, ...]:
    """Trials that ran to their end; a reused one took no time, and one that diverged stopped early."""
    place = func.row_number().over(partition_by=trials.c.study_id, order_by=trials.c.position)
    ran = (
        select(trials.c.id, place.label("place"))
        .where(trials.c.study_id.in_(names), trials.c.state == "done")
        .where(trials.c.reused_from.is_(None), trials.c.seconds > 0)
        .subquery()
    )
    query = (
        select(trials.c.study_id, trials.c.settings, trials.c.seconds, trials.c.device)
        .join(ran, ran.c.id == trials.c.id)
        .where(ran.c.place <= MAX_TIMED)
        .order_by(trials.c.study_id.desc(), trials.c.position)
    )
    return tuple(
        TimedTrial(
            settings=row.settings,
            seconds=row.seconds,
            study=f"{names[row.study_id]} ({row.study_id})",
            gpu=row.device is not None and not row.device.startswith("cpu"),
        )
        for row in tx.execute(query)
    )


def _earlier(tx: Tx, names: Mapping[str, str]) -> tuple[EarlierStudy, ...]:
    query = (
        select(studies.c.id, studies.c.spec, builds.c.effects)
        .join(builds, builds.c.study_id == studies.c.id)
        .where(studies.c.id.in_(names), studies.c.state == "done", builds.c.interim.is_(False))
        .order_by(studies.c.id.desc())
    )
    found: list[EarlierStudy] = []
    for row in tx.execute(query):
        spec: Mapping[str, Any] = row.spec
        found.append(EarlierStudy(id=row.id, name=names[row.id], spec=spec, effects=row.effects))
    return tuple(found)
