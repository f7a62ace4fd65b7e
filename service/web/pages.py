"""Web pages for people: the project's studies, with links to reports and MLflow."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.api.answers import studies_shown
from service.api.claims import read_claims
from service.api.context import Context, InContext, InProject
from service.api.paging import PageQuery, decode_cursor, encode_cursor
from service.ledger import studies

router = APIRouter(include_in_schema=False)
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
