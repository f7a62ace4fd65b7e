"""The study format: what parses, what does not, and where the answer says so."""

import json
from typing import Any

import pytest

from ablations.errors import InvalidStudy
from ablations.study.documents import loads_yaml
from ablations.study.parsing import parse_study
from ablations.study.spec import StudySpec
from tests.unit.ablations.studies import EXAMPLE, SMALL

YAML_EXAMPLE = """
name: depth-collapse
trainable: mlp
design: factorial              # one_factor | leave_one_out | listed
factors:
  scalars: [none, shared, per_layer]
  base: [relu, mish]
  beta_init: [0.0, 0.5]
  depth: [1, 5, 10, 25]
baseline: {scalars: none}
exclude: []
fixed: {dataset: digits-5k, width: 64, epochs: 5, batch_size: 128, optimizer: adam, lr: 1e-3, alpha_init: 1.0}
seeds: 10
metrics:
  - {name: test_accuracy, goal: maximize, at: end}
  - {name: collapsed, of: test_accuracy, below: 0.80}
analysis:
  contrasts:
    deep: {vary: scalars, where: {depth: {ge: 10}}, within: [base], over: [depth, beta_init]}
  primary: deep
  alpha: 0.05
  test: paired_t
  correction: holm
tuning: null
resources: {cpus: 1, gpus: 0, pack: auto}
tags: {team: vision}
"""


def problems_of(data: Any) -> dict[str, Any]:
    with pytest.raises(InvalidStudy) as error:
        parse_study(data)
    return {problem.path: problem for problem in error.value.problems}


def test_the_example_means_the_same_in_yaml_and_json() -> None:
    assert parse_study(loads_yaml(YAML_EXAMPLE)) == parse_study(EXAMPLE)


@pytest.mark.parametrize(
    "data", [EXAMPLE, SMALL, {**SMALL, "tuning": {"candidates": 2, "space": {"lr": [1]}}}]
)
def test_a_study_survives_json(data: dict[str, Any]) -> None:
    study = parse_study(data)
    again = parse_study(json.loads(json.dumps(study.to_json())))
    assert again == study and again.to_json() == study.to_json()


def test_defaults() -> None:
    study = parse_study({"name": "n", "trainable": "mlp"})
    assert study.design == "factorial" and study.factors == {} and study.seed_list() == tuple(range(10))
    assert study.analysis.alpha == 0.05 and study.analysis.test == "paired_t"
    assert study.analysis.correction == "holm" and study.resources.pack == "auto" and study.tuning is None
    assert parse_study({"name": "n", "trainable": "t", "seeds": [7, 3]}).seed_list() == (7, 3)


def test_metric_is_short_for_a_list_of_one() -> None:
    short = parse_study({"name": "n", "trainable": "mlp", "metric": "loss"})
    assert short == parse_study({"name": "n", "trainable": "mlp", "metrics": [{"name": "loss"}]})
    assert "metric" not in short.to_json()
    assert "metric" in problems_of({**EXAMPLE, "metric": "loss"})


def test_several_problems_at_once() -> None:
    found = problems_of(
        {**EXAMPLE, "colour": 1, "seeds": 0, "factors": {"depth": []}, "resources": {"cpu": 2}}
    )
    assert {"colour", "seeds", "factors.depth", "resources.cpu"} <= set(found)
    assert "seeds" in found["colour"].allowed and found["resources.cpu"].allowed == ["cpus", "gpus", "pack"]


def test_a_broken_bound_or_choice_is_told() -> None:
    found = problems_of({**EXAMPLE, "seeds": -3, "design": "magic", "analysis": {"alpha": 2, "looks": [1]}})
    allowed = {path: problem.allowed for path, problem in found.items()}
    assert allowed["seeds"] == {"low": 1} and allowed["analysis.alpha"] == {"high": 0.5}
    assert allowed["design"] == ["factorial", "one_factor", "leave_one_out", "listed"]
    assert allowed["analysis.looks.0"] == {"low": 2}
    assert found["seeds"].detail == "must be greater than or equal to 1"


@pytest.mark.parametrize(
    "change, path",
    [
        ({"name": "n" * 300}, "name"),
        ({"name": ""}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": 3}, "name"),
        ({"design": "magic"}, "design"),
        ({"factors": {"depth": 3}}, "factors.depth"),
        ({"factors": {"depth": [[1]]}}, "factors.depth.0"),
        ({"factors": {"depth": [float("nan")]}}, "factors.depth.0"),
        ({"factors": {"model": {}}}, "factors.model"),
        ({"factors": {"model": {"a": 3}}}, "factors.model.a"),
        ({"factors": {"seed": [1, 2]}}, "factors.seed"),
        ({"fixed": {"arm": "x"}}, "fixed.arm"),
        ({"fixed": {"lr": float("inf")}}, "fixed.lr"),
        ({"seeds": True}, "seeds"),
        ({"seeds": 10**12}, "seeds"),
        ({"seeds": "10"}, "seeds"),
        ({"seeds": 1.5}, "seeds"),
        ({"seeds": []}, "seeds"),
        ({"seeds": [1, 1]}, "seeds"),
        ({"seeds": [-1]}, "seeds.0"),
        ({"seeds": [1_000_000]}, "seeds.0"),
        ({"metrics": [{"name": "a"}, {"name": "a"}]}, "metrics.1.name"),
        ({"metrics": [{"name": "a", "at": "start"}]}, "metrics.0.at"),
        ({"metrics": [{"name": "a", "at": [1, "x"]}]}, "metrics.0.at.1"),
        ({"metrics": [{"name": "a", "colour": 1}]}, "metrics.0.colour"),
        ({"metrics": [{"name": "c", "of": "a"}]}, "metrics.0"),
        ({"metrics": [{"name": "c", "of": "a", "below": 1, "above": 0}]}, "metrics.0"),
        ({"metrics": ["a"]}, "metrics.0"),
        ({"analysis": {"alpha": 5e-324}}, "analysis.alpha"),
        ({"analysis": {"alpha": 1}}, "analysis.alpha"),
        ({"tags": {"owner@x": "a"}}, "tags.owner@x"),
        ({"tags": {"x[1]": "a"}}, "tags.x[1]"),
        ({"tags": {"a/../b": "a"}}, "tags.a/../b"),
        ({"tags": {"owner": "\u202edlrow"}}, "tags.owner"),
        ({"name": "a\x9b2Jb"}, "name"),
        ({"fixed": {"dataset": "\u2066digits"}}, "fixed.dataset"),
        ({"analysis": {"test": "anova"}}, "analysis.test"),
        ({"analysis": {"primary": "nowhere"}}, "analysis.primary"),
        ({"analysis": {"margin": {"a": -1}}}, "analysis.margin.a"),
        ({"analysis": {"contrasts": {"c": {}}}}, "analysis.contrasts.c.vary"),
        ({"analysis": {"contrasts": {"c": {"vary": "a", "wher": {}}}}}, "analysis.contrasts.c.wher"),
        (
            {"analysis": {"contrasts": {"c": {"vary": "a", "where": {"b": {"gte": 1}}}}}},
            "analysis.contrasts.c.where.b.gte",
        ),
        (
            {"analysis": {"contrasts": {"c": {"vary": "a", "where": {"b": {}}}}}},
            "analysis.contrasts.c.where.b",
        ),
        ({"exclude": [{}]}, "exclude.0"),
        ({"require": [{"when": {"a": 1}}]}, "require.0.then"),
        ({"arms": [{"depth": 1}]}, "arms"),
        ({"design": "listed"}, "arms"),
        ({"leave_one_out": {"anchor": True}}, "leave_one_out"),
        ({"resources": {"pack": 0}}, "resources.pack"),
        ({"resources": {"pack": "big"}}, "resources.pack"),
        ({"resources": {"cpus": 0}}, "resources.cpus"),
        ({"resources": {"gpus": -1}}, "resources.gpus"),
        ({"tags": {"team": 3}}, "tags.team"),
        ({"tuning": {"candidates": 0, "space": {"lr": [1]}}}, "tuning.candidates"),
        ({"tuning": {"candidates": 1, "space": {}}}, "tuning.space"),
        ({"tuning": {"candidates": 1, "space": {"lr": {"low": 2, "high": 1}}}}, "tuning.space.lr"),
        (
            {"tuning": {"candidates": 1, "space": {"lr": {"low": 0, "high": 1, "log": True}}}},
            "tuning.space.lr",
        ),
        ({"tuning": {"candidates": 1, "space": {"lr": []}}}, "tuning.space.lr"),
        ({"tuning": {"candidates": 1, "space": {"lr": [1]}, "sampler": "magic"}}, "tuning.sampler"),
    ],
)
def test_refused_by_path(change: dict[str, Any], path: str) -> None:
    study = {key: value for key, value in SMALL.items() if key != "metric"}
    assert path in problems_of({**study, **change})


@pytest.mark.parametrize("data", [None, 3, "study", [], [SMALL]])
def test_what_is_no_object(data: Any) -> None:
    assert problems_of(data)[""].detail == "must be an object"


def test_the_schema_can_be_shown() -> None:
    schema = StudySpec.model_json_schema()
    assert "factors" in schema["properties"] and json.dumps(schema)


def test_a_list_that_is_too_short_says_how_long_it_must_be() -> None:
    data = {
        **EXAMPLE,
        "design": "leave_one_out",
        "leave_one_out": {"components": ["base"], "pairs": [["base"]]},
    }
    found = problems_of(data)
    assert "at least 2 items" in found["leave_one_out.pairs.0"].detail, found
