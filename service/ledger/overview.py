"""How much is in the ledger, over all projects."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Table, func, select

from service.ledger import outbox
from service.ledger.database import Tx
from service.ledger.tables import STUDY_STATES, TRIAL_STATES, attempts, studies, trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Studies and trials by state, announcements waiting and failed so far, attempts that are live."""

    studies: Mapping[str, int]
    trials: Mapping[str, int]
    waiting: int
    parked: int
    attempts: int


def count(tx: Tx) -> Overview:
    """Count everything."""
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
