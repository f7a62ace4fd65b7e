"""One-factor, leave-one-out and listed designs, and rules over levels."""

from typing import Any

import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.errors import DuplicateArm, InvalidStudy
from ablations.plan.plan import make_plan
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL, design_of, study_of

ONE: dict[str, Any] = {
    **SMALL,
    "design": "one_factor",
    "factors": {"scalars": ["none", "shared", "per_layer"], "base": ["relu", "mish"], "depth": [1, 5]},
    "baseline": {"scalars": "none", "base": "relu"},
}
LEFT_OUT: dict[str, Any] = {
    **SMALL,
    "design": "leave_one_out",
    "factors": {"scalars": ["per_layer"], "dropout": [0.2], "augment": [True]},
    "baseline": {},
}
LISTED: dict[str, Any] = {
    **SMALL,
    "design": "listed",
    "factors": {},
    "arms": [
        {"scalars": "none", "depth": 1},
        {"scalars": "shared", "beta_init": 0.5, "depth": 1},
        {"scalars": "shared", "beta_init": 0, "depth": 1.0},
    ],
}


def labels(data: dict[str, Any], **changes: Any) -> list[str]:
    return [arm.label for arm in design_of(data, **changes).arms]


def paths(data: dict[str, Any], **changes: Any) -> set[str]:
    with pytest.raises(InvalidStudy) as error:
        design_of(data, **changes)
    return {problem.path for problem in error.value.problems}


def test_one_factor_moves_one_judged_factor_at_a_time_in_every_stratum() -> None:
    assert labels(ONE) == [
        f"base={base} scalars={scalars} depth={depth}"
        for depth in (1, 5)
        for base, scalars in (("relu", "none"), ("mish", "none"), ("relu", "shared"), ("relu", "per_layer"))
    ]
    contrasts = compile_contrasts(design_of(ONE)).contrasts
    assert [(c.name, c.primary, len(c.rows)) for c in contrasts] == [("scalars", True, 2), ("base", False, 1)]
    assert {row.num_strata for c in contrasts for row in c.rows} == {2}


def test_a_factor_that_never_applies_next_to_the_baseline_cannot_be_judged() -> None:
    factors = {"scalars": ["none", "shared"], "beta_init": [0.0, 0.5]}
    assert paths(ONE, factors=factors, baseline={"scalars": "none", "beta_init": 0.0}) == {
        "baseline.beta_init"
    }
    assert labels(ONE, factors=factors, baseline={"scalars": "shared", "beta_init": 0.0}) == [
        "beta_init=0 scalars=shared",
        "beta_init=0.5 scalars=shared",
        "scalars=none",
    ]


def test_leave_one_out_takes_off_levels_from_the_trainable() -> None:
    assert labels(LEFT_OUT) == [
        "augment=true dropout=0.2 scalars=per_layer",
        "augment=false dropout=0.2 scalars=per_layer",
        "augment=true dropout=0 scalars=per_layer",
        "augment=true dropout=0.2 scalars=none",
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"leave_one_out": {"components": {"scalars": "none", "dropout": 0, "augment": False}}},
        {"leave_one_out": {"components": ["scalars", "dropout", "augment"]}},
        {
            "factors": {"scalars": ["per_layer", "none"], "dropout": [0, 0.2], "augment": [False, True]},
            "baseline": {"scalars": "none", "dropout": 0.0, "augment": False},
        },
    ],
)
def test_the_same_recipe_in_other_words(changes: dict[str, Any]) -> None:
    assert sorted(arm.id for arm in design_of(LEFT_OUT, **changes).arms) == sorted(
        arm.id for arm in design_of(LEFT_OUT).arms
    )


def test_effects_are_full_minus_without_in_one_family() -> None:
    design = design_of(LEFT_OUT, leave_one_out={"pairs": True, "anchor": True})
    assert len(design.arms) == 1 + 3 + 3 + 1
    components, recipe = compile_contrasts(design).contrasts
    assert components.name == "components" and components.primary and not recipe.primary
    found = {
        (row.of, row.against): {design.arm(arm).label: weight for arm, weight in row.weights.items()}
        for row in (*components.rows, *recipe.rows)
    }
    full = "augment=true dropout=0.2 scalars=per_layer"
    assert found == {
        ("full", "without scalars"): {full: 1.0, "augment=true dropout=0.2 scalars=none": -1.0},
        ("full", "without dropout"): {full: 1.0, "augment=true dropout=0 scalars=per_layer": -1.0},
        ("full", "without augment"): {full: 1.0, "augment=false dropout=0.2 scalars=per_layer": -1.0},
        ("full", "bare"): {full: 1.0, "augment=false dropout=0 scalars=none": -1.0},
    }


def test_only_some_pairs() -> None:
    design = design_of(LEFT_OUT, leave_one_out={"pairs": [["scalars", "dropout"]]})
    assert len(design.arms) == 5
    assert [arm.label for arm in design.arms][-1] == "augment=true dropout=0 scalars=none"
    (interaction,) = compile_contrasts(design).interactions
    assert sorted(interaction.rows[0].weights.values()) == [-1, -1, 1, 1]


def test_a_component_may_be_a_bundle_and_others_may_be_strata() -> None:
    factors = {
        "tricks": {"on": {"dropout": 0.2, "smoothing": 0.1}, "off": {"dropout": 0.0, "smoothing": 0.0}},
        "augment": [True],
        "depth": [1, 5],
    }
    found = labels(LEFT_OUT, factors=factors, leave_one_out={"components": ["tricks", "augment"]})
    assert len(found) == 2 * 3 and "augment=true depth=5 tricks=off" in found
    without_off = {**factors, "tricks": {"on": {"dropout": 0.2, "smoothing": 0.1}}}
    assert found == labels(LEFT_OUT, factors=without_off, leave_one_out={"components": ["tricks", "augment"]})


def test_a_component_off_may_take_another_with_it() -> None:
    factors = {"scalars": ["per_layer"], "beta_init": [0.5]}
    options = {"components": {"scalars": "none", "beta_init": 0.0}, "pairs": True}
    design = design_of(LEFT_OUT, factors=factors, leave_one_out=options)
    assert [arm.label for arm in design.arms] == [
        "beta_init=0.5 scalars=per_layer",
        "beta_init=0 scalars=per_layer",
        "scalars=none",
    ]
    assert design.collapsed == 1
    (components,) = compile_contrasts(design).contrasts
    assert {row.against for row in components.rows} == {"without scalars", "without beta_init"}


@pytest.mark.parametrize(
    "changes, path",
    [
        ({"leave_one_out": {"components": ["depth"]}}, "leave_one_out.components.0"),
        ({"leave_one_out": {"components": {"depth": 1}}}, "leave_one_out.components.depth"),
        ({"leave_one_out": {"components": {"dropout": 7}}}, "leave_one_out.components.dropout"),
        ({"leave_one_out": {"pairs": [["scalars", "depth"]]}}, "leave_one_out.pairs.0"),
        ({"leave_one_out": {"pairs": [["scalars", "scalars"]]}}, "leave_one_out.pairs.0"),
        ({"factors": {"width": [8]}}, "factors.width"),
        ({"factors": {"dropout": [0.1, 0.2]}}, "factors.dropout"),
        ({"factors": {"dropout": [0.0]}}, "factors.dropout"),
        ({"factors": {}}, "leave_one_out"),
        ({"factors": {"dropout": [0.0, 0.2]}, "baseline": {"dropout": 0.2}}, "baseline.dropout"),
        ({"factors": {"dropout": [0.1, 0.2]}, "baseline": {"dropout": 0.3}}, "baseline.dropout"),
        (
            {
                "factors": {"act": {"a": {"base": "mish"}, "b": {"base": "gelu"}}},
                "leave_one_out": {"components": {"act": "c"}},
            },
            "leave_one_out.components.act",
        ),
    ],
)
def test_a_recipe_refused_by_path(changes: dict[str, Any], path: str) -> None:
    assert path in paths(LEFT_OUT, **changes)


def test_listed_arms_are_taken_as_they_are() -> None:
    assert labels(LISTED) == [
        "scalars=none depth=1",
        "scalars=shared beta_init=0.5 depth=1",
        "scalars=shared beta_init=0 depth=1",
    ]
    (scalars,) = compile_contrasts(design_of(LISTED)).contrasts
    assert [(row.num_strata, row.num_pairs) for row in scalars.rows] == [(1, 2)]


def test_listed_arms_may_use_bundles() -> None:
    factors = {"act": {"a": {"base": "mish"}, "b": {"base": "relu"}}, "depth": [3]}
    arms = [{"act": "a"}, {"act": "b", "depth": 3}]
    assert labels(LISTED, factors=factors, arms=arms, baseline={}) == ["act=a depth=3", "act=b depth=3"]


@pytest.mark.parametrize(
    "arms, path",
    [
        ([{"scalars": "none", "flavour": 1}], "arms.0.flavour"),
        ([{"depth": 1}, {"depth": 0}], "arms.1.depth"),
        ([{"scalars": "none", "depth": 1}, {"depth": 2}], "arms.1"),
        ([{"scalars": "shared", "beta_init": 0}, {"scalars": "per_layer"}, {"beta_init": 1}], "arms.2"),
    ],
)
def test_listed_arms_refused_by_path(arms: list[dict[str, Any]], path: str) -> None:
    assert path in paths(LISTED, arms=arms, baseline={})


def test_listed_arms_name_factors_where_there_are_some() -> None:
    assert "arms.0.base" in paths(
        LISTED, factors={"depth": [1]}, arms=[{"depth": 1, "base": "relu"}], baseline={}
    )


def test_no_arm_is_listed_twice() -> None:
    arms = [{"scalars": "none", "depth": 1}, {"scalars": "none", "beta_init": 0.5, "depth": 1.0}]
    with pytest.raises(DuplicateArm) as error:
        design_of(LISTED, arms=arms, baseline={})
    assert error.value.problems[0].path == "arms.1"


def test_every_exclusion_names_its_rule() -> None:
    design = design_of(
        SMALL,
        factors={"scalars": ["none", "shared"], "depth": [1, 5, 10], "base": ["relu", "mish"]},
        exclude=[{"scalars": "shared", "depth": {"ge": 5, "lt": 10}}, {"base": ["mish"], "depth": 10}],
        require=[{"when": {"base": "mish"}, "then": {"scalars": "shared"}}],
    )
    reasons = {tuple(sorted(map(str, row.levels.values()))): row.reason for row in design.excluded}
    assert reasons == {
        ("5", "relu", "shared"): "exclude.0: scalars=shared, depth=5",
        ("5", "mish", "shared"): "exclude.0: scalars=shared, depth=5",
        ("10", "mish", "none"): "exclude.1: base=mish, depth=10",
        ("10", "mish", "shared"): "exclude.1: base=mish, depth=10",
        ("1", "mish", "none"): "require.0: scalars=shared where base=mish",
        ("5", "mish", "none"): "require.0: scalars=shared where base=mish",
    }
    assert len(design.arms) == 12 - 6
    plan = make_plan(study_of(SMALL, exclude=[{"scalars": "shared", "depth": 5}]), MLP).to_json()
    assert plan["excluded"] == [
        {"levels": {"scalars": "shared", "depth": 5}, "reason": "exclude.0: scalars=shared, depth=5"}
    ]


def test_a_rule_leaves_alone_what_it_does_not_apply_to() -> None:
    factors = {"scalars": ["none", "shared"], "beta_init": [0.0, 0.5]}
    excluded = design_of(SMALL, factors=factors, exclude=[{"beta_init": 0.0}])
    assert [arm.label for arm in excluded.arms] == ["scalars=none", "scalars=shared beta_init=0.5"]
    required = design_of(SMALL, factors=factors, require=[{"then": {"beta_init": {"eq": 0.5}}}])
    assert required.arms == excluded.arms
