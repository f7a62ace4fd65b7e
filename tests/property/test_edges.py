"""Valid studies whose values lie at the edges: each is planned or submitted within seconds, or refused."""

import copy
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from ablations.design.layout import MAX_COMBINATIONS
from service.api.planning import Planner
from service.app import create_app
from service.ledger import migrate
from service.settings import Settings
from service.workshop import Workshop
from tests.property.designs import any_study
from tests.property.test_requests import BOUNDED, WHOLE
from tests.thorough import tries
from tests.unit.ablations.manifests import MLP
from tests.unit.service.api.conftest import SMALL, TOY, fake_logs

WITHIN_S, A_TRIAL_S = 5.0, 1e-4
"""Of the processor's time, so that a busy machine is no fault; storing trials takes what it takes."""
STUCK_S = 120.0
EVERY, NUM_VALID = tries(5, 1), tries(30, 120)
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
    ("analysis", "resize"): [{"pilot": 3, "max": most, "margin": 0.01} for most in INTS],
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

ALONE = [{place: edge} for place, edges in EDGES.items() for edge in edges]
TINY, LEAST, MOST = 5e-324, sys.float_info.min, sys.float_info.max
SOME_FLOATS = [TINY, LEAST, 1e-300, 1e-12, 0.01, 1.0, 1e12, 1e300, MOST]
TESTS, CORRECTIONS = ["paired_t", "sign_flip", "wilcoxon"], ["holm", "bh", "none"]
SAMPLERS = ["tpe", "random", "grid", "gp", "cmaes", "qmc"]


def changed(changes: dict[tuple[Any, ...], Any]) -> dict[str, Any]:
    """A small study with these values at these places."""
    base = {key: value for key, value in WHOLE.items() if key != "tuning"}
    study = copy.deepcopy(WHOLE if any(place[0] == "tuning" for place in changes) else base)
    study["analysis"] |= {"margin": {"test_accuracy": 0.01}, "spread": {"test_accuracy": 0.02}}
    for place, edge in sorted(changes.items(), key=lambda change: len(change[0])):
        inner: Any = study
        for step in place[:-1]:
            inner = inner.get(step) or {} if isinstance(inner, dict) else {}
        inner[place[-1]] = copy.deepcopy(edge)
    return study


@st.composite
def several_edges(draw: st.DrawFn) -> dict[str, Any]:
    """Two to four values that may or may not be allowed."""
    taken = draw(st.lists(st.sampled_from(list(EDGES)), min_size=2, max_size=4, unique=True))
    return changed({place: draw(st.sampled_from(EDGES[place])) for place in taken})


def edge(*values: Any) -> st.SearchStrategy[Any]:
    """One of these, as it is."""
    return st.sampled_from(values).map(copy.deepcopy)


@st.composite
def metrics(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One to three readings of every kind."""
    found = [
        draw(
            edge(
                {"name": "test_accuracy"},
                {"name": "test_accuracy", "goal": "minimize"},
                {"name": "val_accuracy", "at": "best_validation"},
                {"name": "val_accuracy", "at": [1, "end"]},
                {"name": "train_loss", "scale": "log"},
                {"name": "train_loss", "at": [1, 5]},
            )
        )
    ]
    if draw(st.booleans()):
        side = draw(st.sampled_from(["below", "above"]))
        found.append({"name": "rare", "of": found[0]["name"], side: draw(edge(*SOME_FLOATS, 0.0, -MOST))})
    return found if draw(st.booleans()) else found[::-1]


@st.composite
def analyses(draw: st.DrawFn, study: dict[str, Any], read: str, num_seeds: int) -> dict[str, Any]:
    """What is asked, at its narrowest and its widest."""
    log = any(metric.get("scale") == "log" for metric in study["metrics"])
    margins = ["factor 1.0000000001", "factor 1e300"] if log else [*SOME_FLOATS, "1e-300 %", "100 %"]
    parts: dict[str, st.SearchStrategy[Any]] = {
        "alpha": edge(1e-6, 1e-6 + 1e-20, 0.05, 0.5 - 1e-12, 0.5),
        "test": edge(*TESTS),
        "correction": edge(*CORRECTIONS),
        "missing": edge("related", "unrelated"),
        "margin": edge(*margins).map(lambda margin: {read: margin}),
        "spread": edge(*SOME_FLOATS).map(lambda spread: {read: spread}),
        "looks": edge([num_seeds], [2, num_seeds], [2, 3, num_seeds]),
        "contrasts": st.sampled_from(list(study.get("baseline") or study["factors"])).flatmap(
            lambda name: edge({"one": {"vary": name}}, {f"q{n}": {"vary": name} for n in range(40)})
        ),
    }
    taken = draw(st.lists(st.sampled_from(sorted(parts)), max_size=4, unique=True))
    return {name: draw(parts[name]) for name in taken}


@st.composite
def searches(draw: st.DrawFn) -> dict[str, Any]:
    """A search of one to three settings, over spaces that are narrow, wide or a list."""
    spaces = {
        "lr": edge(
            {"low": TINY, "high": MOST, "log": True},
            {"low": LEAST, "high": 1e300},
            {"low": 0.1, "high": 0.1 + 2**-56},
            [TINY, MOST],
            [1e-3],
        ),
        "batch_size": edge({"low": 1, "high": 2}, {"low": 1, "high": 2**53}, [1, 2**62]),
        "dropout": edge({"low": 0.0, "high": 1.0}, [0.0, 1.0]),
    }
    taken = draw(st.lists(st.sampled_from(sorted(spaces)), min_size=1, max_size=3, unique=True))
    found = {
        "sampler": draw(edge(*SAMPLERS)),
        "space": {name: draw(spaces[name]) for name in taken},
        "candidates": draw(edge(1, 2, 200)),
        "seeds": draw(edge(1, 2, 50)),
        "scheduler": draw(edge("none", "asha")),
        "confirm": draw(edge(1, 1, 2)),
        "fixed": draw(edge({}, {"epochs": 1})),
    }
    grid = found["sampler"] == "grid"
    return {key: value for key, value in found.items() if not (grid and key == "candidates")}


@st.composite
def valid_edges(draw: st.DrawFn) -> dict[str, Any]:
    """A study of any design whose values are mostly the least or the largest that may be."""
    study = {key: value for key, value in draw(any_study()).items() if key != "metric"}
    seeds = draw(edge(2, 3, 30, 400, [0, 999_999], list(range(999_900, 1_000_000)), [*range(40, 0, -1)]))
    num_seeds = len(seeds) if isinstance(seeds, list) else seeds
    study |= {"seeds": seeds, "metrics": draw(metrics())}
    study["analysis"] = draw(analyses(study, study["metrics"][0]["name"], num_seeds))
    if draw(st.booleans()):
        free = {"lr": [TINY, 1.0, MOST], "batch_size": [1, 2**53], "epochs": [5, 10**9], "clip": [0.0, MOST]}
        name = draw(st.sampled_from(sorted(free)))
        if draw(st.booleans()):
            study["fixed"] = {name: draw(edge(*free[name]))}
        elif study.get("design") != "listed":
            study["factors"] = {**study["factors"], name: free[name]}
    if draw(st.integers(0, 3)) == 0:
        study["tuning"] = draw(searches())
    study["resources"] = draw(
        edge({}, {"cpus": 4096, "gpus": 1024, "pack": 1}, {"gpus": TINY, "pack": 2**62})
    )
    study["name"] = draw(edge("x", "\U0001f600" * 200, "=1+1", "é" * 200))
    study["tags"] = draw(edge({}, {"t": ""}, {f"t{n}": "x" * 1000 for n in range(200)}))
    return study


class Served:
    """A server in this process, and the processor time that it and the process that plans for it take."""

    def __init__(self, folder: Path) -> None:
        url = f"sqlite:///{folder / 'ledger.db'}"
        migrate(url)
        own = Settings(
            data_dir=folder,
            database_url=url,
            internal_url="http://testserver",
            secret="s",
            max_trials=10**9,
        )
        both = replace(SMALL, trainables={"toy": TOY, "mlp": MLP})
        self.app = create_app(own, catalogue=both, read_job_logs=fake_logs)
        self._workshop = Workshop(1)
        planner = Planner(lambda: both, url, self._workshop, by_s=(STUCK_S, STUCK_S))
        self.app.state.context = replace(self.app.state.context, planner=planner)
        self._client = TestClient(self.app, base_url="http://127.0.0.1:8000", raise_server_exceptions=False)
        self.answered: dict[tuple[str, int], int] = {}
        self.ask("/plan", WHOLE)  # Loads scipy, once in the life of a server.

    def ask(self, route: str, study: dict[str, Any]) -> str:
        """Plan or submit a study; what is wrong with the answer, if anything."""
        body = json.dumps(study, ensure_ascii=False).encode("utf-8", "surrogatepass")
        began = self._used_s()
        answer = self._client.post(
            f"/v1/studies{route}", content=body, headers={"Content-Type": "application/json"}
        )
        took, status = self._used_s() - began, answer.status_code
        self.answered[route, status] = self.answered.get((route, status), 0) + 1
        size = answer.json()["progress"]["total"] if status == 202 else 0
        late = took > WITHIN_S + A_TRIAL_S * size or "too-much-work" in answer.text[:200]
        if late or status not in (200, 202, 400, 422):
            return f"{route} {took:.1f} s {status} {body[:1500]!r} {answer.text[:300]}"
        return ""

    def _used_s(self) -> float:
        there = psutil.Process(self._workshop.do(STUCK_S, True, os.getpid)).cpu_times()
        return time.process_time() + there.user + there.system

    def close(self) -> None:
        """End the process."""
        self._workshop.close()
        self.app.state.context.ledger.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = tmp_path_factory.mktemp("edges")
    made = Served(folder)
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("route", ["/plan", ""])
def test_every_edge_alone(served: Served, route: str) -> None:
    wrong = [said for changes in ALONE[::EVERY] if (said := served.ask(route, changed(changes)))]
    assert not wrong, "\n".join(wrong[:8])


@settings(BOUNDED, max_examples=tries(15, 60))
@given(several_edges())
def test_several_edges_at_once(served: Served, study: dict[str, Any]) -> None:
    assert not [said for route in ("/plan", "") if (said := served.ask(route, study))]


def test_the_largest_plan_there_is(served: Served) -> None:
    study = {
        **{key: value for key, value in WHOLE.items() if key not in ("tuning", "analysis")},
        "trainable": "mlp",
        "metrics": [{"name": "test_accuracy"}],
        "factors": {
            "base": ["relu", "mish"],
            "depth": [*range(1, 51)],
            "width": [*range(1, MAX_COMBINATIONS // 100 + 1)],
        },
    }
    assert not served.ask("/plan", study)
    study["factors"]["width"].append(10_000)
    refusal = served.ask("/plan", study)
    assert not refusal and served.answered["/plan", 422], refusal


def test_valid_studies_at_the_edges(served: Served) -> None:
    served.answered.clear()

    @settings(BOUNDED, max_examples=NUM_VALID)
    @given(valid_edges())
    def ask(study: dict[str, Any]) -> None:
        assert not [said for route in ("/plan", "") if (said := served.ask(route, study))]

    ask()
    # Without this, all could be refused for one reason.
    assert min(served.answered["/plan", 200], served.answered["", 202]) >= NUM_VALID / 3, served.answered
