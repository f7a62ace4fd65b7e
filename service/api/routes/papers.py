"""What a paper takes from a study: a table in LaTeX, and how to cite study and software."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import metadata
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response

from ablations.errors import Problem
from ablations.report.document.document import Table
from ablations.report.renderers import bibtex, latex, latex_columns
from service.api.context import Context, InContext, InProject, StudyId
from service.api.paging import base_url
from service.api.written import await_report
from service.errors import InvalidRequest, NotFound
from service.formats import BIBTEX, MEDIA
from service.ledger import builds, studies
from service.ledger.studies import StudyRow

router = APIRouter(prefix="/v1/studies", tags=["reports"])
SOFTWARE = "ablation-service"
RAN_WITH, CODE = "ran with.", "'s code"


@router.get(
    "/{study_id}/table",
    dependencies=[Depends(await_report)],
    response_class=Response,
    responses={200: {"content": {MEDIA["latex"]: {}}}},
)
def table(
    context: InContext,
    project: InProject,
    study_id: StudyId,
    of: Annotated[
        Literal["arms", "effects"], Query(description="Every arm, or the rows of the primary contrast")
    ] = "arms",
    columns: Annotated[
        str | None,
        Query(max_length=2000, description="Names with commas between; by default what fits a page"),
    ] = None,
) -> Response:
    """A table of the report in LaTeX (booktabs)."""
    _, report = _report(context, project, study_id)
    blocks: list[dict[str, Any]] = next(
        (found["blocks"] for found in report["sections"] if found["id"] == of), []
    )
    tables = [block for block in blocks if block["kind"] == "table"]
    if not tables:
        raise NotFound(f"study {study_id} has no table of {of} yet")
    shown = Table.from_json(tables[0])
    text = latex.render_table(
        shown,
        of,
        question=report["summary"],
        notes=[b["title"] for b in blocks if b["kind"] == "callout" and b["tone"] == "note"],
        columns=_known(columns, shown),
    )
    return Response(text, media_type=MEDIA["latex"])


def _known(columns: str | None, shown: Table) -> list[str]:
    """The names asked for, each of which a column has."""
    if columns is None:
        return []
    allowed = list(latex_columns.names_of(shown))
    names = [name.strip() for name in columns.split(",")]
    problems = [
        Problem(path="columns", detail=f"there is no column {name!r}", allowed=[*allowed])
        for name in dict.fromkeys(names)
        if name not in allowed
    ]
    if problems:
        raise InvalidRequest("; ".join(map(str, problems)), problems)
    return names


@router.get(
    "/{study_id}/citation",
    dependencies=[Depends(await_report)],
    response_class=Response,
    responses={200: {"content": {BIBTEX: {}}}},
)
def citation(context: InContext, project: InProject, study_id: StudyId, request: Request) -> Response:
    """The study and the software that ran it as BibTeX, from what the report's provenance holds."""
    study, report = _report(context, project, study_id)
    rows = next(block["rows"] for block in report["provenance"]["blocks"] if block["kind"] == "facts")
    facts = dict(rows)
    about = metadata(SOFTWARE)
    found = bibtex.Citation(
        study_id=study.id,
        name=study.name,
        question=report["summary"],
        year=datetime.fromtimestamp(study.finished_at or study.created_at, UTC).year,
        url=f"{base_url(request, context.settings)}/v1/studies/{study.id}/report",
        codes=[
            f"{name.removeprefix(RAN_WITH)}: {value}"
            for name, value in facts.items()
            if name.startswith(RAN_WITH) and name.endswith(CODE)
        ],
        software=SOFTWARE,
        about=str(about["Summary"]),
        version=facts.get(f"packages.{SOFTWARE}") or str(about["Version"]),
        commit=facts.get("commit"),
        software_url=next((url.split(", ")[1] for url in about.get_all("Project-URL") or ()), None),
    )
    return Response(bibtex.render(found), media_type=BIBTEX)


def _report(context: Context, project: str, study_id: str) -> tuple[StudyRow, Mapping[str, Any]]:
    """A study and its last report as data.

    Raises: StudyNotFound, NotFound.
    """
    with context.ledger.read() as tx:
        study = studies.get(tx, study_id, project)
        body = builds.report(tx, study_id, "json")
    if body is None:
        raise NotFound(f"study {study_id} has no report yet")
    found: dict[str, Any] = json.loads(body)
    return study, found
