"""Plans: counts, cost with its basis, what can be shown, and what should be said beforehand."""

import json
from dataclasses import replace
from typing import Any

import pytest

from ablations.plan.experience import TimedTrial
from ablations.plan.plan import make_plan
from ablations.stats.power import detectable_effect, seeds_needed
from ablations.study.parsing import parse_study
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of, study_of

WIDE = {"scalars": ["none", "shared"], "base": ["relu", "mish"], "depth": [1, 2, 3, 4, 5]}


def plan_of(data: dict[str, Any], **changes: Any) -> dict[str, Any]:
    shown: dict[str, Any] = make_plan(study_of(data, **changes), MLP).to_json()
    return shown


def warned(data: dict[str, Any], word: str, **changes: Any) -> bool:
    return any(word in warning for warning in plan_of(data, **changes)["warnings"])


def test_a_plan_counts_what_will_be_done() -> None:
    plan = plan_of(EXAMPLE)
    assert (plan["num_arms"], plan["num_seeds"], plan["num_trials"]) == (40, 10, 400)
    assert len(plan["arms"]) == 40 and set(plan["arms"][0]) == {"id", "label", "levels"}
    assert plan["excluded"] == [] and plan["collapsed"] == 8
    assert plan["conditional"] == {"beta_init": "applies where scalars is shared or per_layer or per_channel"}
    deep = plan["contrasts"][0]
    assert (deep["name"], deep["family_size"], deep["smallest_p"]) == ("deep", 4, None)
    assert {row["matched_pairs"] for row in deep["rows"]} == {40}
    assert plan["num_exploratory_rows"] == 2 * 16
    assert json.loads(json.dumps(plan, allow_nan=False)) == plan


@pytest.mark.parametrize(
    "num_seeds, rows, enough", [(5, 1, False), (6, 1, True), (8, 10, False), (9, 10, True)]
)
def test_sign_flip_needs_six_seeds_for_one_row_and_nine_for_ten(
    num_seeds: int, rows: int, enough: bool
) -> None:
    contrast = {
        "vary": "scalars",
        "within": ["base", "depth"] if rows == 10 else [],
        "over": ["base", "depth"],
    }
    contrast["over"] = [name for name in contrast["over"] if name not in contrast["within"]]
    analysis = {"test": "sign_flip", "contrasts": {"it": contrast}}
    plan = plan_of(SMALL, factors=WIDE, seeds=num_seeds, analysis=analysis)
    (it,) = plan["contrasts"]
    assert it["family_size"] == rows
    assert it["smallest_p"] == pytest.approx(rows * 2 / 2**num_seeds)
    assert (it["smallest_p"] <= 0.05) == enough
    hopeless = [warning for warning in plan["warnings"] if "no effect could ever be significant" in warning]
    assert (hopeless == []) == enough
    assert (it["detectable_effect"] is None) != enough
    if not enough:
        assert f"{6 if rows == 1 else 9} seeds would do" in hopeless[0]


def test_without_correction_the_family_costs_nothing() -> None:
    analysis = {"test": "sign_flip", "correction": "none"}
    plan = plan_of(SMALL, factors={"scalars": ["none", "shared", "per_layer"]}, seeds=6, analysis=analysis)
    assert plan["contrasts"][0]["smallest_p"] == 2 / 2**6


def test_power_is_in_standard_deviations_until_a_spread_is_known() -> None:
    plan = plan_of(EXAMPLE)
    expected = detectable_effect(num_seeds=10, alpha=0.05 / 4)
    assert plan["power"]["detectable_effect"] == pytest.approx(expected)
    assert plan["power"]["alpha"] == 0.05 / 4 and "standard deviations" in plan["power"]["basis"]


def test_power_from_a_stated_spread() -> None:
    unit = detectable_effect(num_seeds=3, alpha=0.05)
    stated = study_of(SMALL, analysis={"spread": {"test_accuracy": 0.05}})
    power = make_plan(stated, MLP).power
    assert power.detectable_effect == pytest.approx(0.05 * unit) and "analysis.spread" in power.basis


def test_a_conditional_bundle_has_no_one_condition() -> None:
    init = {"low": {"momentum": 0.5, "beta_init": 0.0}, "high": {"momentum": 0.9, "beta_init": 0.5}}
    plan = plan_of(SMALL, factors={"scalars": ["none", "shared"], "init": init})
    assert plan["conditional"] == {"init": "applies where one of its settings does"}


def timed(seconds: float, study: str = "", gpu: bool = False, **settings: Any) -> TimedTrial:
    """A trial of an arm of SMALL, or of one with some of its settings replaced."""
    arm = design_of(SMALL).arms[0]
    return TimedTrial(settings={**arm.settings, **settings}, seconds=seconds, study=study, gpu=gpu)


UNKNOWN = (
    "unknown: no trial of mlp with the same data, model and sizes was timed here; a pilot of 3 seeds would"
    " tell how long one takes"
)


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "mnist", "depth": 1},
        {"width": 65},
        {"depth": 2},
        {"batch_size": 32},
        {"gpu": True},
    ],
)
def test_trials_that_are_not_comparable_tell_no_cost(other: dict[str, Any]) -> None:
    cost = make_plan(study_of(SMALL), MLP, rates=[timed(9.0, **other)]).to_json()["cost"]
    assert cost == {"cpu_hours": None, "gpu_hours": None, "basis": UNKNOWN}


def test_cost_is_unknown_until_trials_were_timed() -> None:
    assert make_plan(study_of(SMALL), MLP).cost.basis == UNKNOWN
    deep = [timed(9.0, depth=1), timed(9.0, gpu=True, depth=5)]
    cost = make_plan(study_of(SMALL), MLP, rates=deep).cost
    assert cost.cpu_hours is None and cost.basis.startswith("unknown for 2 of 4 arms: no trial of mlp")
    assert "the others take 0.015 CPU-hours; a pilot of 3 seeds" in cost.basis  # 2 arms, 3 seeds, 9 s


def test_cost_in_cores_and_devices() -> None:
    rates = [timed(60.0, gpu=True, depth=depth) for depth in (1, 5)]
    cost = make_plan(study_of(SMALL, resources={"cpus": 2, "gpus": 0.5}), MLP, rates=rates).cost
    assert cost.cpu_hours == pytest.approx(2 * 12 / 60) and cost.gpu_hours == pytest.approx(12 / 60 / 2)


def test_cost_from_the_same_settings_then_from_steps() -> None:
    same = [timed(seconds, "late (1)") for seconds in (10.0, 12.0, 99.0)]
    # Twice the epochs, another activation: 3 s an epoch.
    alike = [timed(30.0, "early (0)", epochs=10, base="gelu", depth=depth) for depth in (1, 5)]
    cost = make_plan(study_of(SMALL), MLP, rates=[*same, *alike]).cost
    # 3 seeds of one arm at their median; of its neighbour at the median of 2, 2.4, 3 and 19.8 s an epoch;
    # of the two deeper ones at 3 s.
    assert cost.cpu_hours == pytest.approx(3 * (12 + 5 * (2.4 + 3) / 2 + 2 * 15) / 3600)
    assert cost.basis == (
        "measured: 5 finished trials of mlp in 2 studies, the latest late (1); 1 of 4 arms were timed"
        " themselves, the others by the median of seconds over epochs on the same data with the same model"
        " and sizes"
    )


def test_the_basis_of_a_cost_names_its_study_and_no_other() -> None:
    design = design_of(SMALL)
    rates = [TimedTrial(settings=arm.settings, seconds=9.0, study="late (1)") for arm in design.arms]
    rates.append(timed(9.0, "other (2)", dataset="mnist"))
    cost = make_plan(study_of(SMALL), MLP, rates=rates).cost
    assert cost.basis == "measured: 4 finished trials of mlp in study late (1)"


def test_cost_of_tuning_counts_its_own_steps() -> None:
    tuning = {"candidates": 4, "seeds": 2, "space": {"lr": [0.1, 0.01, 0.001, 1]}, "fixed": {"epochs": 1}}
    rates = [timed(2.0, epochs=1, depth=depth) for depth in (1, 5)]
    cost = make_plan(study_of(SMALL, tuning=tuning), MLP, rates=rates).cost
    assert cost.cpu_hours == pytest.approx((4 * 4 * 2 * 2 + 12 * 10) / 3600)


def test_cost_without_steps_is_that_of_the_same_settings_alone() -> None:
    endless = replace(MLP, steps_setting=None)
    rates = [TimedTrial(settings=arm.settings, seconds=7.0) for arm in design_of(SMALL).arms]
    assert make_plan(study_of(SMALL), endless, rates=rates).cost.cpu_hours == pytest.approx(12 * 7 / 3600)
    assert make_plan(study_of(SMALL), endless, rates=rates[:3]).cost.cpu_hours is None


@pytest.mark.parametrize(
    "changes, word",
    [
        ({"fixed": {"depth": 3}}, "fixed.depth is overridden by the factor depth"),
        ({"fixed": {"momentum": 0.5}}, "fixed.momentum applies to no arm"),
        (
            {"factors": {"scalars": ["none", "shared"], "momentum": [0.1, 0.2]}},
            "momentum has 2 levels and varies in no",
        ),
        ({"tuning": {"candidates": 4, "space": {"lr": [0.1, 0.2]}}}, "4 candidates for a space of 2 points"),
        ({"tuning": {"candidates": 2, "space": {"lr": [0.1, 0.2]}}}, "tuned once"),
        (
            {"tuning": {"candidates": 2, "space": {"beta_init": [0.1, 0.2]}}},
            "nothing that is searched applies to 2",
        ),
        (
            {"tuning": {"candidates": 2, "space": {"lr": [0.1, 0.2]}}, "fixed": {"lr": 1}},
            "fixed.lr is overridden",
        ),
        ({"seeds": 3}, "3 seeds: intervals will be wide"),
        (
            {
                "factors": {"scalars": ["none", "shared", "per_layer"], "depth": [1, 5]},
                "exclude": [{"scalars": "none", "depth": 1}, {"scalars": "shared", "depth": 5}],
            },
            "no arm with scalars=shared matches one with none",
        ),
    ],
)
def test_warnings(changes: dict[str, Any], word: str) -> None:
    assert warned(SMALL, word, **changes)


def test_nothing_to_warn_of() -> None:
    assert plan_of(EXAMPLE)["warnings"] == []


def test_seeds_needed_for_a_difference() -> None:
    for effect in (0.3, 1.0, 2.5):
        num_seeds = seeds_needed(effect, alpha=0.05)
        assert num_seeds is not None
        assert detectable_effect(num_seeds=num_seeds, alpha=0.05) <= effect
        assert detectable_effect(num_seeds=num_seeds - 1, alpha=0.05) > effect


def test_components_left_out_are_not_called_unmatched():
    study = {
        "name": "recipe",
        "trainable": "mlp",
        "design": "leave_one_out",
        "factors": {"scalars": ["per_layer"], "base": ["mish"]},
        "leave_one_out": {"components": {"scalars": "none", "base": "relu"}, "anchor": True},
        "seeds": 6,
    }
    plan = make_plan(parse_study(study), MLP)
    assert plan.contrasts and not [text for text in plan.warnings if "matches" in text]


def test_a_plan_counts_the_looks_between_which_alpha_is_split() -> None:
    looks = {"test": "sign_flip", "looks": [5, 6]}
    plan = plan_of(SMALL, factors={"scalars": ["none", "shared"]}, seeds=6, analysis=looks)
    (contrast,) = plan["contrasts"]
    assert contrast["alpha"] == 0.025 and contrast["smallest_p"] == 2**-5  # below 0.05, but not below 0.025
    assert contrast["detectable_effect"] is None
    assert any("above 0.025; 7 seeds would do" in warning for warning in plan["warnings"])
    whole = plan_of(SMALL, seeds=10)["power"]["detectable_effect"]
    split = plan_of(SMALL, seeds=10, analysis={"looks": [5, 10]})["power"]
    assert split["alpha"] == 0.025 and split["detectable_effect"] > whole
    assert "at each of 2 looks" in split["basis"]


RATE = {"metric": ..., "metrics": [{"name": "collapsed", "of": "test_accuracy", "below": 0.8}]}


def test_a_plan_knows_what_mcnemars_test_can_reach() -> None:
    factors = {"scalars": ["none", "shared", "per_layer"]}
    plan = plan_of(SMALL, factors=factors, seeds=5, **RATE)
    (contrast,) = plan["contrasts"]
    assert (contrast["test"], contrast["family_size"], contrast["smallest_p"]) == ("mcnemar", 2, 2 * 2**-4)
    assert contrast["detectable_effect"] is None and plan["power"]["detectable_effect"] is None
    assert "no result of 5 seeds can be significant by McNemar's test" in plan["power"]["basis"]
    assert any(
        "McNemar's test with 5 seeds and 2 rows" in w and "7 seeds would do" in w for w in plan["warnings"]
    )
    (contrast,) = plan_of(SMALL, factors=factors, seeds=10, **RATE)["contrasts"]
    assert contrast["unit"] == "metric" and 0.6 < contrast["detectable_effect"] < 0.9


@pytest.mark.parametrize("test", ["sign_flip", "wilcoxon"])
def test_power_is_that_of_the_test_asked_for(test: str) -> None:
    by_t = plan_of(SMALL, seeds=6)["power"]["detectable_effect"]
    asked = plan_of(SMALL, seeds=6, analysis={"test": test})["power"]
    assert asked["detectable_effect"] > 1.05 * by_t and "test, in standard deviations" in asked["basis"]


def test_the_smallest_p_of_random_flips_is_their_share() -> None:
    analysis = {"test": "sign_flip"}
    (contrast,) = plan_of(SMALL, seeds=27, analysis=analysis)["contrasts"]
    assert contrast["smallest_p"] == 2**-16


def test_under_benjamini_and_hochberg_ten_rows_need_no_more_seeds_than_one() -> None:
    analysis = {
        "test": "sign_flip",
        "correction": "bh",
        "contrasts": {"it": {"vary": "scalars", "within": ["base", "depth"]}},
    }
    plan = plan_of(SMALL, factors=WIDE, seeds=6, analysis=analysis)
    (contrast,) = plan["contrasts"]
    assert (contrast["family_size"], contrast["smallest_p"]) == (10, 2**-5)
    assert contrast["detectable_effect"] is not None and not any("ever" in w for w in plan["warnings"])
