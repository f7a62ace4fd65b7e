"""Reads what is to be checked from a ledger and from MLflow."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from sqlalchemy import Table, bindparam, func, select

from ablations.results.results import TrialRecord
from service.ledger import Tx
from service.ledger import trials as trials_
from service.ledger.tables import (
    attempts,
    builds,
    events,
    outbox,
    reports,
    studies,
    submissions,
    trials,
)
from tests.promises.found import Answer, Found, FoundStudy, Row, ShownRun


class Shown(Protocol):
    """MLflow, to be looked at."""

    def experiments(self, study_id: str) -> Sequence[str]:
        """All experiments with the tag of this study."""

    def runs(self, experiment_id: str) -> Sequence[ShownRun]:
        """All runs of an experiment."""


_UNFINISHED = studies.c.state.in_(("queued", "running")) | (
    (studies.c.state != "paused") & studies.c.published_at.is_(None)
)
_MINE = select(studies.c.id).where(studies.c.project == bindparam("project"))
_LEFT = tuple(
    select(func.count()).where(condition, key.in_(_MINE))
    for key, condition in (
        (studies.c.id, _UNFINISHED),
        (attempts.c.study_id, attempts.c.finished_at.is_(None)),
        (outbox.c.study_id, outbox.c.done_at.is_(None)),
    )
)


def settled(tx: Tx, project: str) -> bool:
    """Whether nothing of a project is left to do: studies have ended and are published, or are paused."""
    return not any(tx.execute(left, {"project": project}).scalar_one() for left in _LEFT)


def read(tx: Tx, shown: Shown, *, project: str, began: Iterable[tuple[str, int, str]] = ()) -> Found:
    """Everything of a project."""
    ids = tx.execute(select(studies.c.id).where(studies.c.project == project).order_by(studies.c.id))
    keys = select(submissions.c.key, submissions.c.study_id).where(submissions.c.project == project)
    return Found(
        studies=[read_study(tx, shown, study_id) for study_id in ids.scalars().all()],
        by_key={row.key: row.study_id for row in tx.execute(keys)},
        began=tuple(began),
    )


def read_study(tx: Tx, shown: Shown, study_id: str) -> FoundStudy:
    """Everything of one study."""
    study = tx.execute(select(studies).where(studies.c.id == study_id)).mappings().one()
    return FoundStudy(
        study=dict(study),
        trials=_rows(tx, trials, study_id, trials.c.position),
        attempts=_rows(tx, attempts, study_id, attempts.c.number),
        events=_rows(tx, events, study_id, events.c.seq),
        records=[TrialRecord.from_json(record) for record in trials_.each_record(tx, study_id)],
        answer=_answer(tx, study_id),
        experiments={name: shown.runs(name) for name in shown.experiments(study_id)},
    )


def _rows(tx: Tx, table: Table, study_id: str, order: Any) -> list[Row]:
    query = select(table).where(table.c.study_id == study_id).order_by(order)
    return [dict(row) for row in tx.execute(query).mappings()]


def _answer(tx: Tx, study_id: str) -> Answer | None:
    build = tx.execute(select(builds).where(builds.c.study_id == study_id)).mappings().one_or_none()
    if build is None:
        return None
    bodies = tx.execute(select(reports.c.format, reports.c.body).where(reports.c.study_id == study_id))
    told = {row.format: row.body for row in bodies}
    return Answer(interim=build["interim"], effects=build["effects"], reports=told)
