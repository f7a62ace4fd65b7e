"""Web pages for people: the project's studies, with links to reports and MLflow."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from service.api.answers import studies_shown
from service.api.context import InContext, InProject
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
    page = _templates.get_template("index.html").render(
        project=project,
        studies=items,
        next=encode_cursor(items[-1].id) if len(rows) > query.limit else None,
        mlflow=context.settings.mlflow_public_url,
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})
