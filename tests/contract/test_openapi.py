"""The OpenAPI document is as tight as the server, and the server answers as the document says."""

import json
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from pydantic import ValidationError
from schemathesis import GenerationMode

from ablations.study.spec import StudySpec
from service.api import openapi
from service.api.routes import studies
from tests.contract.openapi_cases import draw_cases, served
from tests.thorough import tries

NUM = tries(600, 20_000)
ACROSS = "low must be below high"
"""What no JSON Schema can say of the study's format itself."""
DRAWN = settings(
    max_examples=40,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


def test_requests_drawn_from_the_document_are_answered_as_it_says() -> None:
    with served() as (app, study_id):
        tally = draw_cases(app, study_id, NUM)
    assert not tally.faults, "\n\n".join(tally.faults)
    assert tally.num > NUM / 2 and len({status for _, _, status in tally.answers}) > 6, tally.answers


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_the_format_of_studies_is_told_whole(mode: GenerationMode) -> None:
    app = FastAPI()
    app.include_router(studies.router)
    openapi.install(app)
    schema = schemathesis.openapi.from_dict(json.loads(json.dumps(app.openapi())))
    kinds = []

    def read(case: schemathesis.Case) -> None:
        try:
            StudySpec.model_validate(case.body)
        except ValidationError as error:
            said = [found["msg"] for found in error.errors() if found["type"] != "default_factory_not_called"]
            kinds.append(all(ACROSS in message for message in said))
            assert kinds[-1] or mode is GenerationMode.NEGATIVE, (said, case.body)
        else:
            kinds.append(True)
            assert mode is GenerationMode.POSITIVE or _told_later(case.body), case.body

    strategy = schema["/v1/studies/plan"]["POST"].as_strategy(generation_mode=mode)
    DRAWN(given(case=strategy)(read))()
    assert len(kinds) >= 20


def _told_later(study: dict[str, Any]) -> bool:
    """Whether a setting has a value that none takes: that is told where settings are known."""
    tuning = study.get("tuning") or {}
    places = [study.get("fixed", {}), tuning.get("fixed", {}), *tuning.get("start", [])]
    values = [value for place in places for value in place.values()]
    return any(
        isinstance(value, dict)
        or (isinstance(value, list) and not all(isinstance(item, int | float) for item in value))
        for value in values
    )
