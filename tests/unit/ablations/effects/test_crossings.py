"""Where a rate crosses a level: by hand, by scipy's bootstrap, by simulation, and in studies.

The simulation is seeded; its bounds lie five standard errors away, a false alarm in 1.7 million.
"""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.judge import judge
from ablations.results.results import Results, TrialRecord
from ablations.stats.crossing import crossing
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import record_of

DEPTHS = np.array([1.0, 5.0, 10.0, 25.0])


def test_a_rate_crosses_between_its_neighbours() -> None:
    values = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [1, 1, 1, 0], [1, 1, 1, 1]], dtype=float)
    found = crossing(DEPTHS, values)
    assert found.rising and found.at == pytest.approx(5 + 5 * (0.5 - 0.25) / (0.75 - 0.25))
    assert 1 <= found.low <= found.at <= found.high <= 25
    assert found == crossing(DEPTHS, values)


def test_a_falling_rate_crosses_too() -> None:
    found = crossing(DEPTHS, np.array([[1, 1], [1, 1], [0, 0], [0, 0]], dtype=float))
    assert not found.rising and (found.at, found.low, found.high) == (7.5, 7.5, 7.5)


@pytest.mark.parametrize(("value", "where"), [(0.0, math.inf), (1.0, -math.inf)])
def test_a_flat_rate_crosses_nowhere(value: float, where: float) -> None:
    found = crossing(DEPTHS, np.full((4, 6), value))
    assert found.at == found.low == found.high == where


def test_an_interval_may_be_open_on_either_side() -> None:
    late = np.zeros((4, 6))
    late[3, :3] = 1.0
    found = crossing(DEPTHS, late)
    assert found.at == 25.0 and 10 < found.low < 25 and found.high == math.inf
    early = np.ones((4, 6))
    early[0, :4] = 0.0
    found = crossing(DEPTHS, early)
    assert found.low == -math.inf and found.at == pytest.approx(2.0) and 2 < found.high <= 5


def first_at_half(depths: np.ndarray, rates: np.ndarray) -> float:
    """The same place, walked to one step at a time."""
    for i in range(1, len(depths)):
        if rates[i - 1] < 0.5 <= rates[i]:
            return float(np.interp(0.5, rates[i - 1 : i + 1], depths[i - 1 : i + 1]))
    return -math.inf if rates[0] >= 0.5 else math.inf


def test_the_interval_is_the_percentile_bootstrap_of_scipy() -> None:
    rng = np.random.default_rng(3)
    limits = rng.normal(12, 6, 30)  # the depth from which each seed collapses
    depths = np.arange(1.0, 26.0)
    values = (depths[:, None] >= limits).astype(float)
    found = crossing(depths, values)
    assert found.at == pytest.approx(first_at_half(depths, values.mean(axis=1)), abs=1e-10)
    reference = stats.bootstrap(
        (np.arange(30),),
        lambda seeds: first_at_half(depths, values[:, seeds].mean(axis=1)),
        vectorized=False,
        method="percentile",
        n_resamples=4000,
        rng=np.random.default_rng(4),
    ).confidence_interval
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=0.6)


def test_the_interval_covers_the_true_place_at_twenty_seeds() -> None:
    rng, depths, num_studies = np.random.default_rng(5), np.array([1.0, 5.0, 10.0, 15.0, 20.0, 25.0]), 1000
    hits = 0
    for _ in range(num_studies):
        values = (depths[:, None] >= rng.uniform(2, 22, 20)).astype(float)  # half have collapsed at 12
        found = crossing(depths, values)
        hits += found.low <= 12 <= found.high
    assert hits / num_studies == pytest.approx(0.94, abs=0.025 + 5 * math.sqrt(0.05 * 0.95 / num_studies))


RATED: dict[str, Any] = {
    **SMALL,
    "factors": {"scalars": ["none", "shared"], "base": ["relu", "mish"], "depth": [25, 1, 10, 5]},
    "metric": ...,
    "metrics": [{"name": "test_accuracy"}, {"name": "collapsed", "of": "test_accuracy", "below": 0.8}],
    "seeds": 8,
}


def collapsing(design: Design) -> list[TrialRecord]:
    """Static arms collapse from depth 10 on in six of eight seeds, dynamic ones at 25 in all of them."""

    def collapsed(arm: Arm, seed: int) -> bool:
        depth = int(str(arm.levels["depth"]))
        return depth >= 10 and seed < 6 if arm.levels["scalars"] == "none" else depth == 25

    return [
        record_of(arm, seed, {"test_accuracy": 0.1 if collapsed(arm, seed) else 0.9})
        for arm in design.arms
        for seed in design.seeds
    ]


def test_a_study_tells_where_each_course_crosses() -> None:
    design = design_of(RATED)
    effects = judge(compile_contrasts(design), Results.build(design, collapsing(design)), final=True)
    assert len(effects.crossings) == 4
    for found in effects.crossings:
        assert set(found.within) == {"scalars", "base"} and (found.first, found.last) == (1.0, 25.0)
        assert (found.metric, found.factor, found.course, found.n) == ("collapsed", "depth", "crosses", 8)
        static = found.within["scalars"] == "none"
        assert found.at == pytest.approx(5 + 5 * 0.5 / 0.75 if static else 17.5)
    assert effects.to_json()["crossings"][0]["confidence"] == 0.95


def test_a_seed_with_a_hole_anywhere_along_the_way_is_left_out() -> None:
    design = design_of(RATED)
    lost = next(a for a in design.arms if a.levels == {"scalars": "none", "base": "relu", "depth": 5})
    records = [r for r in collapsing(design) if (r.arm_id, r.seed) != (lost.id, 0)]
    found = judge(compile_contrasts(design), Results.build(design, records), final=True).crossings
    assert sorted(one.n for one in found) == [7, 8, 8, 8]
    one = next(one for one in found if one.n == 7)
    assert one.num_seeds == 8 and one.at == pytest.approx(5 + 5 * 0.5 / (5 / 7))


def test_what_never_crosses_says_on_which_side_it_stays() -> None:
    design = design_of(RATED)
    good = [record_of(arm, seed, {"test_accuracy": 0.9}) for arm in design.arms for seed in design.seeds]
    bad = [record_of(arm, seed, {"test_accuracy": 0.1}) for arm in design.arms for seed in design.seeds]
    asked = compile_contrasts(design)
    never = judge(asked, Results.build(design, good), final=True).crossings[0]
    before = judge(asked, Results.build(design, bad), final=True).crossings[0]
    assert (never.course, never.at, never.low, never.high) == ("never", None, 25.0, None)
    assert (before.course, before.at, before.low, before.high) == ("before", None, None, 1.0)


def test_without_a_rate_or_three_places_nothing_is_told() -> None:
    for design in (design_of(RATED, metrics=[{"name": "test_accuracy"}]), design_of(SMALL)):
        results = Results.build(design, [])
        assert judge(compile_contrasts(design), results, final=False).crossings == ()
