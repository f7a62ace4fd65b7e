"""How many trials, studies and attempts there are: of a study, for the worker; over all, for monitoring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Table, bindparam, func, select

from service.ledger import outbox
from service.ledger.database import Tx
from service.ledger.tables import (
    ENDED_TRIALS,
    OPEN_TRIALS,
    STUDY_STATES,
    TRIAL_STATES,
    attempts,
    studies,
    trials,
)

_OPEN = select(func.count()).where(trials.c.study_id == bindparam("study"), trials.c.state.in_(OPEN_TRIALS))
_ENDED_BY = (
    select(trials.c.attempt, func.count())
    .where(
        trials.c.study_id == bindparam("study"),
        trials.c.state.in_(ENDED_TRIALS),
        trials.c.attempt.is_not(None),
    )
    .group_by(trials.c.attempt)
)


def num_open(tx: Tx, study_id: str) -> int:
    """How many trials of a study have not ended."""
    return int(tx.execute(_OPEN, {"study": study_id}).scalar_one())


def num_finished(tx: Tx, study_id: str) -> int:
    """How many measuring trials of a study have a result, a diverged one included."""
    finished = (trials.c.phase == "measuring") & trials.c.state.in_(("done", "diverged"))
    query = select(func.count()).where(trials.c.study_id == study_id, finished)
    return int(tx.execute(query).scalar_one())


def num_ended_by(tx: Tx, study_id: str) -> dict[int, int]:
    """How many trials each attempt of a study has brought to an end, reused ones included."""
    return {number: count for number, count in tx.execute(_ENDED_BY, {"study": study_id})}


@dataclass(frozen=True, slots=True, kw_only=True)
class SameReason:
    """Failed trials of a study that ended for one reason, and the position of the first of them."""

    reason: str | None
    num: int
    first: int


def reasons_of(tx: Tx, ids: Sequence[str], *, at_most: int) -> dict[str, list[SameReason]]:
    """Why trials of these studies failed, by study: the commonest reasons of each that has failed ones."""
    num, first = func.count().label("num"), func.min(trials.c.position).label("first")
    rank = func.row_number().over(partition_by=trials.c.study_id, order_by=(num.desc(), first))
    told = (
        select(trials.c.study_id, trials.c.reason, num, first, rank.label("rank"))
        .where(trials.c.study_id.in_(ids), trials.c.state == "failed")
        .group_by(trials.c.study_id, trials.c.reason)
        .subquery()
    )
    found: dict[str, list[SameReason]] = {}
    for row in tx.execute(select(told).where(told.c.rank <= at_most).order_by(told.c.study_id, told.c.rank)):
        same = SameReason(reason=row.reason, num=row.num, first=row.first)
        found.setdefault(row.study_id, []).append(same)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Studies and trials by state, announcements waiting and failed so far, attempts that are live."""

    studies: Mapping[str, int]
    trials: Mapping[str, int]
    waiting: int
    parked: int
    attempts: int


def overview(tx: Tx) -> Overview:
    """How much is in the ledger, over all projects."""
    live = select(func.count()).select_from(attempts).where(attempts.c.finished_at.is_(None))
    return Overview(
        studies=_by_state(tx, studies, STUDY_STATES),
        trials=_by_state(tx, trials, TRIAL_STATES),
        waiting=outbox.waiting(tx),
        parked=outbox.parked(tx),
        attempts=int(tx.execute(live).scalar_one()),
    )


def _by_state(tx: Tx, table: Table, states: tuple[str, ...]) -> dict[str, int]:
    found = tx.execute(select(table.c.state, func.count()).group_by(table.c.state))
    return {**dict.fromkeys(states, 0), **{state: int(number) for state, number in found}}
