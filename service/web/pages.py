"""Web pages for people: the project's studies, with links to reports and MLflow."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.api.answers import studies_shown, study_shown
from service.api.claims import read_claims
from service.api.context import Context, InContext, InProject, StudyId
from service.api.paging import PageQuery, decode_cursor, encode_cursor
from service.ledger import studies, trials

router = APIRouter(include_in_schema=False)
SHOWN_LOST = 20
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


@router.get("/", response_class=HTMLResponse)
def index(context: InContext, project: InProject, query: Annotated[PageQuery, Query()]) -> HTMLResponse:
    """The studies, newest first."""
    with context.ledger.read() as tx:
        rows = studies.page(tx, project=project, limit=query.limit + 1, before=decode_cursor(query.cursor))
        # Relative links: the page works behind whatever address it was opened by.
        items = studies_shown(tx, rows[: query.limit], context.settings, base="")
    return _page(
        "index.html",
        context,
        project=project,
        studies=items,
        next=encode_cursor(items[-1].id) if len(rows) > query.limit else None,
    )


@router.get("/studies/{study_id}", response_class=HTMLResponse)
def study(context: InContext, project: InProject, study_id: StudyId) -> HTMLResponse:
    """One study: how far it is, what its primary contrast says, what went wrong."""
    with context.ledger.read() as tx:
        row = studies.get(tx, study_id, project)
        shown = study_shown(tx, row, context.settings, base="")
        build = studies.build(tx, study_id)
        lost = trials.page(tx, study_id, limit=SHOWN_LOST, state="failed")
    effects: Mapping[str, Any] = build.effects if build is not None else {}
    return _page(
        "study.html",
        context,
        study=shown,
        contrasts=[contrast for contrast in effects.get("contrasts", ()) if contrast["primary"]],
        standing=(effects.get("standing") or {}).get("words", ""),
        lost=lost,
        spec=json.dumps(row.spec, indent=2, ensure_ascii=False),
    )


@router.get("/claims", response_class=HTMLResponse)
def claims(context: InContext, project: InProject) -> HTMLResponse:
    """What finished studies of the presets say about every claim of the abstract."""
    return _page("claims.html", context, claims=read_claims(context, project))


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request, context: InContext) -> HTMLResponse:
    """The API for people: rendered here, because FastAPI's own page needs the internet."""
    return _page("docs.html", context, document=request.app.openapi(), named=_named, shown=_shown)


def _page(template: str, context: Context, **values: Any) -> HTMLResponse:
    mlflow = context.settings.mlflow_public_url
    page = _templates.get_template(template).render(mlflow=mlflow, **values)
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})


def _named(schema: Mapping[str, Any]) -> str:
    """A schema's name."""
    return str(schema.get("$ref", "object")).rpartition("/")[2]


def _shown(schema: Mapping[str, Any]) -> str:
    """A parameter's schema in a few words: its values or its type, and its bounds."""
    options = [option for option in schema.get("anyOf", [schema]) if option.get("type") != "null"]
    words = [
        " | ".join(option["enum"]) if "enum" in option else str(option.get("type", "")) for option in options
    ]
    bounds = [
        f"{sign} {option[key]}"
        for option in options
        for key, sign in (("minimum", ">="), ("maximum", "<="))
        if key in option
    ]
    default = [f"default {schema['default']}"] if schema.get("default") is not None else []
    return ", ".join([" or ".join(words), *bounds, *default])
