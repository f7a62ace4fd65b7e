"""Trials as the ledger has them: rows, records, curves and tracebacks."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, select, update

from service.errors import NotFound
from service.ledger import environments
from service.ledger.database import Tx
from service.ledger.tables import trials
from service.protocol import KEPT

Json = Any
T = TypeVar("T")
_CHUNK = 500
MAX_NUMBER = 9
"""Digits of a trial's number; ids are longer."""
_KEY = ("id", "arm_id", "seed", "phase", "candidate", "repeat")
_RECORD = (
    *_KEY,
    "state",
    "attempts",
    "settings",
    *(name for name in KEPT if name not in ("traceback", "pack")),
    "environment_id",
)
_SET_RUN = update(trials).where(trials.c.id == bindparam("trial")).values(mlflow_run_id=bindparam("run"))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRow:
    """A trial as it is listed: all but its curve, scalars and traceback."""

    id: str
    study_id: str
    position: int
    arm: str
    arm_id: str
    levels: Mapping[str, Json]
    settings: Mapping[str, Json]
    fingerprint: str | None
    phase: str
    candidate: int | None
    repeat: int | None
    seed: int
    state: str
    attempts: int
    metrics: Mapping[str, float | None] | None
    reason: str | None
    pack: int | None
    step: float | None
    seconds: float | None
    device: str | None
    mlflow_run_id: str | None
    reused_from: str | None
    leased_at: float | None
    finished_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a trial ended. `at` is in seconds since 1970, of one that never began 0."""

    state: str
    at: float
    reason: str | None


_SHOWN = [trials.c[field.name] for field in fields(TrialRow)]


def page(
    tx: Tx,
    study_id: str,
    *,
    limit: int,
    after: int = -1,
    state: str | None = None,
    phase: str | None = None,
    arm: str | None = None,
    arm_id: str | None = None,
    seed: int | None = None,
) -> list[TrialRow]:
    """A study's trials as planned, from the one after a position on; `arm` is an arm's id or label."""
    query = select(*_SHOWN).where(trials.c.study_id == study_id, trials.c.position > after)
    if state is not None:
        query = query.where(trials.c.state == state)
    if phase is not None:
        query = query.where(trials.c.phase == phase)
    if arm is not None:
        query = query.where((trials.c.arm_id == arm) | (trials.c.arm == arm))
    if arm_id is not None:
        query = query.where(trials.c.arm_id == arm_id)
    if seed is not None:
        query = query.where(trials.c.seed == seed)
    rows = tx.execute(query.order_by(trials.c.position).limit(limit))
    return [_trial(row) for row in rows]


def rows(tx: Tx, study_id: str, ids: Sequence[str]) -> list[TrialRow]:
    """These trials of a study, as planned."""
    query = select(*_SHOWN).where(trials.c.study_id == study_id, trials.c.id.in_(ids))
    return [_trial(row) for row in tx.execute(query.order_by(trials.c.position))]


def measured(tx: Tx, study_id: str, arm_ids: Collection[str] | None = None) -> list[TrialRow]:
    """All measuring trials of a study, or those of some arms, as planned."""
    query = select(*_SHOWN).where(trials.c.study_id == study_id, trials.c.phase == "measuring")
    if arm_ids is not None:
        query = query.where(trials.c.arm_id.in_(arm_ids))
    return [_trial(row) for row in tx.execute(query.order_by(trials.c.position))]


def get(tx: Tx, study_id: str, trial: str) -> TrialRow:
    """One trial of a study, by its id or by its number, which is 1 for the first.

    Raises: NotFound.
    """
    numbered = trial.isascii() and trial.isdecimal() and len(trial) <= MAX_NUMBER
    which = trials.c.position == int(trial) - 1 if numbered else trials.c.id == trial
    row = tx.execute(select(*_SHOWN).where(trials.c.study_id == study_id, which)).one_or_none()
    if row is None:
        raise NotFound(f"study {study_id} has no trial {trial!r}")
    return _trial(row)


def traceback(tx: Tx, study_id: str, trial_id: str) -> str | None:
    """The traceback recorded with a trial, if it failed with one.

    Raises: NotFound.
    """
    query = select(trials.c.traceback).where(trials.c.study_id == study_id, trials.c.id == trial_id)
    row = tx.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"study {study_id} has no trial {trial_id!r}")
    found: str | None = row.traceback
    return found


def records(tx: Tx, study_id: str, ids: Sequence[str] | None = None) -> list[dict[str, Json]]:
    """Everything a report needs of a study's trials, as planned; of those ids only, if given."""
    return list(each_record(tx, study_id, ids))


def each_record(
    tx: Tx,
    study_id: str,
    ids: Sequence[str] | None = None,
    *,
    courses: bool = True,
    phase: str | None = None,
) -> Iterator[dict[str, Json]]:
    """The same one by one, so that never all are held as they were stored; of one phase only, if given.

    Without `courses` there are no curves and scalars, by far the widest of what is stored.
    """
    known = environments.by_id(tx, study_id)
    names = [name for name in _RECORD if courses or name not in ("curve", "scalars")]
    query = select(*(trials.c[name] for name in names)).where(trials.c.study_id == study_id)
    if ids is not None:
        query = query.where(trials.c.id.in_(ids))
    if phase is not None:
        query = query.where(trials.c.phase == phase)
    rows = tx.execute(query.order_by(trials.c.position).execution_options(yield_per=_CHUNK))
    for row in rows.mappings():
        yield {
            **row,
            "metrics": row["metrics"] or {},
            "curve": row.get("curve") or {},
            "environment": known.get(row["environment_id"]),
        }


def settings_of(tx: Tx, study_id: str, states: Sequence[str]) -> list[Mapping[str, Json]]:
    """The settings of a study's trials in these states."""
    mine = (trials.c.study_id == study_id) & trials.c.state.in_(states)
    return list(tx.execute(select(trials.c.settings).where(mine)).scalars())


def curves(tx: Tx, study_id: str, ids: Sequence[str]) -> dict[str, Mapping[str, Json]]:
    """The curves of these trials of a study, by their ids."""
    query = select(trials.c.id, trials.c.curve).where(trials.c.study_id == study_id, trials.c.id.in_(ids))
    return {row.id: row.curve or {} for row in tx.execute(query)}


def set_runs(tx: Tx, runs: Mapping[str, str]) -> None:
    """Note the MLflow run of each trial."""
    if runs:
        tx.execute(_SET_RUN, [{"trial": trial_id, "run": run_id} for trial_id, run_id in runs.items()])


def forget_runs(tx: Tx, study_id: str) -> None:
    """No trial of the study has an MLflow run any more."""
    tx.execute(update(trials).where(trials.c.study_id == study_id).values(mlflow_run_id=None))


def noted_runs(tx: Tx, study_id: str) -> dict[str, str]:
    """The MLflow run of each trial that has one."""
    query = select(trials.c.id, trials.c.mlflow_run_id).where(trials.c.study_id == study_id)
    return {row.id: row.mlflow_run_id for row in tx.execute(query.where(trials.c.mlflow_run_id.is_not(None)))}


def ends(tx: Tx, study_id: str, states: Collection[str]) -> dict[str, End]:
    """How a study's trials ended, of those in these states."""
    query = select(trials.c.id, trials.c.state, trials.c.reason, trials.c.finished_at, trials.c.leased_at)
    mine = tx.execute(query.where(trials.c.study_id == study_id, trials.c.state.in_(states)))
    return {
        row.id: End(state=row.state, at=row.finished_at or row.leased_at or 0.0, reason=row.reason)
        for row in mine
    }


def _trial(row: Row[Any]) -> TrialRow:
    return TrialRow(**row._mapping)
