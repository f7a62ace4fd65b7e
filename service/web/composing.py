"""The page on which a study is written, with its plan beside it."""

import json
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from ablations.errors import AblationError, InvalidStudy, Problem
from ablations.paper import presets
from ablations.study.documents import dumps_yaml, loads_json, loads_yaml, place_of, places
from service.api.body import StudyBody
from service.api.context import InContext, InProject
from service.connection import one_problem
from service.errors import InvalidRequest, ServiceError
from service.ledger import studies
from service.plan_words import facts, levels_text, sizes
from service.web.pages import draw, page

router = APIRouter(include_in_schema=False)
WIDTH = 80
STARTER = """\
name: my-first-study
trainable: mlp-classifier
factors:
  scalars: [none, per_layer]
  depth: [2, 8]
baseline: {scalars: none}
fixed: {dataset: digits-5k, width: 64, epochs: 10}
seeds: 5
metric: test_accuracy
"""


@router.get("/new", response_class=HTMLResponse)
def compose(
    context: InContext,
    project: InProject,
    preset: Annotated[str | None, Query(max_length=100)] = None,
    scale: Annotated[str, Query(max_length=20)] = "smoke",
    study: Annotated[str | None, Query(max_length=200)] = None,
) -> HTMLResponse:
    """An empty study, a preset's, or that of another study, to be changed and submitted."""
    text = STARTER
    if study is not None:
        with context.ledger.read() as tx:
            text = dumps_yaml(dict(studies.find(tx, study, project).spec), WIDTH)
    elif preset is not None:
        if preset not in presets.names() or scale not in presets.scales(preset):
            raise InvalidRequest(f"there is no preset {preset!r} at scale {scale!r}")
        text = presets.preset(preset, scale).yaml
    offered = [(name, presets.scales(name)) for name in presets.names()]
    return page("new.html", context, text=text, presets=offered, preset=preset, scale=scale)


@router.post("/new/plan", response_class=HTMLResponse)
def plan_beside(context: InContext, project: InProject, body: StudyBody) -> HTMLResponse:
    """The plan of a study in YAML or JSON as a piece of the page, or what is wrong with it, line by line."""
    asked = loads_json(body)
    text = asked.get("text") if isinstance(asked, dict) else None
    if not isinstance(text, str):
        problem = Problem(path="text", detail="the study in YAML or JSON, as text")
        raise InvalidRequest("text: the study in YAML or JSON, as text", [problem])
    try:
        study = loads_yaml(text)
        plan = json.loads(context.planner.plan(study, project))
    except InvalidStudy as error:
        return HTMLResponse(draw("refused.html", problems=_placed(error.problems, text)))
    except (AblationError, ServiceError) as error:
        return HTMLResponse(draw("refused.html", problems=[(None, str(error))]))
    counted, total = sizes(plan)
    return HTMLResponse(
        draw(
            "plan.html",
            plan=plan,
            counted=counted,
            total=total,
            facts=list(facts(plan)),
            levels_text=levels_text,
            study=json.dumps(study),
        )
    )


def _placed(problems: Sequence[Problem], text: str) -> list[tuple[int | None, str]]:
    """Each problem with the line that it is about, where one can be told."""
    found = places(text)
    told = []
    for problem in problems:
        place = place_of(problem.path, found)
        told.append((None if place is None else place[0], one_problem(problem.to_json())))
    return told
