"""No study gets a 500, whatever odd value stands anywhere in it."""

import copy
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from service.app import create_app
from service.ledger import migrate
from service.settings import Settings
from tests.unit.service.api.conftest import SMALL, STUDY, fake_logs

BOUNDED = settings(
    max_examples=12,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate],
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """An application over an empty ledger."""
    folder: Path = tmp_path_factory.mktemp("requests")
    url = f"sqlite:///{folder / 'ledger.db'}"
    migrate(url)
    own = Settings(data_dir=folder, database_url=url, internal_url="http://testserver", secret="s")
    made = create_app(own, catalogue=SMALL, read_job_logs=fake_logs)
    yield made
    made.state.context.ledger.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> TestClient:
    return TestClient(app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)


def places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in nested data."""
    yield path
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, value in items:
        yield from places(value, (*path, step))


WHOLE: dict[str, Any] = {
    **STUDY,
    "design": "factorial",
    "exclude": [],
    "analysis": {
        "contrasts": {
            "deep": {"vary": "base", "where": {"depth": {"ge": 1}}, "within": [], "over": ["depth"]}
        },
        "primary": "deep",
        "alpha": 0.05,
        "test": "paired_t",
        "correction": "holm",
    },
    "tuning": {
        "candidates": 2,
        "sampler": "random",
        "space": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}},
        "metric": {"name": "val_loss", "goal": "minimize"},
    },
    "resources": {"cpus": 1, "gpus": 0, "pack": "auto"},
}
del WHOLE["fixed"]
ODD = st.one_of(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=8,
    ),
    st.sampled_from(
        [10**30, -1, 2**63, 1e308, 5e-324, "", "\u202e", "../../etc/passwd", "os:system", "'; --"]
    ),
    st.sampled_from([[], {}, [[]], {"": {}}, ["relu"] * 600, list(range(5000)), "x" * 70_000]),
)


@settings(BOUNDED, max_examples=100)
@given(place=st.sampled_from(sorted(places(WHOLE), key=repr)), odd=ODD, route=st.sampled_from(["", "/plan"]))
def test_a_study_with_one_odd_value(client: TestClient, place: tuple[Any, ...], odd: Any, route: str) -> None:
    study: Any = {"": copy.deepcopy(WHOLE)}
    *before, last = ("", *place)
    inner = study
    for step in before:
        inner = inner[step]
    inner[last] = odd
    body = json.dumps(study[""], ensure_ascii=False).encode("utf-8", "surrogatepass")
    answer = client.post(f"/v1/studies{route}", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 202, 400, 422), answer.text[:500]
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    if answer.status_code == 422:
        assert answer.json()["errors"], answer.text
    if answer.status_code == 202:
        assert client.get(answer.headers["location"]).status_code == 200


def test_the_whole_study_is_accepted(client: TestClient) -> None:
    """Without this, the test above could refuse everything for one reason."""
    answer = client.post("/v1/studies/plan", json=WHOLE)
    assert answer.status_code == 200, answer.text
