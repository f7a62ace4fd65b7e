"""Contrasts: which arms each row compares, with what weight, and what cannot be asked."""

from typing import Any

import pytest

from ablations.contrasts.contrast import Contrast, compile_contrasts
from ablations.contrasts.rows import ContrastRow
from ablations.design.design import Design
from ablations.errors import InvalidStudy, NotEstimable
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of

TWO: dict[str, Any] = {
    **SMALL,
    "factors": {
        "scalars": ["none", "shared"],
        "beta_init": [0.0, 0.5],
        "depth": [1, 2, 4],
        "base": ["relu", "mish"],
    },
}


def asking(contrast: dict[str, Any], **changes: Any) -> tuple[Design, Contrast]:
    design = design_of(TWO, analysis={"contrasts": {"it": contrast}}, **changes)
    (found,) = compile_contrasts(design).contrasts
    return design, found


def weights(design: Design, row: ContrastRow) -> dict[str, float]:
    return {design.arm(arm).label: weight for arm, weight in row.weights.items()}


def refused(contrast: dict[str, Any], **changes: Any) -> set[str]:
    with pytest.raises(InvalidStudy) as error:
        asking(contrast, **changes)
    return {problem.path.removeprefix("analysis.contrasts.it.") for problem in error.value.problems}


def test_by_default_each_judged_factor_is_averaged_over_all_that_varies() -> None:
    design = design_of(TWO, baseline={"scalars": "none", "base": "mish"}, metric="val_accuracy")
    scalars, base = compile_contrasts(design).contrasts
    assert (scalars.name, scalars.primary, scalars.within) == ("scalars", True, ())
    assert set(scalars.over) == {"base", "beta_init", "depth"}
    assert (base.name, base.primary, base.goal) == ("base", False, "maximize")
    (row,) = base.rows
    assert (row.of, row.against, row.num_strata, row.num_pairs) == ("relu", "mish", 9, 9)
    assert set(row.weights.values()) == {1 / 9, -1 / 9}


def test_the_first_of_the_baseline_is_primary_unless_another_is_named() -> None:
    both = {"base": "relu", "scalars": "none"}
    names = [c.name for c in compile_contrasts(design_of(TWO, baseline=both)).contrasts if c.primary]
    assert names == ["base"]
    named = design_of(TWO, baseline=both, analysis={"primary": "scalars"})
    assert [c.name for c in compile_contrasts(named).contrasts if c.primary] == ["scalars"]


def test_only_the_first_metric_is_primary() -> None:
    found = compile_contrasts(design_of(EXAMPLE)).contrasts
    assert [(c.metric, c.kind, c.goal, c.primary) for c in found] == [
        ("test_accuracy", "metric", "maximize", True),
        ("collapsed", "rate", "minimize", False),
    ]


def test_without_a_baseline_nothing_is_asked() -> None:
    found = compile_contrasts(design_of(TWO, baseline={}))
    assert found.contrasts == found.exploratory == found.interactions == ()


def test_one_static_arm_faces_the_average_of_the_dynamic_ones() -> None:
    design, contrast = asking({"vary": "scalars", "within": ["depth", "base"], "over": ["beta_init"]})
    assert len(contrast.rows) == 6
    row = next(r for r in contrast.rows if r.within == {"depth": 4, "base": "mish"})
    assert weights(design, row) == {
        "scalars=none base=mish depth=4": -1.0,
        "scalars=shared base=mish beta_init=0 depth=4": 0.5,
        "scalars=shared base=mish beta_init=0.5 depth=4": 0.5,
    }


def test_within_may_name_what_applies_on_one_side_only() -> None:
    design, contrast = asking(
        {"vary": "scalars", "within": ["beta_init"], "over": ["depth", "base"], "where": {"depth": 1}}
    )
    assert [dict(row.within) for row in contrast.rows] == [{"beta_init": 0.0}, {"beta_init": 0.5}]
    assert weights(design, contrast.rows[1]) == {
        "scalars=none base=relu depth=1": -0.5,
        "scalars=none base=mish depth=1": -0.5,
        "scalars=shared base=relu beta_init=0.5 depth=1": 0.5,
        "scalars=shared base=mish beta_init=0.5 depth=1": 0.5,
    }


def test_where_may_name_what_applies_on_one_side_only() -> None:
    design, contrast = asking({"vary": "scalars", "where": {"beta_init": 0.5}, "over": ["depth", "base"]})
    (row,) = contrast.rows
    assert all("beta_init=0 " not in label for label in weights(design, row))
    # Where base is judged, strata without beta_init do not meet a condition on it.
    design, contrast = asking(
        {"vary": "base", "against": "relu", "where": {"beta_init": 0.5}, "over": ["depth", "scalars"]}
    )
    assert all("beta_init=0.5" in label for label in weights(design, contrast.rows[0]))


def test_within_holds_what_does_not_apply_apart() -> None:
    _, contrast = asking(
        {"vary": "base", "against": "relu", "within": ["beta_init"], "over": ["depth", "scalars"]}
    )
    assert [dict(row.within) for row in contrast.rows] == [{}, {"beta_init": 0.0}, {"beta_init": 0.5}]


def test_of_and_against_may_be_named() -> None:
    over = ["scalars", "beta_init", "base"]
    _, contrast = asking({"vary": "depth", "of": [4, 2.0], "against": 1, "over": over})
    assert [(row.of, row.against) for row in contrast.rows] == [(4, 1), (2, 1)]
    _, contrast = asking({"vary": "depth", "of": 1, "against": 4, "over": over})
    assert [(row.of, row.against) for row in contrast.rows] == [(1, 4)]
    _, contrast = asking({"vary": "depth", "against": 1, "where": {"depth": {"le": 2}}, "over": over})
    assert [(row.of, row.against) for row in contrast.rows] == [(2, 1)]


def test_strata_without_a_partner_are_left_out() -> None:
    design = design_of(TWO, exclude=[{"scalars": "shared", "depth": 4}])
    (contrast,) = compile_contrasts(design).contrasts
    assert all("depth=4" not in label for label in weights(design, contrast.rows[0]))
    assert contrast.rows[0].num_strata == 4


def test_simple_effects_stand_apart() -> None:
    found = compile_contrasts(design_of(TWO))
    (simple,) = found.exploratory
    assert len(simple.rows) == 6 and simple.within == ("base", "depth")
    assert not simple.primary and simple.correction == "none"
    assert compile_contrasts(design_of(SMALL, factors={"scalars": ["none", "shared"]})).exploratory == ()


def test_an_arm_that_does_not_take_part_changes_no_weight() -> None:
    before = compile_contrasts(design_of(TWO)).contrasts[0].rows[0]
    factors = {**TWO["factors"], "scalars": ["none", "shared", "per_channel"]}
    after = compile_contrasts(design_of(TWO, factors=factors)).contrasts[0].rows[0]
    assert after == before


@pytest.mark.parametrize(
    "contrast, path",
    [
        ({"vary": "width"}, "vary"),
        ({"vary": "colour"}, "vary"),
        ({"vary": "scalars"}, "over"),
        ({"vary": "scalars", "over": ["depth", "beta_init"]}, "over"),
        ({"vary": "scalars", "over": ["depth", "beta_init", "base", "colour"]}, "over.3"),
        ({"vary": "scalars", "within": ["scalars"], "over": ["depth", "beta_init", "base"]}, "within.0"),
        ({"vary": "scalars", "within": ["depth"], "over": ["depth", "beta_init", "base"]}, "over.0"),
        ({"vary": "base", "over": ["scalars", "beta_init", "depth"]}, "against"),
        ({"vary": "base", "against": "gelu"}, "against"),
        ({"vary": "scalars", "of": "per_layer"}, "of"),
        ({"vary": "scalars", "of": "none"}, "of"),
        ({"vary": "scalars", "where": {"colour": 1}}, "where.colour"),
        ({"vary": "scalars", "where": {"depth": 3}}, "where.depth"),
        ({"vary": "scalars", "where": {"depth": [1, 3]}}, "where.depth.1"),
        ({"vary": "scalars", "where": {"depth": {"eq": 3}}}, "where.depth.eq"),
        ({"vary": "scalars", "where": {"depth": {"gt": 4}}}, "where.depth"),
        ({"vary": "scalars", "where": {"base": {"ge": 1}}}, "where.base"),
        ({"vary": "scalars", "where": {"scalars": "none"}}, "where.scalars"),
        ({"vary": "scalars", "interaction": "scalars"}, "interaction"),
        ({"vary": "scalars", "interaction": "width"}, "interaction"),
        ({"vary": "base", "trend": "linear"}, "trend"),
        ({"vary": "beta_init", "trend": "log"}, "trend"),
        ({"vary": "depth", "trend": "log", "of": 4}, "trend"),
        ({"vary": "depth", "trend": "log", "where": {"depth": 4}}, "where.depth"),
    ],
)
def test_refused_by_path(contrast: dict[str, Any], path: str) -> None:
    assert path in refused(contrast)


def test_a_contrast_without_a_single_pair_is_refused() -> None:
    rules = [{"scalars": "shared", "depth": 1}, {"scalars": "none", "depth": [2, 4]}]
    with pytest.raises(NotEstimable, match="never changes alone"):
        design_of(TWO, exclude=rules)


def test_an_interaction_is_a_difference_of_differences() -> None:
    design, contrast = asking(
        {"vary": "scalars", "interaction": "base", "over": ["beta_init"], "where": {"depth": 4}}
    )
    assert contrast.shape == "interaction"
    (row,) = contrast.rows
    assert row.within == {"base": "mish vs relu"}
    assert weights(design, row) == {
        "scalars=none base=mish depth=4": -1.0,
        "scalars=shared base=mish beta_init=0 depth=4": 0.5,
        "scalars=shared base=mish beta_init=0.5 depth=4": 0.5,
        "scalars=none base=relu depth=4": 1.0,
        "scalars=shared base=relu beta_init=0 depth=4": -0.5,
        "scalars=shared base=relu beta_init=0.5 depth=4": -0.5,
    }


def test_an_interaction_counts_only_strata_that_both_sides_have() -> None:
    design, contrast = asking(
        {"vary": "scalars", "interaction": "base", "over": ["beta_init", "depth"]},
        exclude=[{"base": "mish", "depth": 4}],
    )
    assert all("depth=4" not in label for label in weights(design, contrast.rows[0]))


@pytest.mark.parametrize(
    "trend, positions, name",
    [
        ("linear", [1.0, 2.0, 4.0], "slope per unit of depth"),
        ("log", [0.0, 1.0, 2.0], "slope per doubling of depth"),
        ("order", [0.0, 1.0, 2.0], "slope per step of depth"),
    ],
)
def test_a_trend_is_the_least_squares_slope(trend: str, positions: list[float], name: str) -> None:
    design, contrast = asking(
        {"vary": "depth", "trend": trend, "where": {"scalars": "none"}, "over": ["base"]}
    )
    (row,) = contrast.rows
    assert row.of == name and contrast.shape == "trend"
    for slope, start in ((3.0, 1.0), (-0.5, 7.0)):
        values = {depth: start + slope * x for depth, x in zip((1, 2, 4), positions, strict=True)}
        score = sum(weight * values[design.arm(arm).levels["depth"]] for arm, weight in row.weights.items())
        assert score == pytest.approx(slope)
    assert sum(row.weights.values()) == pytest.approx(0.0)


def test_the_slope_of_an_effect_over_a_factor() -> None:
    design, contrast = asking(
        {"vary": "scalars", "interaction": "depth", "trend": "log", "over": ["base", "beta_init"]}
    )
    (row,) = contrast.rows
    assert row.within == {"depth": "slope per doubling of depth"}
    score = 0.0
    for arm_id, weight in row.weights.items():
        levels = design.arm(arm_id).levels
        doublings = {1: 0, 2: 1, 4: 2}[levels["depth"]]
        score += weight * (5.0 + 2.0 * doublings * (levels["scalars"] == "shared"))
    assert score == pytest.approx(2.0)


def test_arms_linked_through_one_partner_are_one_stratum() -> None:
    factors = {"scalars": ["none", "shared"], "mode": ["plain", "gated"], "gate": [0.0, 1.0]}
    design = design_of(SMALL, factors=factors)
    (row,) = compile_contrasts(design).contrasts[0].rows
    assert (row.num_strata, row.num_pairs) == (1, 3)
    assert sorted(row.weights.values()) == pytest.approx([-1, 1 / 3, 1 / 3, 1 / 3])
