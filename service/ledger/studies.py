"""Studies in the ledger: accepted, listed, built, completed. What users do to them later: steering.py."""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, bindparam, func, insert, select, update

from ablations.errors import Problem
from service.errors import StudyAmbiguous, StudyDeleted, StudyNotFound
from service.ledger import builds as builds_
from service.ledger import events, outbox
from service.ledger.database import Tx
from service.ledger.fence import hold
from service.ledger.tables import (
    HELD_TRIALS,
    OPEN_STUDIES,
    OPEN_TRIALS,
    attempts,
    builds,
    db_now,
    deletions,
    studies,
    tags,
    trials,
)

Json = Any
_CHUNK = 500
LAST = "last"
"""Means the newest study."""
MAX_CANDIDATES = 10
_ONE = select(studies).where(studies.c.id == bindparam("study"), studies.c.arriving_until.is_(None))
_LIVE = select(attempts.c.number).where(attempts.c.study_id == studies.c.id, attempts.c.finished_at.is_(None))
_FINAL = select(builds.c.seq).where(builds.c.study_id == studies.c.id, builds.c.interim.is_(False))
_ACTIVE = (
    select(studies)
    .where(studies.c.state.in_(("queued", "running")) | _LIVE.exists(), studies.c.arriving_until.is_(None))
    .order_by(studies.c.id)
)
_UNBUILT = (
    select(studies)
    .where(studies.c.state == "cancelled", studies.c.arriving_until.is_(None), ~_FINAL.exists())
    .order_by(studies.c.id)
)
_PAUSED_SINCE = (
    select(studies)
    .join(builds, builds.c.study_id == studies.c.id)
    .where(studies.c.state == "paused", builds.c.interim, builds.c.seq < studies.c.seq)
    .order_by(studies.c.id)
)
_START = (
    update(studies)
    .where(studies.c.id == bindparam("study"), studies.c.state == "queued")
    .values(state="running", started_at=func.coalesce(studies.c.started_at, db_now()))
)
_NOW = select(db_now())


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRow:
    """A study as the ledger has it. Times are UTC seconds since 1970."""

    id: str
    project: str
    name: str
    state: str
    seq: int
    num_trials: int
    created_at: float
    started_at: float | None
    finished_at: float | None
    published_at: float | None
    requeued_at: float | None
    experiment_id: str | None
    mlflow_view: str | None
    error: str | None
    spec: Mapping[str, Json]
    generation: int

    @property
    def published(self) -> bool:
        """MLflow has everything."""
        return self.published_at is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewTrial:
    """A trial as it is planned. `position` in the study is its place in the sequence given."""

    id: str
    arm_id: str
    arm: str
    levels: Mapping[str, Json]
    settings: Mapping[str, Json]
    seed: int
    phase: str
    candidate: int | None = None
    repeat: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """The last effects computed, and up to which event."""

    seq: int
    interim: bool
    built_at: float
    effects: Json


def new_id() -> str:
    """A study id: 24 hex digits that sort by time of making."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(6)}"


def create(
    tx: Tx,
    *,
    study_id: str,
    project: str,
    name: str,
    spec: Mapping[str, Json],
    labels: Mapping[str, str],
    planned: Sequence[NewTrial],
) -> StudyRow:
    """Accept a study with all its trials; durable when the transaction is. For large ones: arrivals.py."""
    add(tx, study_id=study_id, project=project, name=name, spec=spec, labels=labels, num=len(planned))
    rows = trial_rows(study_id, project, planned, 0)
    for start in range(0, len(rows), _CHUNK):
        tx.execute(insert(trials), rows[start : start + _CHUNK])
    events.append(tx, study_id, "study", {"state": "queued", "total": len(planned)})
    outbox.put(tx, "study", study_id, study_id, {})
    return get(tx, study_id)


def add(
    tx: Tx,
    *,
    study_id: str,
    project: str,
    name: str,
    spec: Mapping[str, Json],
    labels: Mapping[str, str],
    num: int,
) -> None:
    """A study's own row and its tags; its trials are still to come."""
    tx.execute(
        insert(studies).values(
            id=study_id,
            project=project,
            name=name,
            state="queued",
            spec=dict(spec),
            num_trials=num,
            created_at=db_now(),
        )
    )
    if labels:
        tx.execute(
            insert(tags),
            [{"study_id": study_id, "name": name, "value": value} for name, value in labels.items()],
        )


def trial_rows(study_id: str, project: str, planned: Sequence[NewTrial], first: int) -> list[dict[str, Json]]:
    """Rows of a study's trials, of which the first has this position."""
    return [_trial_values(study_id, project, first + n, trial) for n, trial in enumerate(planned)]


def get(tx: Tx, study_id: str, project: str | None = None) -> StudyRow:
    """One study; of that project, if one is given.

    Raises: StudyNotFound; StudyDeleted, which is one too.
    """
    row = tx.execute(_ONE, {"study": study_id}).one_or_none()
    if row is not None and project in (None, row.project):
        return _study(row)
    gone = select(deletions.c.deleted_at).where(deletions.c.study_id == study_id)
    if project is not None:
        gone = gone.where(deletions.c.project == project)
    if tx.execute(gone).first() is not None:
        raise StudyDeleted(f"study {study_id} was deleted")
    raise StudyNotFound(f"there is no study {study_id!r}")


def find(tx: Tx, meant: str, project: str) -> StudyRow:
    """The study that a person means: by its id or how that begins, by its name, or the `last` of all.

    Of several with one name it is the newest.

    Raises: StudyNotFound; StudyAmbiguous, which names the candidates.
    """
    mine = studies.select().where(studies.c.project == project, studies.c.arriving_until.is_(None))
    mine = mine.order_by(studies.c.id.desc())
    exact = mine if meant == LAST else mine.where((studies.c.id == meant) | (studies.c.name == meant))
    found = tx.execute(exact.limit(1)).all()
    if not found and meant:
        begun = mine.where(studies.c.id.startswith(meant, autoescape=True))
        found = tx.execute(begun.limit(MAX_CANDIDATES)).all()
    if not found:
        return get(tx, meant, project)
    if len(found) > 1:
        detail = f"the ids of several studies begin with {meant}"
        candidates = Problem(path="study", detail=detail, allowed=[f"{row.id} ({row.name})" for row in found])
        raise StudyAmbiguous(detail, [candidates])
    return _study(found[0])


def page(
    tx: Tx,
    *,
    project: str,
    limit: int,
    before: str | None = None,
    state: str | None = None,
    labels: Sequence[tuple[str, str | None]] = (),
) -> list[StudyRow]:
    """Studies of a project, newest first, from the one before a study id on.

    A label without a value asks only that the tag is there.
    """
    whole = (studies.c.project == project) & studies.c.arriving_until.is_(None)
    query = select(studies).where(whole).order_by(studies.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(studies.c.id < before)
    if state is not None:
        query = query.where(studies.c.state == state)
    for name, value in labels:
        tag = select(tags.c.study_id).where(tags.c.study_id == studies.c.id, tags.c.name == name)
        query = query.where((tag if value is None else tag.where(tags.c.value == value)).exists())
    return [_study(row) for row in tx.execute(query)]


def active(tx: Tx) -> list[StudyRow]:
    """Studies that need a driver or have one: queued, running, or ended with an attempt still live."""
    return [_study(row) for row in tx.execute(_ACTIVE)]


def unbuilt(tx: Tx) -> list[StudyRow]:
    """Cancelled studies without their last report."""
    return [_study(row) for row in tx.execute(_UNBUILT)]


def paused_since_build(tx: Tx) -> list[StudyRow]:
    """Paused studies whose report is older than the pause, so that it says they still run."""
    return [_study(row) for row in tx.execute(_PAUSED_SINCE)]


def start(tx: Tx, study_id: str) -> None:
    """Note that work has begun; nothing changes for a study that is not queued."""
    if tx.execute(_START, {"study": study_id}).rowcount:
        events.append(tx, study_id, "study", {"state": "running"})


def complete(
    tx: Tx,
    study_id: str,
    *,
    state: str,
    effects: Json,
    reports: Mapping[str, str] | None = None,
    error: str | None = None,
) -> bool:
    """Store the final effects and, with them, the study's last state.

    Without `reports` they follow, by `add_reports`, and then the figures for paper, by `add_figures`.

    `done` and `failed` are for a study that runs and has no open trial, `cancelled` for one that was
    cancelled. False, with nothing stored, if the study is in another state by now.
    """
    held = hold(tx, study_id)
    open_trial = select(trials.c.id).where(trials.c.study_id == study_id, trials.c.state.in_(OPEN_TRIALS))
    was = ("cancelled",) if state == "cancelled" else ("queued", "running")
    ended = tx.execute(
        update(studies)
        .where(studies.c.id == study_id, studies.c.state.in_(was), ~open_trial.exists())
        .values(state=state, error=error, finished_at=func.coalesce(studies.c.finished_at, db_now()))
    )
    if not ended.rowcount:
        return False
    if held != state:
        events.append(tx, study_id, "study", {"state": state, "error": error})
    builds_.save(
        tx,
        study_id,
        seq=events.latest_seq(tx, study_id),
        interim=False,
        effects=effects,
        bodies=reports or {},
    )
    if reports is not None:
        outbox.put(tx, outbox.SUMMARY, study_id, study_id, {})
    return True


def save_interim(tx: Tx, study_id: str, *, seq: int, effects: Json, reports: Mapping[str, str]) -> bool:
    """Store effects and reports of a study that still runs, unless a newer or final build is there.

    No event: a build that made one would call for the next build.
    """
    if hold(tx, study_id) not in OPEN_STUDIES:
        return False
    newer = select(builds.c.seq).where(
        builds.c.study_id == study_id, builds.c.interim.is_(False) | (builds.c.seq > seq)
    )
    if tx.execute(newer).first() is not None:
        return False
    builds_.save(tx, study_id, seq=seq, interim=True, effects=effects, bodies=reports)
    return True


def build(tx: Tx, study_id: str) -> Build | None:
    """The last effects stored, or none before the first build."""
    row = tx.execute(select(builds).where(builds.c.study_id == study_id)).one_or_none()
    if row is None:
        return None
    return Build(seq=row.seq, interim=row.interim, built_at=row.built_at, effects=row.effects)


def progress(tx: Tx, study_id: str) -> dict[str, int]:
    """How far a study is, in trials: `done` includes `reused`, `running` those leased."""
    return progress_of(tx, [study_id])[study_id]


def progress_of(tx: Tx, ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """The progress of several studies."""
    counts = {
        study_id: dict.fromkeys(
            ("total", "done", "running", "failed", "diverged", "pruned", "cancelled", "reused"), 0
        )
        for study_id in ids
    }
    rows = tx.execute(
        select(trials.c.study_id, trials.c.state, func.count().label("num"), func.count(trials.c.reused_from))
        .where(trials.c.study_id.in_(ids))
        .group_by(trials.c.study_id, trials.c.state)
    )
    for study_id, state, num, num_reused in rows:
        count = counts[study_id]
        count["total"] += num
        count["reused"] += num_reused
        if state in HELD_TRIALS:
            count["running"] += num
        elif state != "planned":
            count[state] += num
    return counts


def now(tx: Tx) -> float:
    """The database's clock, UTC seconds since 1970."""
    return float(tx.execute(_NOW).scalar_one())


def set_experiment(tx: Tx, study_id: str, experiment_id: str, view: str | None = None) -> None:
    """Note the study's MLflow experiment and, as what follows MLflow's URL, its prepared view."""
    known = studies.c.experiment_id == experiment_id
    same: ColumnElement[bool] = known if view is None else known & (studies.c.mlflow_view == view)
    changed = tx.execute(
        update(studies)
        .where(studies.c.id == study_id, func.coalesce(same, False).is_(False))
        .values(experiment_id=experiment_id, mlflow_view=view)
    )
    if changed.rowcount:
        events.append(tx, study_id, "experiment", {"experiment_id": experiment_id})


def _trial_values(study_id: str, project: str, position: int, trial: NewTrial) -> dict[str, Json]:
    return {
        "id": trial.id,
        "study_id": study_id,
        "position": position,
        "project": project,
        "arm_id": trial.arm_id,
        "arm": trial.arm,
        "levels": dict(trial.levels),
        "settings": dict(trial.settings),
        "seed": trial.seed,
        "phase": trial.phase,
        "candidate": trial.candidate,
        "repeat": trial.repeat,
    }


def _study(row: Row[Any]) -> StudyRow:
    return StudyRow(**{name: value for name, value in row._mapping.items() if name != "arriving_until"})
