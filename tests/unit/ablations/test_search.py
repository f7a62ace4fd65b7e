"""Tuning: what may be searched, within which bounds, judged by what."""

from typing import Any

import pytest

from ablations.errors import InvalidStudy, NotSupported
from ablations.manifest import Manifest, Metric, Setting
from ablations.plan import make_plan
from ablations.search import grid_size, tuning_metric
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL, design_of, study_of

SPACE = {"lr": {"low": 1e-4, "high": 0.1, "log": True}}
TUNING: dict[str, Any] = {"candidates": 4, "space": SPACE}


def refused(**changes: Any) -> set[str]:
    with pytest.raises(InvalidStudy) as error:
        design_of(SMALL, tuning={**TUNING, **changes})
    return {problem.path for problem in error.value.problems}


@pytest.mark.parametrize(
    "changes, path",
    [
        ({"space": {"colour": [1]}}, "tuning.space.colour"),
        ({"space": {"depth": [1]}}, "tuning.space.depth"),
        ({"space": {"optimizer": {"low": 0, "high": 1}}}, "tuning.space.optimizer"),
        ({"space": {"optimizer": ["adam", "magic"]}}, "tuning.space.optimizer.1"),
        ({"space": {"lr": {"low": -1, "high": 1}}}, "tuning.space.lr.low"),
        ({"space": {"dropout": {"low": 0, "high": 2}}}, "tuning.space.dropout.high"),
        ({"space": {"width": {"low": 1.5, "high": 3}}}, "tuning.space.width.low"),
        ({"fixed": {"lr": 0.1}}, "tuning.fixed.lr"),
        ({"fixed": {"depth": 1}}, "tuning.fixed.depth"),
        ({"fixed": {"epochs": 0}}, "tuning.fixed.epochs"),
        ({"fixed": {"colour": 0}}, "tuning.fixed.colour"),
        ({"start": [{"lr": 1}]}, "tuning.start.0.lr"),
        ({"start": [{"width": 8}]}, "tuning.start.0.width"),
        ({"start": [{"optimizer": "sgd"}], "space": {"optimizer": ["adam"]}}, "tuning.start.0.optimizer"),
        ({"start": [{"lr": 0.01}] * 5}, "tuning.start"),
        ({"metric": {"name": "beauty"}}, "tuning.metric.name"),
        ({"metric": {"name": "test_accuracy"}}, "tuning.metric.name"),
        ({"per": ["colour"]}, "tuning.per.0"),
    ],
)
def test_refused_by_path(changes: dict[str, Any], path: str) -> None:
    assert path in refused(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"per": ["depth"]}, {"repeats": 2}, {"confirm": 2}, {"scheduler": "asha"}, {"sampler": "grid"}],
)
def test_not_built_yet(changes: dict[str, Any]) -> None:
    with pytest.raises(NotSupported) as error:
        design_of(SMALL, tuning={**TUNING, **changes})
    assert error.value.problems[0].path == f"tuning.{next(iter(changes))}"


def test_the_metric_is_declared_or_reads_validation_data() -> None:
    assert tuning_metric(study_of(SMALL, tuning=TUNING), MLP) == ("val_accuracy", "maximize")
    named = study_of(SMALL, tuning={**TUNING, "metric": {"name": "train_loss"}})
    assert tuning_metric(named, MLP) == ("train_loss", "minimize")


def test_a_trainable_without_validation_needs_the_metric_named() -> None:
    from ablations.design import compile_design

    blind = Manifest(
        name="blind",
        settings=(Setting(name="lr", kind="float", default=0.1),),
        metrics=(Metric(name="test_loss", goal="minimize", worst=9.0),),
    )
    study = study_of(SMALL, factors={}, baseline={}, metric=..., tuning=TUNING)
    with pytest.raises(InvalidStudy) as error:
        compile_design(study, blind)
    assert [problem.path for problem in error.value.problems] == ["tuning.metric"]


def test_a_study_without_factors_is_a_plain_search() -> None:
    plan = make_plan(
        study_of(SMALL, factors={}, baseline={}, tuning={**TUNING, "start": [{"lr": 0.01}]}), MLP
    )
    shown = plan.to_json()
    assert shown["num_arms"] == 1 and shown["num_tuning_trials"] == 4 and shown["num_trials"] == 4 + 3
    assert shown["contrasts"] == [] and shown["power"]["detectable_effect"] is None


def test_the_size_of_a_space() -> None:
    assert grid_size(study_of(SMALL, tuning=TUNING).tuning) == float("inf")
    listed = {**TUNING, "space": {"optimizer": ["adam", "sgd"], "width": [8, 16, 32]}}
    assert grid_size(study_of(SMALL, tuning=listed).tuning) == 6
