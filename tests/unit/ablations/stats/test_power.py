"""Power against statsmodels and against simulation."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from ablations.stats.power import (
    detectable_effect,
    equivalence_margin,
    power_of,
    seeds_needed,
    seeds_to_settle,
    tost_power_of,
)

CASES = [(0.5, 10, 0.05), (1.2, 5, 0.01), (0.1, 100, 0.05), (3.0, 4, 0.0025)]


@pytest.mark.parametrize(("effect", "num_seeds", "alpha"), CASES)
def test_power_agrees_with_statsmodels(effect: float, num_seeds: int, alpha: float) -> None:
    expected = TTestPower().power(effect, num_seeds, alpha)
    assert power_of(effect, num_seeds=num_seeds, alpha=alpha) == pytest.approx(expected, abs=1e-10)
    assert power_of(-effect, num_seeds=num_seeds, alpha=alpha) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("num_seeds", [2, 3, 5, 10, 40])
def test_the_detectable_effect_is_found_with_its_power(num_seeds: int) -> None:
    effect = detectable_effect(num_seeds=num_seeds, alpha=0.05)
    assert power_of(effect, num_seeds=num_seeds, alpha=0.05) == pytest.approx(0.8, abs=1e-6)
    assert detectable_effect(num_seeds=1, alpha=0.05) == np.inf


@pytest.mark.parametrize("effect", [0.2, 0.7, 1.5, 20.0])
def test_the_seeds_needed_are_the_fewest(effect: float) -> None:
    found = seeds_needed(effect, alpha=0.01)
    assert found is not None
    assert power_of(effect, num_seeds=found, alpha=0.01) >= 0.8
    assert found == 2 or power_of(effect, num_seeds=found - 1, alpha=0.01) < 0.8


def test_nothing_is_found_with_a_million_seeds() -> None:
    assert seeds_needed(1e-6, alpha=0.05) is None
    assert seeds_to_settle(1e-6, alpha=0.05) is None


@pytest.mark.parametrize(("margin", "num_seeds", "alpha"), [(1.0, 10, 0.05), (0.6, 25, 0.01), (2.0, 4, 0.05)])
def test_power_of_equivalence_agrees_with_simulation(margin: float, num_seeds: int, alpha: float) -> None:
    scores = np.random.default_rng(37).normal(0, 1, (100_000, num_seeds))
    reach = stats.t.isf(alpha, num_seeds - 1) * scores.std(axis=1, ddof=1) / np.sqrt(num_seeds)
    share = np.mean(np.abs(scores.mean(axis=1)) + reach < margin)
    # 5 standard errors: a false alarm in 6e-7, and the seed is fixed
    error = np.sqrt(share * (1 - share) / 100_000)
    assert abs(tost_power_of(margin, num_seeds=num_seeds, alpha=alpha) - share) <= 5 * error


def test_settling_takes_both_kinds_of_evidence() -> None:
    for margin in (0.15, 0.5, 1.0, 3.0):
        seeds = seeds_to_settle(margin, alpha=0.05)
        assert seeds is not None
        assert power_of(margin, num_seeds=seeds, alpha=0.05) >= 0.8
        assert tost_power_of(margin, num_seeds=seeds, alpha=0.05) >= 0.8
        assert margin >= equivalence_margin(num_seeds=seeds, alpha=0.05)
        fewer = int(seeds / 1.02) - 1
        assert (
            fewer < 2
            or min(
                power_of(margin, num_seeds=fewer, alpha=0.05),
                tost_power_of(margin, num_seeds=fewer, alpha=0.05),
            )
            < 0.8
        )


@pytest.mark.parametrize("alpha", [5e-324, 1e-300, 1e-12, 1e-9, 0.9, 1 - 1e-16])
@pytest.mark.parametrize("num_seeds", [2, 3, 10, 10_000])
def test_every_search_ends_whatever_the_level(alpha: float, num_seeds: int) -> None:
    for found in (
        detectable_effect(num_seeds=num_seeds, alpha=alpha),
        equivalence_margin(num_seeds=num_seeds, alpha=alpha),
    ):
        assert found >= 0
    assert detectable_effect(num_seeds=num_seeds, alpha=alpha) >= detectable_effect(
        num_seeds=num_seeds, alpha=0.95
    )
    for margin in (5e-324, 1.0, 1e308, np.inf):
        settling = seeds_to_settle(margin, alpha=alpha)
        assert settling is None or settling >= 2


def test_power_far_in_the_tail_joins_what_is_exact() -> None:
    """Where the critical value is so large that the mean's own noise is nothing beside it."""
    from_below = [detectable_effect(num_seeds=2, alpha=alpha) * alpha for alpha in (1.3e-4, 1.2e-4)]
    from_above = [detectable_effect(num_seeds=2, alpha=alpha) * alpha for alpha in (6e-5, 1e-6)]
    assert from_above == pytest.approx([from_below[0]] * 2, rel=1e-3)
    assert power_of(np.inf, num_seeds=2, alpha=0.05) == 1.0
