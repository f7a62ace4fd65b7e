"""The spread without signs, and the seeds that follow from it, against statsmodels and by simulation."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.power import TTestPower

from ablations.stats.blinding import blinded_spread, seeds_from, spread_bounds


def test_the_spread_is_the_same_whichever_arm_is_which_on_any_seed() -> None:
    rng = np.random.default_rng(7)
    differences = rng.normal(0.3, 1.0, (20, 5))
    differences[3, 1] = np.nan
    flips = rng.choice([-1.0, 1.0], differences.shape)
    found = blinded_spread(differences)
    assert np.array_equal(found, blinded_spread(flips * differences))
    assert found == pytest.approx(np.sqrt(np.nanmean(differences**2, axis=1)))


def test_a_spread_needs_two_differences_and_no_ordinary_size() -> None:
    nothing = np.nan
    rows = np.array([[1.0, nothing], [nothing, nothing], [3e-200, 4e-200], [3e200, 4e200], [0.0, 0.0]])
    found = blinded_spread(rows)
    assert np.isnan(found[:2]).all() and found[4] == 0
    assert found[2:4] == pytest.approx([math.sqrt(12.5) * 1e-200, math.sqrt(12.5) * 1e200])


@pytest.mark.parametrize("effect", [0.4, 0.7, 1.0, 2.0])
@pytest.mark.parametrize(("alpha", "power"), [(0.05, 0.8), (0.0125, 0.9)])
def test_the_seeds_are_those_of_statsmodels(effect: float, alpha: float, power: float) -> None:
    want = math.ceil(TTestPower().solve_power(effect_size=effect, alpha=alpha, power=power))
    asked = {"margin": 0.02, "test": "paired_t", "alpha": alpha, "power": power}
    assert seeds_from(0.02 / effect, low=3, high=500, **asked) == max(3, want)
    assert seeds_from(0.02 / effect, low=want + 2, high=500, **asked) == want + 2
    assert seeds_from(0.02 / effect, low=3, high=want, **asked) == want
    if want > 4:
        assert seeds_from(0.02 / effect, low=3, high=want - 1, **asked) is None


@pytest.mark.parametrize("test", ["sign_flip", "wilcoxon"])
def test_no_fewer_seeds_than_the_test_needs_to_find_anything(test: str) -> None:
    asked = {"margin": 1.0, "test": test, "alpha": 0.05, "power": 0.8}
    assert seeds_from(0.01, low=3, high=20, **asked) == 6
    assert seeds_from(0.0, low=3, high=20, **asked) == 6
    assert seeds_from(0.01, low=3, high=5, **asked) is None


def test_the_bounds_hold_the_true_spread_as_often_as_they_say() -> None:
    """Of 20000 pilots 95 % within 0.8 points: missed by luck less than once in a million runs."""
    low, high = spread_bounds(4, level=0.95)
    found = blinded_spread(np.random.default_rng(11).normal(0, 1, (20_000, 4)))
    assert np.mean((low * found <= 1) & (high * found >= 1)) == pytest.approx(0.95, abs=0.008)


def test_the_blinded_spread_keeps_the_level_that_the_one_about_the_mean_does_not() -> None:
    """20000 null studies, a pilot of 4: five standard deviations of the share are 0.8 points."""
    differences = np.random.default_rng(5).normal(0, 1, (20_000, 40))
    pilots, asked = (
        differences[:, :4],
        {"test": "paired_t", "alpha": 0.05, "power": 0.8, "low": 4, "high": 40},
    )

    def errors(spreads: np.ndarray) -> float:
        sizes = np.array([seeds_from(float(spread), margin=1.0, **asked) or 40 for spread in spreads])
        wrong = 0
        for num_seeds in np.unique(sizes):
            p = stats.ttest_1samp(differences[sizes == num_seeds][:, :num_seeds], 0.0, axis=1).pvalue
            wrong += int((p <= 0.05).sum())
        return wrong / len(sizes)

    assert errors(blinded_spread(pilots)) < 0.058
    assert errors(pilots.std(axis=1, ddof=1)) > 0.07
