"""Web pages for people: the project's studies as they run, a new one with its plan, claims, the API."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ablations.effects.wording import effect_text, shown_of, words_of
from ablations.results.failures import FAILURES, count_classes
from service.api.answers import readings_of, studies_shown, study_shown, trial_shown
from service.api.context import Context, InContext, InProject
from service.api.paging import StudyPageQuery
from service.api.routes.claims import read_claims
from service.ledger import studies, trials
from service.web.overview import MAX_ARMS, MAX_CURVES, MAX_SEEDS, make_overview

router = APIRouter(include_in_schema=False)
SHOWN_LOST = 20
_POLICY = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'unsafe-inline'; img-src data:;"
    " base-uri 'none'; form-action 'none'"
)
_SCRIPT = (Path(__file__).parent / "static" / "live.js").read_text()
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _commands(text: str) -> Markup:
    """Words between backticks as code; everything else as it is."""
    parts = [
        Markup("<code>{}</code>" if n % 2 else "{}").format(part) for n, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


_templates.filters["commands"] = _commands


@router.get("/", response_class=HTMLResponse)
def index(context: InContext, project: InProject, query: Annotated[StudyPageQuery, Query()]) -> HTMLResponse:
    """The studies, newest first."""
    with context.ledger.read() as tx:
        rows = studies.page(tx, project=project, limit=query.limit + 1, before=query.cursor)
        # Relative links: the page works behind whatever address it was opened by.
        items = studies_shown(tx, rows[: query.limit], context.settings, base="")
    return page(
        "index.html",
        context,
        project=project,
        studies=items,
        next=items[-1].id if len(rows) > query.limit else None,
    )


@router.get("/studies/{meant:path}", response_class=HTMLResponse)
def study(context: InContext, project: InProject, meant: str) -> Response:
    """One study: how far it is, what its primary contrast says, what went wrong.

    A name, `last` or the beginning of an id lead to it too.
    """
    with context.ledger.read() as tx:
        row = studies.find(tx, meant, project)
        study_id = row.id
        if study_id != meant:
            return RedirectResponse(f"/studies/{study_id}", 303, headers={"Cache-Control": "no-store"})
        shown = study_shown(tx, row, context.settings, base="")
        build = studies.build(tx, study_id)
        lost = trials.page(tx, study_id, limit=SHOWN_LOST, state="failed")
        rows = trials.page(tx, study_id, limit=MAX_ARMS * MAX_SEEDS, phase="measuring")
        ended = [each.id for each in rows if each.state == "done"][:MAX_CURVES]
        curves = trials.curves(tx, study_id, ended)
    readings = readings_of(row.spec, context.catalogue)
    return page(
        "study.html",
        context,
        study=shown,
        overview=make_overview(
            [trial_shown(each, readings, curves.get(each.id)) for each in rows],
            row.spec["metrics"][0]["name"],
            curves,
        ),
        effects=draw_effects(build.effects if build is not None else {}),
        lost=lost,
        failures=[FAILURES[name] for name in count_classes((trial.state, trial.reason) for trial in lost)],
        spec=json.dumps(row.spec, indent=2, ensure_ascii=False),
    )


def draw_effects(effects: Mapping[str, Any]) -> str:
    """Where a study stands and what its primary contrast says, as a piece of its page."""
    return draw(
        "effects.html",
        contrasts=[contrast for contrast in effects.get("contrasts", ()) if contrast["primary"]],
        standing=(effects.get("standing") or {}).get("words", ""),
        shown_of=shown_of,
        words_of=words_of,
        effect_text=effect_text,
    )


@router.get("/static/live.js")
async def script(_project: InProject) -> Response:
    """What keeps pages up to date."""
    return Response(_SCRIPT, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


@router.get("/claims", response_class=HTMLResponse)
def claims(context: InContext, project: InProject) -> HTMLResponse:
    """What finished studies of the presets say about every claim of the abstract."""
    return page("claims.html", context, claims=read_claims(context, project))


@router.get("/docs", response_class=HTMLResponse)
def docs(request: Request, context: InContext) -> HTMLResponse:
    """The API for people: rendered here, because FastAPI's own page needs the internet."""
    return page("docs.html", context, document=request.app.openapi(), named=_named, shown=_shown)


def page(template: str, context: Context, **values: Any) -> HTMLResponse:
    """A whole page."""
    text = draw(template, mlflow=context.settings.mlflow_public_url, **values)
    return HTMLResponse(text, headers={"Content-Security-Policy": _POLICY, "Cache-Control": "no-cache"})


def draw(template: str, **values: Any) -> str:
    """A page, or a piece of one."""
    return _templates.get_template(template).render(**values)


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
