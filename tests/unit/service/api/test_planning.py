"""Studies are planned elsewhere: one that takes too much harms nobody but who asks for it."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from service.api.planning import Planner, shared_workshop
from service.ledger import Ledger
from service.ledger.tables import studies
from service.settings import Settings
from service.workshop import Workshop
from tests.unit.service.api.conftest import SMALL, STUDY

LARGE: dict[str, Any] = {
    **STUDY,
    "factors": {"base": ["relu", "mish", "gelu"], "depth": list(range(1, 76)), "epochs": list(range(1, 171))},
    "baseline": {"base": "relu"},
    "analysis": {"contrasts": {"all": {"vary": "base", "within": ["depth", "epochs"]}}},
}
"""Well formed, and nearly as large as a study may be: a second or two, many times the deadlines here."""


@pytest.fixture
def impatient(app: FastAPI, settings: Settings) -> Iterator[Workshop]:
    """Gives a large study 0.02 s, in a workshop of one place for large ones and one for small ones."""
    workshop = Workshop(2, spare=1, max_waiting=1)
    planner = Planner(lambda: SMALL, settings.database_url, workshop, by_s=(60.0, 0.02))
    app.state.context = replace(app.state.context, planner=planner)
    workshop.do(60, True, int)
    yield workshop
    workshop.close()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("route", ["/v1/studies", "/v1/studies/plan"])
def test_a_study_that_takes_too_long_is_refused_in_words(
    client: TestClient, ledger: Ledger, route: str
) -> None:
    answer = client.post(route, json=LARGE)
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    assert problem["type"] == "/problems/too-much-work" and "more than 0.02 s" in problem["detail"]
    told = {entry["path"]: entry["detail"] for entry in problem["errors"]}
    assert told["factors"] == f"3 with {3 * 75 * 170} combinations" and told["seeds"] == "2"
    with ledger.read() as tx:
        assert not tx.execute(studies.select()).all()
    assert client.post(route, json=STUDY).status_code in (200, 202)


def test_small_studies_do_not_wait_for_large_ones(
    app: FastAPI, client: TestClient, settings: Settings, impatient: Workshop
) -> None:
    planner = Planner(lambda: SMALL, settings.database_url, impatient, by_s=(60.0, 60.0))
    app.state.context = replace(app.state.context, planner=planner)
    answers: list[int] = []
    # Two processes that have loaded all they need.
    with ThreadPoolExecutor(2) as hands:
        list(hands.map(lambda _: client.post("/v1/studies/plan", json=STUDY), range(2)))

    def ask() -> None:
        answers.append(client.post("/v1/studies/plan", json=LARGE).status_code)

    others = [threading.Thread(target=ask) for _ in range(3)]
    for other in others:
        other.start()
    while not answers:  # of the third one, which may neither be worked on nor wait
        time.sleep(0.01)
    assert answers == [503]
    assert client.post("/v1/studies/plan", json=STUDY).status_code == 200
    assert answers == [503]
    for other in others:
        other.join()
    assert sorted(answers) == [200, 200, 503]


MANY_FACTORS = {"factors": {str(number): [1, 2] for number in range(9000)}}


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("data", [3, [], {}, {"factors": 3, "seeds": {}, "tuning": []}, MANY_FACTORS])
def test_whatever_is_sent_has_a_size(client: TestClient, data: Any) -> None:
    assert client.post("/v1/studies/plan", json=data).status_code == 422


def test_an_application_starts_no_process_of_its_own(app: FastAPI) -> None:
    assert app.state.context.planner._workshop is shared_workshop()


def test_a_study_that_its_pilot_has_resized_is_planned_again_for_mlflow_and_refused_of_a_user(
    app: FastAPI, client: TestClient
) -> None:
    found = {
        "seeds": 9,
        "spread": 0.01,
        "row": "mish",
        "pairs": 4,
        "missing": 0,
        "unknown": [],
        "enough": True,
    }
    pilot = {"pilot": 4, "max": 20, "margin": 0.01}
    study = {**{k: v for k, v in STUDY.items() if k != "seeds"}, "metrics": [{"name": "test_accuracy"}]}
    answer = client.post("/v1/studies", json={**study, "analysis": {"resize": pilot}})
    assert answer.status_code == 202, answer.text
    resized = {**study, "analysis": {"resize": {**pilot, "found": found}}}
    refused = client.post("/v1/studies/plan", json=resized)
    assert refused.json()["errors"][0]["path"] == "analysis.resize.found"
    again = app.state.context.planner.plan(resized, "default", before=answer.json()["id"])
    assert json.loads(again)["num_trials"] == 4 * 9
