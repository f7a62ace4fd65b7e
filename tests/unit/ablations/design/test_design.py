"""Designs: arms, settings, trials, and everything that is refused before there are any."""

import random
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest

from ablations.design.design import num_trials, planned_trials
from ablations.errors import (
    DuplicateArm,
    InvalidStudy,
    NotEstimable,
    NotSupported,
    TooFewSeeds,
    UnknownFactor,
)
from ablations.identity import canonical
from ablations.plan.compile import compile_design
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of, study_of

FACTORS = EXAMPLE["factors"]


def problems_of(data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    with pytest.raises(InvalidStudy) as error:
        design_of(data, **changes)
    return {problem.path: problem for problem in error.value.problems}


def test_settings_are_defaults_then_fixed_then_levels_without_what_does_not_apply() -> None:
    arms = {arm.label: arm for arm in design_of(EXAMPLE).arms}
    static = arms["scalars=none base=mish depth=25"].settings
    assert static["depth"] == 25 and static["base"] == "mish" and static["lr"] == 1e-3
    assert static["dropout"] == 0.0 and not {"alpha_init", "beta_init", "momentum"} & set(static)
    dynamic = arms["scalars=shared base=mish beta_init=0.5 depth=25"].settings
    assert dynamic["beta_init"] == 0.5 and dynamic["alpha_init"] == 1.0


def test_what_is_fixed_may_be_overridden_by_a_level() -> None:
    design = design_of(SMALL, fixed={"depth": 9, "scalars": "shared"})
    assert {arm.settings["depth"] for arm in design.arms} == {1, 5}


def test_a_setting_moved_into_a_factor_changes_no_settings() -> None:
    fixed = design_of(SMALL, fixed={"lr": 0.01})
    moved = design_of(SMALL, factors={**SMALL["factors"], "lr": [1e-2]})
    assert [canonical(dict(a.settings)) for a in fixed.arms] == [
        canonical(dict(a.settings)) for a in moved.arms
    ]


def test_how_a_number_is_written_changes_no_arm() -> None:
    as_ints, as_floats = (
        design_of(SMALL, factors={"scalars": ["shared"], "beta_init": levels}, baseline={})
        for levels in ([0, 1], [0.0, 1.0])
    )
    assert as_ints.arms == as_floats.arms


def test_no_order_of_keys_matters() -> None:
    shuffled = dict(EXAMPLE, factors=dict(reversed(FACTORS.items())))
    assert design_of(shuffled).arms == design_of(EXAMPLE).arms
    assert [f.name for f in design_of(shuffled).factors] == ["scalars", "base", "beta_init", "depth"]


def test_ids_are_the_same_in_every_process() -> None:
    code = (
        "from tests.unit.ablations.studies import EXAMPLE, design_of\n"
        "print(*[arm.id for arm in design_of(EXAMPLE).arms])"
    )
    here = [arm.id for arm in design_of(EXAMPLE).arms]
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert answer.stdout.split() == here


def test_without_factors_there_is_one_arm() -> None:
    design = design_of(SMALL, factors={}, baseline={}, seeds=1)
    (arm,) = design.arms
    assert arm.levels == {} and arm.label == "default" and len(planned_trials(design)) == 1


def test_conditions_reach_through_conditions() -> None:
    factors = {"optimizer": ["adam", "sgd"], "nesterov": [False, True], "momentum": [0.5, 0.9]}
    design = design_of(SMALL, factors=factors, baseline={})
    assert len(design.arms) == 1 + 4 and design.collapsed == 3
    assert [arm.levels for arm in design.arms][0] == {"optimizer": "adam"}


def test_a_bundle_applies_where_any_of_its_settings_does() -> None:
    factors = {
        "optimizer": ["adam", "sgd"],
        "scalars": ["none", "shared"],
        "init": {"low": {"momentum": 0.5, "beta_init": 0.0}, "high": {"momentum": 0.9, "beta_init": 0.5}},
    }
    arms = [arm.levels for arm in design_of(SMALL, factors=factors, baseline={}).arms]
    assert len(arms) == 1 + 3 * 2
    assert {"optimizer": "adam", "scalars": "none"} in arms


def test_what_the_trainable_cannot_run_is_excluded_with_its_reason() -> None:
    design = design_of(SMALL, factors={"scalars": ["none", "per_channel"], "width": [1, 8]}, seeds=2)
    (excluded,) = design.excluded
    assert excluded.levels == {"scalars": "per_channel", "width": 1}
    assert excluded.reason == "mlp: no channels to scale"


def test_a_rule_may_ask_for_equality() -> None:
    design = design_of(EXAMPLE, exclude=[{"base": {"eq": "relu"}, "depth": {"eq": 25}}])
    assert len(design.excluded) == 5
    assert {(row.levels["base"], row.levels["depth"]) for row in design.excluded} == {("relu", 25)}


def test_trials_go_one_seed_of_every_arm_first() -> None:
    design = design_of(SMALL)
    trials = planned_trials(design)
    assert len(trials) == num_trials(design) == 4 * 3
    assert [trial.seed for trial in trials] == [0] * 4 + [1] * 4 + [2] * 4
    assert {trial.phase for trial in trials} == {"measuring"}
    assert trials[0].candidate is None and trials[0].repeat is None
    assert design.arm(trials[5].arm.id) is trials[5].arm
    with pytest.raises(KeyError):
        design.arm("nowhere")


def test_tuning_comes_first_with_the_same_budget_for_every_arm() -> None:
    tuning = {"candidates": 5, "seeds": 2, "space": {"lr": {"low": 1e-4, "high": 0.1, "log": True}}}
    design = design_of(SMALL, tuning=tuning)
    trials = planned_trials(design)
    assert len(trials) == num_trials(design) == 4 * 5 * 2 + 4 * 3
    tuned = [trial for trial in trials if trial.phase == "tuning"]
    assert trials[: len(tuned)] == tuned
    assert {trial.seed for trial in tuned} == {1_000_000, 1_000_001}
    for arm in design.arms:
        keys = [(trial.candidate, trial.seed) for trial in tuned if trial.arm == arm]
        assert len(keys) == len(set(keys)) == 10


@pytest.mark.parametrize(
    "changes, path, kind",
    [
        ({"factors": {**FACTORS, "flavour": [1, 2]}}, "factors.flavour", UnknownFactor),
        ({"factors": {**FACTORS, "base": ["relu", "rulu"]}}, "factors.base.1", InvalidStudy),
        ({"fixed": {"dataset": "nothing"}}, "fixed.dataset", InvalidStudy),
        ({"fixed": {"flavour": 1}}, "fixed.flavour", UnknownFactor),
        ({"factors": {**FACTORS, "depth": [0, 10]}}, "factors.depth.0", InvalidStudy),
        ({"factors": {**FACTORS, "depth": [10, -1]}}, "factors.depth.1", InvalidStudy),
        ({"baseline": {"scalars": "per_channel"}, "analysis": {}}, "baseline.scalars", InvalidStudy),
        ({"baseline": {"width": 64}, "analysis": {}}, "baseline.width", UnknownFactor),
        (
            {"baseline": {"depth": 1}, "factors": {"depth": [1]}, "analysis": {}},
            "baseline.depth",
            NotEstimable,
        ),
        ({"seeds": [3]}, "seeds", TooFewSeeds),
        ({"exclude": [{"colour": 1}]}, "exclude.0.colour", UnknownFactor),
        ({"exclude": [{"depth": 2}]}, "exclude.0.depth", InvalidStudy),
        ({"exclude": [{"base": {"ge": 1}}]}, "exclude.0.base", InvalidStudy),
        ({"exclude": [{"depth": {"gt": 25}}]}, "exclude.0.depth", InvalidStudy),
        ({"require": [{"then": {"depth": 2}}]}, "require.0.then.depth", InvalidStudy),
        ({"exclude": [{"scalars": "none"}], "analysis": {}}, "baseline.scalars", NotEstimable),
        ({"exclude": [{"depth": {"ge": 1}}]}, "exclude", NotEstimable),
        ({"require": [{"then": {"depth": 5}}, {"then": {"depth": 1}}]}, "require", NotEstimable),
        ({"analysis": {"looks": [5, 5]}}, "analysis.looks", InvalidStudy),
        ({"analysis": {"margin": {"beauty": 0.1}}}, "analysis.margin.beauty", InvalidStudy),
        ({"analysis": {"spread": {"beauty": 0.1}}}, "analysis.spread.beauty", InvalidStudy),
        ({"design": "one_factor", "baseline": {}, "analysis": {}}, "baseline", InvalidStudy),
        (
            {"tuning": {"candidates": 2, "scheduler": "asha", "space": {"momentum": [0.5]}}},
            "tuning.scheduler",
            NotSupported,
        ),
    ],
)
def test_refused_by_path(changes: dict[str, Any], path: str, kind: type[InvalidStudy]) -> None:
    with pytest.raises(InvalidStudy) as error:
        design_of(EXAMPLE, **changes)
    assert path in [problem.path for problem in error.value.problems]
    assert type(error.value) is kind


def test_everything_wrong_is_told_at_once() -> None:
    found = problems_of(
        EXAMPLE,
        factors={**FACTORS, "depth": [0, 10], "flavour": [1]},
        fixed={"dataset": "nothing"},
        baseline={"scalars": "per_channel"},
        metrics=[{"name": "beauty"}],
    )
    assert {
        "factors.depth.0",
        "factors.flavour",
        "fixed.dataset",
        "baseline.scalars",
        "metrics.0.name",
    } <= set(found)
    assert found["factors.depth.0"].allowed == {"type": "integer", "low": 1, "high": 1000}


def test_a_huge_product_is_refused_without_building_it() -> None:
    factors = {name: list(range(1, 1001)) for name in ("width", "epochs", "batch_size", "depth")}
    found = problems_of(SMALL, factors=factors, baseline={})
    assert "1000000000000 combinations" in found["factors"].detail


def test_too_many_trials_are_refused() -> None:
    factors = {"width": list(range(1, 201)), "depth": list(range(1, 201))}
    assert "seeds" in problems_of(SMALL, factors=factors, baseline={}, seeds=10_000)


def test_two_arms_that_are_the_same_training_are_refused() -> None:
    factors = {
        "scalars": ["none", "shared"],
        "init": {"a": {"beta_init": 0.0, "width": 8}, "b": {"beta_init": 0.5, "width": 8}},
    }
    with pytest.raises(DuplicateArm, match="same training"):
        design_of(SMALL, factors=factors)


def test_time_is_measured_alone() -> None:
    found = problems_of(SMALL, metric="seconds", resources={"pack": 8})
    assert "seconds" in found["resources.pack"].detail and found["resources.pack"].allowed == ["auto", 1]
    for pack in ("auto", 1):
        assert design_of(SMALL, metric="seconds", resources={"pack": pack}).pack == 1


def test_a_search_for_speed_is_measured_alone() -> None:
    tuning = {"candidates": 4, "space": {"lr": [0.1, 0.2]}, "metric": {"name": "seconds"}}
    assert "resources.pack" in problems_of(SMALL, tuning=tuning, resources={"pack": 2})
    assert design_of(SMALL, tuning=tuning).pack == 1


def test_a_size_is_taken_where_the_trainable_packs() -> None:
    study = study_of(SMALL, resources={"pack": 8})
    assert compile_design(study, MLP).pack == 8
    with pytest.raises(InvalidStudy) as error:
        compile_design(study, replace(MLP, packs=False))
    (problem,) = error.value.problems
    assert problem.path == "resources.pack" and "one trial at a time" in problem.detail
    assert design_of(SMALL).pack == "auto" and design_of(SMALL, resources={"pack": 1}).pack == 1


def test_a_design_of_many_arms_is_the_same_from_shuffled_data() -> None:
    names = list(FACTORS)
    random.Random(3).shuffle(names)
    study = study_of(EXAMPLE, factors={name: FACTORS[name] for name in names})
    assert compile_design(study, MLP).arms == design_of(EXAMPLE).arms
