"""Effects and reports, as last built."""

from html import escape
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.responses import JSONResponse

from ablations.errors import Json, Problem
from service.api.context import InContext, InProject, StudyId
from service.api.written import await_report
from service.errors import InvalidRequest, NotAcceptable, NotFound
from service.formats import MEDIA, PRINTED
from service.ledger import builds, outbox, studies
from service.ledger.studies import StudyRow
from service.ledger.tables import OPEN_STUDIES
from service.printing import print_pdf

router = APIRouter(prefix="/v1/studies", tags=["reports"])
_SAME = {"markdown": "md", "tex": "latex", "csv-effects": "csv"}
Format = Literal["html", "pdf", "md", "json", "latex", "csv", "csv-trials", "markdown", "tex", "csv-effects"]
_FIGURES = {"pdf": "application/pdf", "svg": "image/svg+xml"}
# A report is one file that loads nothing; whatever a name in it says, nothing in it may run or call home.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"


@router.get("/{study_id}/effects")
def effects(context: InContext, project: InProject, study_id: StudyId) -> dict[str, Any]:
    """The effects: contrasts with their rows, then exploratory simple effects; interim while running."""
    with context.ledger.read() as tx:
        studies.get(tx, study_id, project)
        build = studies.build(tx, study_id)
    if build is None:
        return {"interim": True, "contrasts": [], "exploratory": []}
    shown: dict[str, Any] = build.effects
    return shown


@router.get(
    "/{study_id}/report",
    dependencies=[Depends(await_report)],
    response_class=Response,
    responses={200: {"content": {media: {} for media in MEDIA.values()}}},
)
def report(
    context: InContext,
    project: InProject,
    study_id: StudyId,
    format: Annotated[
        Format | None,
        Query(description="By default what Accept says; csv has the effects"),
    ] = None,
    accept: Annotated[str, Header()] = "*/*",
) -> Response:
    """The report; interim while the study runs, and labelled so. A PDF is printed when it is asked for."""
    with context.ledger.read() as tx:
        study = studies.get(tx, study_id, project)
        built = studies.build(tx, study_id)
        stored = builds.formats(tx, study_id) if built else list(MEDIA)
        chosen = _choose(format, accept, [*stored, PRINTED] if "html" in stored else stored)
        kept = "html" if chosen == PRINTED else chosen
        body = builds.report(tx, study_id, kept) if built else None
    if chosen == "json" and body is None:
        return JSONResponse(
            {"interim": True, "title": study.name, "sections": []}, headers={"Vary": "Accept"}
        )
    headers = {"Vary": "Accept", "Content-Security-Policy": _POLICY}
    text = _empty(study, kept) if body is None else body
    return Response(print_pdf(text) if chosen == PRINTED else text, headers=headers, media_type=MEDIA[chosen])


@router.get("/{study_id}/figures")
def figures(context: InContext, project: InProject, study_id: StudyId) -> dict[str, Any]:
    """The report's figures as files for a paper, PDF and SVG.

    They are drawn after the study has ended; `drawn` says whether that is done.
    """
    with context.ledger.read() as tx:
        studies.get(tx, study_id, project)
        found = builds.figure_names(tx, study_id)
        build = studies.build(tx, study_id)
        drawn = build is not None and not build.interim and not outbox.unwritten(tx, study_id)
    items = [
        {"name": name, "caption": caption, "href": f"/v1/studies/{study_id}/figures/{quote(name)}"}
        for name, caption in found
    ]
    return {"items": items, "next": None, "drawn": drawn}


@router.get(
    "/{study_id}/figures/{name}",
    response_class=Response,
    responses={200: {"content": {media: {} for media in _FIGURES.values()}}},
)
def figure(
    context: InContext,
    project: InProject,
    study_id: StudyId,
    name: Annotated[str, Path(description="A name from the list, such as effects.pdf")],
) -> Response:
    """One figure."""
    with context.ledger.read() as tx:
        studies.get(tx, study_id, project)
        body = builds.figure(tx, study_id, name)
    if body is None:
        raise NotFound(f"study {study_id} has no figure {name!r}")
    media = _FIGURES[name.rpartition(".")[2]]
    return Response(body, headers={"Content-Security-Policy": _POLICY}, media_type=media)


def _choose(format: Format | None, accept: str, stored: list[str]) -> str:
    """The format asked for, or the first stored one that the caller accepts best."""
    offered = [name for name in MEDIA if name in stored]
    if format is not None:
        chosen = _SAME.get(format, format)
        if chosen not in offered:
            problem = Problem(path="format", detail=f"not available as {format!r}", allowed=[*offered])
            raise InvalidRequest(f"format: not available as {format!r}", [problem])
        return chosen
    best = max(offered, key=lambda name: _quality(accept, MEDIA[name]), default=None)
    if best is None or _quality(accept, MEDIA[best]) <= 0:
        allowed: list[Json] = [MEDIA[name] for name in offered]
        problem = Problem(path="Accept", detail=f"none of {accept!r} is available", allowed=allowed)
        raise NotAcceptable(f"none of {accept!r} is available", [problem])
    return best


def _quality(accept: str, media: str) -> float:
    """How much an Accept header wants a media type; the most specific range that fits decides."""
    found = (0, 0.0)
    kind = media.partition("/")[0]
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        precision = {media: 3, f"{kind}/*": 2, "*/*": 1}.get(name, 0)
        if precision > found[0]:
            found = (precision, _weight(parameters))
    return found[1]


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _empty(study: StudyRow, format: str) -> str:
    """What stands in the place of a report before the first is built."""
    kind = "interim report" if study.state in OPEN_STUDIES else "report"
    text = f"The study is {study.state}; this {kind} has no results yet."
    if format == "md":
        name = "".join("\\" + char if char in "\\`*_{}[]<>()#+-.!|" else char for char in study.name)
        return f"# {name}\n\n{text}\n"
    if format == "latex":
        return f"% {text}\n"
    if format in ("csv", "csv-trials"):
        return ""
    name = escape(study.name)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
        f"<h1>{name}</h1><p>{text}</p></html>"
    )
