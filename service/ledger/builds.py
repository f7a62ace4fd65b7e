"""What builds leave in the ledger: effects and, after a verdict, its papers: report and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from service.ledger import events, outbox
from service.ledger.database import Tx
from service.ledger.fence import hold
from service.ledger.tables import builds, db_now, figures, reports, studies

Json = Any
_FORGET = tuple(
    delete(table).where(table.c.study_id == bindparam("study")) for table in (figures, reports, builds)
)
_INSERT = insert(builds).values(built_at=db_now())
_INSERT_REPORTS = insert(reports)


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
    for forget in _FORGET:
        tx.execute(forget, {"study": study_id})
    tx.execute(_INSERT, {"study_id": study_id, "seq": seq, "interim": interim, "effects": effects})
    _add_reports(tx, study_id, bodies)
    _add_figures(tx, study_id, files)


def _add_reports(tx: Tx, study_id: str, bodies: Mapping[str, str]) -> None:
    """Store the formats of the last build's report."""
    if bodies:
        told = [{"study_id": study_id, "format": format, "body": body} for format, body in bodies.items()]
        tx.execute(_INSERT_REPORTS, told)


def _add_figures(tx: Tx, study_id: str, files: Sequence[FigureFile]) -> None:
    """Store the figures of the last build, in the report's order."""
    for position, file in enumerate(files):
        tx.execute(
            insert(figures).values(
                study_id=study_id, name=file.name, position=position, caption=file.caption, body=file.body
            )
        )


def contrasts_of(tx: Tx, ids: Sequence[str]) -> dict[str, Json]:
    """The contrasts that these studies' last builds have judged; studies that are not judged are left out."""
    query = select(builds.c.study_id, builds.c.effects["contrasts"]).where(
        builds.c.study_id.in_(ids), builds.c.interim.is_(False)
    )
    return {study_id: contrasts or [] for study_id, contrasts in tx.execute(query)}


def figure_names(tx: Tx, study_id: str) -> list[tuple[str, str]]:
    """Name and caption of every figure file of the last build, in the report's order."""
    query = select(figures.c.name, figures.c.caption).where(figures.c.study_id == study_id)
    return [(row.name, row.caption) for row in tx.execute(query.order_by(figures.c.position))]


def figure_bodies(tx: Tx, study_id: str) -> dict[str, bytes]:
    """Every figure file of the last build by its name, in the report's order."""
    query = select(figures.c.name, figures.c.body).where(figures.c.study_id == study_id)
    return {row.name: row.body for row in tx.execute(query.order_by(figures.c.position))}


def figure(tx: Tx, study_id: str, name: str) -> bytes | None:
    """One figure file of the last build, or none."""
    query = select(figures.c.body).where(figures.c.study_id == study_id, figures.c.name == name)
    body: bytes | None = tx.execute(query).scalar_one_or_none()
    return body


def report(tx: Tx, study_id: str, format: str) -> str | None:
    """The last report stored in a format, or none."""
    query = select(reports.c.body).where(reports.c.study_id == study_id, reports.c.format == format)
    return tx.execute(query).scalar_one_or_none()


def formats(tx: Tx, study_id: str) -> list[str]:
    """The formats the last report is stored in."""
    query = select(reports.c.format).where(reports.c.study_id == study_id).order_by(reports.c.format)
    return list(tx.execute(query).scalars())


def without_report(tx: Tx) -> list[str]:
    """Ended studies whose last report could not be built: their effects hold an error."""
    error = builds.c.effects["error"].as_string()
    query = select(builds.c.study_id).where(builds.c.interim.is_(False), error.is_not(None))
    return list(tx.execute(query.order_by(builds.c.study_id)).scalars())


def replace_report(
    tx: Tx, study_id: str, *, effects: Json, bodies: Mapping[str, str], files: Sequence[FigureFile]
) -> None:
    """Store the final effects and reports of a study that ended without them, and tell it to MLflow."""
    hold(tx, study_id)
    tx.execute(update(studies).where(studies.c.id == study_id).values(error=None))
    events.append(tx, study_id, "report", {})
    seq = events.latest_seq(tx, study_id)
    save(tx, study_id, seq=seq, interim=False, effects=effects, bodies=bodies, files=files)
    outbox.put(tx, outbox.SUMMARY, study_id, study_id, {})


def add_reports(
    tx: Tx, study_id: str, *, seq: int, bodies: Mapping[str, str], error: str | None = None
) -> bool:
    """Store the reports of an ended study and tell MLflow.

    False if there is another build by now, or they are there. An `error` marks them as what stands
    in the place of reports that could not be built.
    """
    hold(tx, study_id)
    if not _is_last(tx, study_id, seq) or formats(tx, study_id):
        return False
    _add_reports(tx, study_id, bodies)
    if error is not None:
        effects = tx.execute(select(builds.c.effects).where(builds.c.study_id == study_id)).scalar_one()
        marked = {**effects, "error": error}
        tx.execute(update(builds).where(builds.c.study_id == study_id).values(effects=marked))
        tx.execute(update(studies).where(studies.c.id == study_id).values(error=error))
    outbox.put(tx, outbox.SUMMARY, study_id, study_id, outbox.FIGURES_FOLLOW)
    return True


def add_figures(tx: Tx, study_id: str, *, seq: int, files: Sequence[FigureFile]) -> bool:
    """Store the figures of an ended study and tell MLflow.

    False if there is another build by now, or somebody has done so before.
    """
    hold(tx, study_id)
    if not _is_last(tx, study_id, seq) or not outbox.unwritten(tx, study_id):
        return False
    _add_figures(tx, study_id, files)
    outbox.put(tx, outbox.FIGURES, study_id, study_id, {})
    return True


def _is_last(tx: Tx, study_id: str, seq: int) -> bool:
    """Whether the study's last build is final and of this event."""
    query = select(builds.c.seq).where(builds.c.study_id == study_id, builds.c.interim.is_(False))
    return tx.execute(query).scalar_one_or_none() == seq


def report_follows(tx: Tx, study_id: str | None = None) -> bool:
    """Whether the final effects of this study, or of any, are there, and not yet the report."""
    written = select(reports.c.format).where(reports.c.study_id == builds.c.study_id)
    query = select(builds.c.seq).where(builds.c.interim.is_(False), ~written.exists())
    if study_id is not None:
        query = query.where(builds.c.study_id == study_id)
    return tx.execute(query.limit(1)).first() is not None
