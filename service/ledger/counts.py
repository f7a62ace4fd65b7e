"""Counts over trials that only the worker asks for."""

from sqlalchemy import func, select

from service.ledger.database import Tx
from service.ledger.tables import ENDED_TRIALS, OPEN_TRIALS, trials


def num_open(tx: Tx, study_id: str) -> int:
    """How many trials of a study have not ended."""
    query = select(func.count()).where(trials.c.study_id == study_id, trials.c.state.in_(OPEN_TRIALS))
    return int(tx.execute(query).scalar_one())


def num_finished(tx: Tx, study_id: str) -> int:
    """How many measuring trials of a study have a result, a diverged one included."""
    finished = (trials.c.phase == "measuring") & trials.c.state.in_(("done", "diverged"))
    query = select(func.count()).where(trials.c.study_id == study_id, finished)
    return int(tx.execute(query).scalar_one())


def num_ended_by(tx: Tx, study_id: str) -> dict[int, int]:
    """How many trials each attempt of a study has brought to an end, reused ones included."""
    query = (
        select(trials.c.attempt, func.count())
        .where(
            trials.c.study_id == study_id,
            trials.c.state.in_(ENDED_TRIALS),
            trials.c.attempt.is_not(None),
        )
        .group_by(trials.c.attempt)
    )
    return {number: count for number, count in tx.execute(query)}
