"""Five studies of the kinds this is for, planned, and counted a second way."""

import math
from typing import Any

import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.arm import Arm
from ablations.design.design import Design, planned_trials
from ablations.plan.plan import make_plan
from ablations.stats.power import seeds_needed
from tests.unit.ablations import enumeration
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import EXAMPLE, design_of, study_of

DEPTHS = list(range(1, 26))
DEPTH_STUDY: dict[str, Any] = {
    "name": "two-hundred",
    "trainable": "mlp",
    "factors": {
        "scalars": ["none", "shared", "per_layer"],
        "beta_init": [0.0, 0.5],
        "base": ["relu", "mish"],
        "depth": DEPTHS[:20],
    },
    "baseline": {"scalars": "none"},
    "seeds": 5,
    "metrics": [{"name": "test_accuracy"}, {"name": "collapsed", "of": "test_accuracy", "below": 0.8}],
    "analysis": {
        "contrasts": {
            "everywhere": {"vary": "scalars", "over": ["depth", "base", "beta_init"]},
            "by_depth": {"vary": "scalars", "within": ["depth"], "over": ["base", "beta_init"]},
        },
        "primary": "by_depth",
    },
}
RECIPE: dict[str, Any] = {
    "name": "recipe",
    "trainable": "mlp",
    "design": "leave_one_out",
    "factors": {
        "scalars": ["per_layer"],
        "base": ["mish"],
        "dropout": [0.2],
        "augment": [True],
        "smoothing": [0.1],
        "dataset": ["digits-5k", "mnist"],
    },
    "leave_one_out": {"components": ["scalars", "base", "dropout", "augment", "smoothing"], "pairs": True},
    "seeds": 8,
}
OWN_ACTIVATION: dict[str, Any] = {
    "name": "own-activation",
    "trainable": "mlp",
    "factors": {
        "model": {
            "small": {"depth": 2, "width": 64, "optimizer": "adam", "lr": 1e-3},
            "deep": {"depth": 20, "width": 32, "optimizer": "sgd", "lr": 1e-1, "momentum": 0.9},
        },
        "act": {
            "relu": {"base": "relu"},
            "mish": {"base": "mish"},
            "mine": {"base": "mish", "scalars": "per_layer", "beta_init": 0.5},
        },
        "nesterov": [False, True],
    },
    "baseline": {"act": "relu"},
    "seeds": 10,
    "analysis": {"contrasts": {"act": {"vary": "act", "within": ["model"], "over": ["nesterov"]}}},
}
LANGUAGE: dict[str, Any] = {
    "name": "language",
    "trainable": "mlp",
    "factors": {
        "base": ["relu", "mish", "gelu"],
        "epochs": [10, 30],
        "scalars": ["none", "per_layer"],
        "beta_init": [0.0, 0.5, 1.0],
    },
    "baseline": {"base": "gelu", "scalars": "none"},
    "exclude": [{"base": "relu", "scalars": "per_layer", "beta_init": {"ge": 1.0}}],
    "seeds": 6,
    "metric": "train_loss",
    "analysis": {"spread": {"train_loss": 0.02}, "margin": {"train_loss": "2 %"}},
}


def by_hand(study: dict[str, Any]) -> list[enumeration.Levels]:
    return enumeration.collapse(enumeration.crossed(study["factors"]), enumeration.scalars_first)


def assert_same_arms(design: Design, expected: list[enumeration.Levels]) -> None:
    assert len(design.arms) == len(expected)
    for levels in expected:
        assert any(arm.levels == levels for arm in design.arms), levels
    assert len({arm.id for arm in design.arms}) == len(expected)
    trials = planned_trials(design)
    assert len({(t.arm.id, t.seed) for t in trials}) == len(trials) == len(expected) * len(design.seeds)


def rows_of(design: Design, name: str) -> dict[tuple[Any, ...], int]:
    contrast = next(c for c in compile_contrasts(design).contrasts if c.name == name)
    return {(row.of, *(row.within[w] for w in contrast.within)): row.num_pairs for row in contrast.rows}


def test_the_example() -> None:
    design = design_of(EXAMPLE)
    arms = by_hand(EXAMPLE)
    assert len(arms) == 2 * 4 * (1 + 2 * 2) == 40
    assert_same_arms(design, arms)
    assert design.collapsed == 48 - 40
    rows = rows_of(design, "deep")
    assert rows == enumeration.matched_pairs(
        arms, vary="scalars", against="none", where=lambda arm: arm["depth"] >= 10, within=("base",)
    )
    assert rows == {(of, base): 4 for of in ("shared", "per_layer") for base in ("relu", "mish")}


def test_a_depth_study_of_two_hundred_arms() -> None:
    design = design_of(DEPTH_STUDY)
    arms = by_hand(DEPTH_STUDY)
    assert len(arms) == 200
    assert_same_arms(design, arms)
    assert rows_of(design, "everywhere") == enumeration.matched_pairs(arms, vary="scalars", against="none")
    rows = rows_of(design, "by_depth")
    assert len(rows) == 40
    assert rows == enumeration.matched_pairs(arms, vary="scalars", against="none", within=("depth",))
    primary = [(c.name, c.metric) for c in compile_contrasts(design).contrasts if c.primary]
    assert primary == [("by_depth", "test_accuracy")]


def test_a_recipe_of_five_components_with_pairs() -> None:
    design = design_of(RECIPE)
    full = {"scalars": "per_layer", "base": "mish", "dropout": 0.2, "augment": True, "smoothing": 0.1}
    off = {"scalars": "none", "base": "relu", "dropout": 0.0, "augment": False, "smoothing": 0.0}
    recipes = enumeration.left_out(full, off, pairs=True, anchor=False)
    arms = [{**recipe, "dataset": name} for recipe in recipes for name in ("digits-5k", "mnist")]
    assert len(arms) == 2 * (1 + 5 + 10)
    assert_same_arms(design, arms)
    contrasts = compile_contrasts(design)
    (components,) = contrasts.contrasts
    assert components.name == "components" and components.primary
    assert {row.against: row.num_pairs for row in components.rows} == {f"without {name}": 2 for name in off}
    for row in components.rows:
        for arm_id, weight in row.weights.items():
            arm = design.arm(arm_id)
            switched_off = [name for name in off if arm.levels[name] == off[name]]
            assert (weight > 0) == (switched_off == [])
            assert weight > 0 or [f"without {name}" for name in switched_off] == [row.against]
    # Ten pairs of components, and for each component how the dataset changes its effect.
    assert sum(len(c.rows) for c in contrasts.interactions) == 10 + 5


def test_an_activation_of_ones_own_over_two_models() -> None:
    design = design_of(OWN_ACTIVATION)
    factors = {"model": ["small", "deep"], "act": ["relu", "mish", "mine"], "nesterov": [False, True]}
    arms = enumeration.collapse(
        enumeration.crossed(factors), lambda name, arm: name != "nesterov" or arm["model"] == "deep"
    )
    assert len(arms) == 3 + 6
    assert_same_arms(design, arms)
    rows = rows_of(design, "act")
    assert rows == enumeration.matched_pairs(arms, vary="act", against="relu", within=("model",))
    assert rows == {(of, m): n for of in ("mish", "mine") for m, n in (("small", 1), ("deep", 2))}
    mine = next(arm for arm in design.arms if arm.levels == {"model": "small", "act": "mine"})
    assert mine.settings["depth"] == 2 and mine.settings["beta_init"] == 0.5
    assert "momentum" not in mine.settings


def test_a_language_study_with_a_log_metric() -> None:
    design = design_of(LANGUAGE)
    arms = [
        arm
        for arm in by_hand(LANGUAGE)
        if not (arm["base"] == "relu" and arm["scalars"] == "per_layer" and arm["beta_init"] >= 1.0)
    ]
    assert len(arms) == 3 * 2 * (1 + 3) - 2
    assert_same_arms(design, arms)
    assert {row.reason for row in design.excluded} == {"exclude.0: base=relu, scalars=per_layer, beta_init=1"}
    assert len(design.excluded) == 2
    for name, against in LANGUAGE["baseline"].items():
        assert rows_of(design, name) == enumeration.matched_pairs(arms, vary=name, against=against)
    assert design.readings[0].scale == "log"
    assert {c.margin for c in compile_contrasts(design).contrasts} == {0.02}
    plan = make_plan(study_of(LANGUAGE), MLP).to_json()
    assert plan["num_trials"] == len(arms) * 6
    share = math.log1p(0.02) / 0.02  # a margin of 2 % on the log scale, in standard deviations
    assert plan["power"]["seeds_for_margin"] == {"train_loss": seeds_needed(share, alpha=0.05 / 2)}
    matched = {(c["name"], r["of"]): r["matched_pairs"] for c in plan["contrasts"] for r in c["rows"]}
    assert matched["scalars", "per_layer"] == 6 * (2 * 2 + 3 * 2 + 3 * 2)


@pytest.mark.parametrize("study", [EXAMPLE, DEPTH_STUDY, RECIPE, OWN_ACTIVATION, LANGUAGE])
def test_weights_of_a_difference_sum_to_one_on_both_sides(study: dict[str, Any]) -> None:
    design = design_of(study)
    known: dict[str, Arm] = {arm.id: arm for arm in design.arms}
    contrasts = compile_contrasts(design)
    for contrast in (*contrasts.contrasts, *contrasts.exploratory):
        for row in contrast.rows:
            assert set(row.weights) <= set(known)
            assert sum(w for w in row.weights.values() if w > 0) == pytest.approx(1.0)
            assert sum(w for w in row.weights.values() if w < 0) == pytest.approx(-1.0)
