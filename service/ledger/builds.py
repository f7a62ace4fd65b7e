"""What a build of a study's report leaves in the ledger: effects, the report's formats, its figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select

from service.ledger.database import Tx
from service.ledger.tables import builds, db_now, figures, reports

Json = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureFile:
    """One figure as a file: `name` is the file's, such as `effects.pdf`."""

    name: str
    caption: str
    body: bytes


def save(
    tx: Tx,
    study_id: str,
    *,
    seq: int,
    interim: bool,
    effects: Json,
    bodies: Mapping[str, str],
    files: Sequence[FigureFile] = (),
) -> None:
    """Put a build in the place of the last one."""
    for table in (figures, reports, builds):
        tx.execute(delete(table).where(table.c.study_id == study_id))
    tx.execute(
        insert(builds).values(study_id=study_id, seq=seq, interim=interim, built_at=db_now(), effects=effects)
    )
    if bodies:
        tx.execute(
            insert(reports),
            [{"study_id": study_id, "format": format, "body": body} for format, body in bodies.items()],
        )
    add_figures(tx, study_id, files)


def add_figures(tx: Tx, study_id: str, files: Sequence[FigureFile]) -> None:
    """Store the figures of the last build, in the report's order."""
    for position, file in enumerate(files):
        tx.execute(
            insert(figures).values(
                study_id=study_id, name=file.name, position=position, caption=file.caption, body=file.body
            )
        )


def figure_names(tx: Tx, study_id: str) -> list[tuple[str, str]]:
    """Name and caption of every figure file of the last build, in the report's order."""
    query = select(figures.c.name, figures.c.caption).where(figures.c.study_id == study_id)
    return [(row.name, row.caption) for row in tx.execute(query.order_by(figures.c.position))]


def figure(tx: Tx, study_id: str, name: str) -> bytes | None:
    """One figure file of the last build, or none."""
    query = select(figures.c.body).where(figures.c.study_id == study_id, figures.c.name == name)
    body: bytes | None = tx.execute(query).scalar_one_or_none()
    return body
