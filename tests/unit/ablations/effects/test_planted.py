"""Effects, interactions, trends and collapses planted in results: found with sign, size and verdict."""

import math
from typing import Any

import numpy as np
import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.arm import Arm
from ablations.effects.judge import judge
from ablations.results.results import Results
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import record_of, results_of

DEPTHS = [1, 2, 4, 8]
CROSSED: dict[str, Any] = {
    **SMALL,
    "factors": {"scalars": ["none", "shared"], "base": ["relu", "mish"], "depth": DEPTHS},
    "seeds": 10,
}
MAIN, BY_BASE, BY_DOUBLING, DOUBLING = 0.03, 0.04, 0.01, -0.02


def planted(arm: Arm, sign: int) -> float:
    """Shared scalars help, more so with mish and with depth; depth alone hurts. Or all the other way."""
    shared, mish = arm.levels["scalars"] == "shared", arm.levels["base"] == "mish"
    doublings = math.log2(int(str(arm.levels["depth"])))
    effect = MAIN + BY_BASE * mish + BY_DOUBLING * doublings
    return 0.6 + sign * (shared * effect + DOUBLING * doublings)


def slope_by_unit() -> float:
    """What a straight line through the four depths makes of a change with each doubling."""
    return float(np.polyfit(DEPTHS, np.log2(DEPTHS), 1)[0])


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("contrast", "expected"),
    [
        ({"vary": "scalars", "over": ["base", "depth"]}, [MAIN + BY_BASE / 2 + 1.5 * BY_DOUBLING]),
        (
            {"vary": "scalars", "within": ["base"], "over": ["depth"]},
            [MAIN + 1.5 * BY_DOUBLING, MAIN + BY_BASE + 1.5 * BY_DOUBLING],
        ),
        ({"vary": "scalars", "interaction": "base", "over": ["depth"]}, [BY_BASE]),
        (
            {"vary": "scalars", "interaction": "depth", "over": ["base"]},
            [BY_DOUBLING, 2 * BY_DOUBLING, 3 * BY_DOUBLING],
        ),
        ({"vary": "scalars", "interaction": "depth", "trend": "log", "over": ["base"]}, [BY_DOUBLING]),
        (
            {"vary": "depth", "trend": "log", "over": ["base", "scalars"]},
            [DOUBLING + BY_DOUBLING / 2],
        ),
        (
            {"vary": "depth", "trend": "linear", "over": ["base", "scalars"]},
            [(DOUBLING + BY_DOUBLING / 2) * slope_by_unit()],
        ),
        (
            {"vary": "depth", "trend": "order", "within": ["scalars"], "over": ["base"]},
            [DOUBLING, DOUBLING + BY_DOUBLING],
        ),
    ],
)
def test_what_was_planted_is_found(contrast: dict[str, Any], expected: list[float], sign: int) -> None:
    design = design_of(CROSSED, analysis={"contrasts": {"it": contrast}})
    results = results_of(design, lambda arm: planted(arm, sign), noise=0.001)
    (family,) = judge(compile_contrasts(design), results, final=True).contrasts
    assert len(family.rows) == len(expected)
    for row, size in zip(family.rows, expected, strict=True):
        assert row.estimate == pytest.approx(sign * size, abs=0.002)
        assert row.low is not None and row.high is not None and row.low < row.high
        assert row.low - 0.001 < sign * size < row.high + 0.001
        assert row.verdict == ("better" if sign * size > 0 else "worse")


@pytest.mark.parametrize("shape", [{"over": ["base", "depth"]}, {"interaction": "base", "over": ["depth"]}])
def test_what_was_not_planted_is_equivalent(shape: dict[str, Any]) -> None:
    contrasts = {"it": {"vary": "scalars", **shape}}
    analysis = {"contrasts": contrasts, "margin": {"test_accuracy": 0.02}}
    design = design_of(CROSSED, analysis=analysis)
    results = results_of(design, lambda arm: 0.8 - 0.1 * (arm.levels["base"] == "mish"), noise=0.005, seed=4)
    (row,) = judge(compile_contrasts(design), results, final=True).contrasts[0].rows
    assert row.verdict == "equivalent" and row.estimate == pytest.approx(0, abs=0.01)


def test_undeclared_interactions_are_found_without_a_verdict() -> None:
    design = design_of(CROSSED)
    results = results_of(design, lambda arm: planted(arm, 1), noise=0.001)
    found = judge(compile_contrasts(design), results, final=True).interactions
    by_base = [row for row in found if set(row.within) == {"base"}]
    assert by_base and all(row.verdict is None for row in found)
    for row in by_base:  # mish against relu, or the other way: either is named in the row
        side = 1 if row.within["base"] == "mish vs relu" else -1
        assert row.estimate == pytest.approx(side * BY_BASE, abs=0.002)
        assert row.p is not None and row.p < 1e-6


def test_components_are_told_apart_and_so_is_what_they_do_together() -> None:
    recipe: dict[str, Any] = {
        **SMALL,
        "design": "leave_one_out",
        "factors": {"scalars": ["per_layer"], "dropout": [0.2], "augment": [True]},
        "baseline": {},
        "leave_one_out": {"pairs": True},
        "seeds": 10,
        "analysis": {"margin": {"test_accuracy": 0.01}},
    }

    def value(arm: Arm) -> float:
        scalars = arm.levels["scalars"] != "none"
        dropout = arm.levels["dropout"] == 0.2
        return 0.6 + 0.05 * scalars - 0.04 * dropout

    design = design_of(recipe)
    effects = judge(compile_contrasts(design), results_of(design, value, noise=0.002), final=True)
    found = {row.against: (row.verdict, row.estimate) for row in effects.contrasts[0].rows}
    assert found == {
        "without scalars": ("better", pytest.approx(0.05, abs=0.005)),
        "without dropout": ("worse", pytest.approx(-0.04, abs=0.005)),
        "without augment": ("equivalent", pytest.approx(0.0, abs=0.005)),
    }

    def together(arm: Arm) -> float:
        return value(arm) + 0.03 * (arm.levels["scalars"] != "none" and arm.levels["augment"] is True)

    effects = judge(compile_contrasts(design), results_of(design, together, noise=0.002), final=True)
    strong = [row for row in effects.interactions if abs(row.estimate or 0) > 0.01]
    assert len(effects.interactions) == 3 and len(strong) == 1
    assert abs(strong[0].estimate or 0) == pytest.approx(0.03, abs=0.005)
    assert {"scalars", "augment"} <= set(strong[0].contrast.split(" x "))


def test_collapses_are_found_with_the_depth_from_which_they_happen() -> None:
    """Without scalars nine of ten seeds collapse from 8 layers on; with them one does, at 16."""
    rate = {"name": "collapsed", "of": "test_accuracy", "below": 0.5}
    depths = [1, 2, 4, 8, 16]
    design = design_of(
        CROSSED,
        factors={"scalars": ["none", "shared"], "depth": depths},
        metric=...,
        metrics=[rate, {"name": "test_accuracy"}],
        analysis={"contrasts": {"it": {"vary": "scalars", "within": ["depth"]}}},
    )

    def collapses(arm: Arm, seed: int) -> bool:
        depth = int(str(arm.levels["depth"]))
        return depth >= 8 and seed < 9 if arm.levels["scalars"] == "none" else depth == 16 and seed == 0

    records = [
        record_of(arm, seed, {"test_accuracy": 0.1 if collapses(arm, seed) else 0.9})
        for arm in design.arms
        for seed in design.seeds
    ]
    effects = judge(compile_contrasts(design), Results.build(design, records), final=True)
    family = next(c for c in effects.contrasts if c.primary)
    assert (family.metric, family.test) == ("collapsed", "mcnemar")
    rows = {row.within["depth"]: row for row in family.rows}
    assert {depth: row.estimate for depth, row in rows.items()} == pytest.approx(
        {1: 0.0, 2: 0.0, 4: 0.0, 8: -0.9, 16: -0.8}
    )
    # Nine seeds of nine, and eight of eight, in a family of five.
    assert (rows[8].p, rows[8].p_adjusted) == pytest.approx((2 / 2**9, 5 * 2 / 2**9))
    assert (rows[16].p, rows[16].p_adjusted) == pytest.approx((2 / 2**8, 4 * 2 / 2**8))
    verdicts = {depth: row.verdict for depth, row in rows.items()}
    assert verdicts == {**dict.fromkeys([1, 2, 4], "inconclusive"), 8: "better", 16: "better"}
    crossed = {one.within["scalars"]: one for one in effects.crossings}
    assert crossed["none"].course == "crosses" and crossed["none"].rising
    assert crossed["none"].at == pytest.approx(4 + 4 * 0.5 / 0.9)
    assert (crossed["shared"].course, crossed["shared"].at) == ("never", None)
