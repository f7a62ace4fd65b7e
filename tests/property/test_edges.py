"""Valid studies whose values lie at the edges: each is planned or submitted within seconds, or refused."""

import copy
import faulthandler
import json
import random
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.ledger import migrate
from service.settings import Settings
from tests.property.test_requests import WHOLE
from tests.unit.service.api.conftest import SMALL, fake_logs

NUM_CASES = 260
WITHIN_S, A_TRIAL_S = 5.0, 1e-4
"""Of the processor's time, so that a busy machine is no fault; storing trials takes what it takes."""
STUCK_S = 240.0
ONES = [1.0, 1 - 2**-53, 1 + 2**-52]
SMALL_FLOATS = [5e-324, 2.2250738585072014e-308, 1e-300, 1e-12, 1e-6]
FLOATS = [*SMALL_FLOATS, *ONES, 0.0, -0.0, 0.5, 1e12, 1e300, 1.7976931348623157e308, -1e308, 10**30, 0, 1, 2]
INTS = [0, 1, 2, 3, 100, 10_000, 10_001, 2**31, 2**53 + 1, 2**63, 10**30, 10**400, -1, 1.0]
TEXTS = ["", "x", "x" * 200, "x" * 201, "\u202e", "\x9b", "owner@x", "x[1]", "é", "\U0001f600", "=1+1", ".."]
SEEDS = [*INTS, [], [0], [0, 1], [999_999, 0], [1_000_000, 1], list(range(10_000)), list(range(10_001))]
EDGES: dict[tuple[Any, ...], list[Any]] = {
    ("name",): TEXTS,
    ("seeds",): SEEDS,
    ("factors",): [{}, {"base": ["relu"]}, {"depth": [1, 75]}, {"lr": [*SMALL_FLOATS, 1e308]}],
    ("factors", "depth"): [[1], [75], [1, 75], [0], list(range(1, 76)), [1, 1], []],
    ("factors", "epochs"): [[1, 10_000], list(range(1, 10_001)), [10**30]],
    ("fixed",): [{}, {"lr": 5e-324}, {"lr": 1.7976931348623157e308}, {"epochs": 10_000}, {"lr": 10**400}],
    ("baseline",): [{}, {"depth": 1}, {"base": "relu", "depth": 1}],
    ("exclude",): [
        [],
        [{"depth": {"ge": -1e308}}],
        [{"depth": {"le": 5e-324}}],
        [{"depth": {"ge": 10**400}}],
    ],
    ("metrics",): [
        [],
        [{"name": "test_accuracy"}],
        *([{"name": "rare", "of": "test_accuracy", "below": edge}] for edge in FLOATS),
        *([{"name": "test_accuracy", "at": [step]}] for step in INTS),
    ],
    ("analysis", "alpha"): [*FLOATS, *SMALL_FLOATS, 0.5, 1e-6],
    ("analysis", "test"): ["paired_t", "sign_flip", "wilcoxon"],
    ("analysis", "correction"): ["holm", "bh", "none"],
    ("analysis", "margin"): [{"test_accuracy": edge} for edge in FLOATS],
    ("analysis", "spread"): [{"test_accuracy": edge} for edge in FLOATS],
    ("analysis", "looks"): [[], [2], [2, 3], [2, 10_000], [10**30], [2, 3, 4]],
    ("tuning",): [None],
    ("tuning", "candidates"): INTS,
    ("tuning", "repeats"): INTS,
    ("tuning", "seeds"): INTS,
    ("tuning", "confirm"): INTS,
    ("tuning", "sampler"): ["tpe", "random", "grid", "gp", "cmaes", "qmc"],
    ("tuning", "space", "lr"): [
        {"low": 5e-324, "high": 1.7976931348623157e308, "log": True},
        {"low": 1e-300, "high": 1e300},
        {"low": 0.1, "high": 0.1 + 2**-56},
        [5e-324],
        [1e-3, 1e-2],
    ],
    ("resources", "cpus"): INTS,
    ("resources", "gpus"): FLOATS,
    ("resources", "pack"): ["auto", *INTS],
    ("tags",): [{}, *({text: text} for text in TEXTS), {"t": "x" * 1000}],
}


def cases(seed: int, num: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every edge alone, then combinations of two to four drawn with this seed; to be planned or submitted."""
    rng = random.Random(seed)
    base = {key: value for key, value in WHOLE.items() if key != "tuning"}
    alone = [{place: edge} for place, edges in EDGES.items() for edge in edges]
    for number in range(num):
        changes = (
            alone[number]
            if number < len(alone)
            else {place: rng.choice(EDGES[place]) for place in rng.sample(list(EDGES), rng.randint(2, 4))}
        )
        needs_search = any(place[0] == "tuning" for place in changes)
        study = copy.deepcopy(WHOLE if needs_search else base)
        study["analysis"] |= {"margin": {"test_accuracy": 0.01}, "spread": {"test_accuracy": 0.02}}
        for place, edge in sorted(changes.items(), key=lambda change: len(change[0])):
            inner: Any = study
            for step in place[:-1]:
                inner = inner.get(step) or {} if isinstance(inner, dict) else {}
            inner[place[-1]] = copy.deepcopy(edge)
        for route in ("/plan", ""):
            yield route, study


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    folder: Path = tmp_path_factory.mktemp("edges")
    url = f"sqlite:///{folder / 'ledger.db'}"
    migrate(url)
    own = Settings(data_dir=folder, database_url=url, internal_url="http://testserver", secret="s")
    made = create_app(own, catalogue=SMALL, read_job_logs=fake_logs)
    yield TestClient(made, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
    made.state.context.ledger.close()
    shutil.rmtree(folder, ignore_errors=True)


def test_no_edge_stops_or_breaks_the_service(client: TestClient) -> None:
    slow, broken, answered = list[str](), list[str](), dict[int, int]()
    client.post("/v1/studies/plan", json=WHOLE)  # Loads scipy, once in the life of a server.
    for route, study in cases(17, NUM_CASES):
        body = json.dumps(study, ensure_ascii=False).encode("utf-8", "surrogatepass")
        faulthandler.dump_traceback_later(STUCK_S, exit=True)
        began = time.process_time()
        answer = client.post(
            f"/v1/studies{route}", content=body, headers={"Content-Type": "application/json"}
        )
        took = time.process_time() - began
        faulthandler.cancel_dump_traceback_later()
        size = answer.json()["progress"]["total"] if answer.status_code == 202 else 0
        answered[answer.status_code] = answered.get(answer.status_code, 0) + 1
        said = f"{route} {took:.1f} s {answer.status_code} {body[:1500]!r} {answer.text[:300]}"
        if took > WITHIN_S + A_TRIAL_S * size:
            slow.append(said)
        if answer.status_code not in (200, 202, 400, 422):
            broken.append(said)
    assert not broken and not slow, "\n".join([f"{answered}", *broken[:8], *slow[:8]])
    assert answered[200] > NUM_CASES / 10 and answered[202] > NUM_CASES / 10, answered
