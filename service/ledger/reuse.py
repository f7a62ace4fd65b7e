"""Which results of a study were known before it was submitted, and from which earlier studies."""

from dataclasses import dataclass

from sqlalchemy import select

from service.ledger.database import Tx
from service.ledger.tables import studies, trials


@dataclass(frozen=True, slots=True, kw_only=True)
class Reused:
    """A measured trial whose result an earlier study had before this one was submitted."""

    arm_id: str
    seed: int
    known_at: float
    study_id: str
    """The earlier study."""
    arm_there: str


def reused_trials(tx: Tx, study_id: str) -> list[Reused]:
    """The measured trials that were known when the study was submitted, as planned."""
    source = trials.alias("source")
    rows = tx.execute(
        select(
            trials.c.arm_id,
            trials.c.seed,
            source.c.finished_at.label("known_at"),
            source.c.study_id,
            source.c.arm_id.label("arm_there"),
        )
        .join(source, source.c.id == trials.c.reused_from)
        .join(studies, studies.c.id == trials.c.study_id)
        .where(trials.c.study_id == study_id, trials.c.phase == "measuring")
        .where(source.c.study_id != study_id, source.c.finished_at <= studies.c.created_at)
        .order_by(trials.c.position)
    )
    return [Reused(**row._mapping) for row in rows]
