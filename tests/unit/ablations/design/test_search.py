"""Tuning: what may be searched, within which bounds, judged by what."""

from collections import Counter
from typing import Any

import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.design import num_trials, planned_trials
from ablations.design.search import RANK, grid_size, searches, tuning_metric
from ablations.errors import InvalidStudy, NotSupported
from ablations.identity import canonical
from ablations.manifest import Manifest, Metric, Setting
from ablations.plan.plan import make_plan
from ablations.study.parsing import parse_study
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
        ({"repeats": 2}, "tuning.repeats"),  # three seeds
        ({"confirm": 2}, "tuning.confirm"),  # a study with factors
        ({"sampler": "grid", "space": {"lr": {"low": 0.1, "high": 1}}}, "tuning.space.lr"),
        ({"sampler": "grid", "space": {"lr": [0.1, 1.0]}, "candidates": 3}, "tuning.candidates"),
        (
            {"sampler": "grid", "space": {"lr": [0.1]}, "candidates": 1, "start": [{"lr": 0.1}]},
            "tuning.start",
        ),
        ({"sampler": "cmaes", "space": {"lr": {"low": 0.1, "high": 1}}}, "tuning.space"),
        (
            {"sampler": "cmaes", "space": {"lr": {"low": 0.1, "high": 1}, "optimizer": ["adam", "sgd"]}},
            "tuning.space.optimizer",
        ),
    ],
)
def test_refused_by_path(changes: dict[str, Any], path: str) -> None:
    assert path in refused(**changes)


@pytest.mark.parametrize(
    "changes",
    [{"scheduler": "asha"}],
)
def test_not_built_yet(changes: dict[str, Any]) -> None:
    with pytest.raises(NotSupported) as error:
        design_of(SMALL, tuning={**TUNING, **changes})
    assert error.value.problems[0].path == f"tuning.{next(iter(changes))}"


def test_a_grid_has_as_many_candidates_as_points() -> None:
    tuning = {"sampler": "grid", "space": {"lr": [0.1, 0.01, 0.001], "optimizer": ["adam", "sgd"]}}
    study = design_of(SMALL, tuning=tuning).study
    assert study.tuning is not None and study.tuning.candidates == 6
    assert parse_study(study.to_json()) == study
    assert "candidates" not in study.to_json()["tuning"]  # type: ignore[operator, index]


def test_other_samplers_need_to_be_told_how_many() -> None:
    with pytest.raises(InvalidStudy) as error:
        study_of(SMALL, tuning={"space": {"lr": [0.1]}})
    assert [problem.path for problem in error.value.problems] == ["tuning.candidates"]


def test_the_metric_is_declared_or_reads_validation_data() -> None:
    assert tuning_metric(study_of(SMALL, tuning=TUNING), MLP) == ("val_accuracy", "maximize")
    named = study_of(SMALL, tuning={**TUNING, "metric": {"name": "train_loss"}})
    assert tuning_metric(named, MLP) == ("train_loss", "minimize")


def test_a_trainable_without_validation_needs_the_metric_named() -> None:
    from ablations.plan.compile import compile_design

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


PLAIN: dict[str, Any] = {"factors": {}, "baseline": {}, "seeds": 3}


def test_more_than_the_best_candidate_is_measured_as_arms_of_one_search() -> None:
    design = design_of(SMALL, **PLAIN, tuning={**TUNING, "confirm": 3})
    assert [arm.levels for arm in design.arms] == [{RANK: rank} for rank in (1, 2, 3)]
    assert len({canonical(dict(arm.settings)) for arm in design.arms}) == 1
    assert design.study.tuning is not None
    assert [len(arms) for arms in searches(design.arms, design.study.tuning).values()] == [3]
    trials = planned_trials(design)
    assert len(trials) == num_trials(design) == 4 + 3 * 3
    assert {trial.arm.id for trial in trials if trial.phase == "tuning"} == {design.arms[0].id}
    assert (
        make_plan(study_of(SMALL, **PLAIN, tuning={**TUNING, "confirm": 3}), MLP).to_json()[
            "num_tuning_trials"
        ]
        == 4
    )


def test_the_best_candidate_can_be_judged_against_the_next() -> None:
    changes = {**PLAIN, "baseline": {RANK: 1}, "tuning": {**TUNING, "confirm": 2}}
    (contrast,) = compile_contrasts(design_of(SMALL, **changes)).contrasts
    assert [(row.of, row.against) for row in contrast.rows] == [(2, 1)]


@pytest.mark.parametrize(
    "confirm, changes",
    [(5, {}), (2, {"design": "listed", "arms": [{"depth": 1}]}), (2, {"factors": {"depth": [1, 2]}})],
)
def test_as_many_are_confirmed_as_there_are_and_only_without_factors(
    confirm: int, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidStudy) as error:
        design_of(SMALL, **{**PLAIN, **changes}, tuning={**TUNING, "confirm": confirm})
    assert "tuning.confirm" in {problem.path for problem in error.value.problems}


def test_arms_that_share_a_search_are_those_with_the_same_levels() -> None:
    def groups(per: list[str] | None) -> list[list[str]]:
        design = design_of(SMALL, tuning={**TUNING, "per": per})
        assert design.study.tuning is not None
        return [[arm.label for arm in arms] for arms in searches(design.arms, design.study.tuning).values()]

    alone = groups(None)
    assert all(len(arms) == 1 for arms in alone)
    (everyone,) = groups([])
    assert everyone == [label for (label,) in alone]
    by_depth = groups(["depth"])
    assert len(by_depth) > 1 and sorted(sum(by_depth, [])) == sorted(everyone)
    for arms in by_depth:
        assert len({label.split("depth=")[1].split()[0] for label in arms}) == 1


def test_several_searches_are_as_many_as_seeds() -> None:
    design = design_of(SMALL, tuning={**TUNING, "repeats": 3})
    trials = planned_trials(design)
    assert len(trials) == num_trials(design) == len(design.arms) * (3 * 4 + 3)
    assert Counter(t.repeat for t in trials) == dict.fromkeys(range(3), len(design.arms) * 5)
    plan = make_plan(study_of(SMALL, tuning={**TUNING, "repeats": 3}), MLP)
    assert not any("tuned once" in warning for warning in plan.warnings)
    assert not compile_contrasts(design).tuned_once
    with pytest.raises(InvalidStudy) as error:
        design_of(SMALL, tuning={**TUNING, "repeats": 2})
    assert error.value.problems[0].allowed == [1, 3]


def test_a_factor_stays_where_a_searched_setting_makes_it_apply() -> None:
    momentum: dict[str, Any] = {"factors": {"momentum": [0.5, 0.9]}, "baseline": {"momentum": 0.5}}
    searched = {"candidates": 4, "space": {"optimizer": ["adam", "sgd"]}}
    assert [arm.levels for arm in design_of(SMALL, **momentum, tuning=searched).arms] == [
        {"momentum": 0.5},
        {"momentum": 0.9},
    ]
    with pytest.raises(InvalidStudy):
        design_of(SMALL, **momentum, tuning={**searched, "space": {"optimizer": ["adam"]}})


def test_arms_that_differ_only_under_a_searched_setting_are_no_twins() -> None:
    bundles = {"inertia": {"high": {"momentum": 0.9}, "low": {"momentum": 0.5}}}
    changes: dict[str, Any] = {"factors": bundles, "baseline": {}}
    design = design_of(SMALL, **changes, tuning={"candidates": 4, "space": {"optimizer": ["adam", "sgd"]}})
    assert [design.resolve(arm, {"optimizer": "sgd"})["momentum"] for arm in design.arms] == [0.9, 0.5]
    assert not any("momentum" in design.resolve(arm, {"optimizer": "adam"}) for arm in design.arms)


def test_what_a_search_sets_excludes_no_arm_before_it_is_set() -> None:
    changes: dict[str, Any] = {"factors": {"scalars": ["none", "per_channel"]}, "fixed": {"width": 1}}
    changes["baseline"] = {}
    assert len(design_of(SMALL, **changes).arms) == 1
    searched = {"candidates": 2, "space": {"width": [8, 16]}}
    assert len(design_of(SMALL, **changes, tuning=searched).arms) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"factors": {"long": {"yes": {"epochs": 9}, "no": {"epochs": 8}}}, "baseline": {}},
        {"tuning": {"candidates": 2, "space": {"epochs": [8, 9]}}},
    ],
)
def test_a_reading_may_come_after_the_default_steps_where_something_else_sets_them(
    changes: dict[str, Any],
) -> None:
    design = design_of(SMALL, **changes, metric=..., metrics=[{"name": "val_accuracy", "at": [7]}])
    assert [reading.name for reading in design.readings] == ["val_accuracy/7"]
