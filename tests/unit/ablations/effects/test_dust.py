"""Differences that are rounding, numbers of extreme size, and spreads that rounding hides."""

from typing import Any

import numpy as np
import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.arm import Arm
from ablations.effects.judge import ContrastEffects, judge
from ablations.results.results import Results
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import record_of

TWO: dict[str, Any] = {**SMALL, "factors": {"scalars": ["none", "shared"]}}


def family_of(
    of: list[float], against: list[float], metric: str = "test_accuracy", **analysis: Any
) -> ContrastEffects:
    """One arm against one on so many seeds."""
    design = design_of(TWO, seeds=len(of), metric=metric, analysis=analysis)
    sides = {"none": against, "shared": of}
    records = [
        record_of(arm, seed, {metric: sides[str(arm.levels["scalars"])][i]})
        for arm in design.arms
        for i, seed in enumerate(design.seeds)
    ]
    return judge(compile_contrasts(design), Results.build(design, records), final=True).contrasts[0]


def test_averages_over_strata_that_cancel_are_no_difference() -> None:
    """The sides are sums that cancel, so that what is left of them is smaller than their rounding."""
    design = design_of(
        {**SMALL, "factors": {"scalars": ["none", "shared"], "depth": [1, 2, 3]}},
        seeds=8,
        analysis={"contrasts": {"it": {"vary": "scalars", "over": ["depth"]}}},
    )
    cancelling = {1: 0.1, 2: 0.2, 3: -0.3}

    def value(arm: Arm) -> float:
        return cancelling[int(str(arm.levels["depth"]))] if arm.levels["scalars"] == "shared" else 0.0

    records = [record_of(arm, s, {"test_accuracy": value(arm)}) for arm in design.arms for s in design.seeds]
    (row,) = judge(compile_contrasts(design), Results.build(design, records), final=True).contrasts[0].rows
    assert (row.estimate, row.p, row.verdict) == (0.0, 1.0, "inconclusive")


@pytest.mark.parametrize("size", [1e-300, 1e-170, 1e-100, 1e100, 1e165, 1e300])
def test_verdicts_do_not_depend_on_the_unit(size: float) -> None:
    of, against = [0.81, 0.835, 0.8012, 0.82], [0.79, 0.8, 0.78, 0.8015]
    (plain,) = family_of(of, against).rows
    (scaled,) = family_of([x * size for x in of], [x * size for x in against]).rows
    assert plain.verdict == scaled.verdict == "better"
    assert scaled.p == pytest.approx(plain.p, rel=1e-9)
    for name in ("estimate", "low", "high", "sd", "of_mean", "median"):
        assert getattr(scaled, name) == pytest.approx(getattr(plain, name) * size, rel=1e-9), name
    assert scaled.bootstrap is not None and plain.bootstrap is not None
    assert scaled.bootstrap.low == pytest.approx((plain.bootstrap.low or 0) * size, rel=1e-9)


def test_a_loss_of_0_is_the_best_there_is_and_no_hole() -> None:
    of, against = [0.0, 0.001, 0.0, 0.002, 0.0], [0.5, 0.6, 0.52, 0.55, 0.58]
    (row,) = family_of(of, against, "train_loss").rows
    assert (row.n, row.holes, row.verdict) == (5, 0, "better")
    assert row.ratio is not None and row.ratio.estimate is not None and 0.001 < row.ratio.estimate < 0.003
    (level,) = family_of([0.0] * 5, [0.0] * 5, "train_loss").rows
    assert (level.n, level.estimate, level.verdict) == (5, 0.0, "inconclusive")


@pytest.mark.parametrize("single", [False, True])
def test_equal_differences_and_nearly_equal_ones_are_judged_alike(single: bool) -> None:
    """With three seeds neither decides, and both say why; in single precision nothing else holds."""
    against = [0.901, 0.907, 0.904]
    for differences in ([0.002, 0.002, 0.002], [0.002, 0.002, 0.003]):
        of = [a + d for a, d in zip(against, differences, strict=True)]
        sides = [[float(np.float32(x)) if single else x for x in side] for side in (of, against)]
        (row,) = family_of(*sides).rows
        assert row.p == row.others["sign_flip"] == 0.25 and row.verdict == "inconclusive"
        assert any("p is the sign-flip test's, which 3 seeds cannot bring below 0.25" in n for n in row.notes)


def test_nearly_equal_differences_inside_a_margin_are_equivalent_once_there_are_seeds_enough() -> None:
    against = [0.901, 0.907, 0.904, 0.902, 0.911]
    of = [0.901, 0.907, 0.904, 0.903, 0.911]
    few = family_of(of[1:4], against[1:4], margin={"test_accuracy": 0.01})
    assert few.rows[0].verdict == "inconclusive"
    assert family_of(of, against, margin={"test_accuracy": 0.01}).rows[0].verdict == "equivalent"


def test_a_small_spread_beside_a_large_one_of_the_blocks_keeps_its_t_test() -> None:
    rng = np.random.default_rng(0)
    against = list(rng.normal(0.8, 0.1, 3))
    of = [x + 0.1 + d for x, d in zip(against, rng.normal(0, 1e-4, 3), strict=True)]
    (row,) = family_of(of, against).rows
    assert row.p == row.others["paired_t"] and row.verdict == "better"
