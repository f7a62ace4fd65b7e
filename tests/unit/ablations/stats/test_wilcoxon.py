"""Wilcoxon's test against scipy, ties and zeros included."""

import numpy as np
import pytest
from scipy import stats

from ablations.stats.wilcoxon import MAX_EXACT_SEEDS, hodges_lehmann, wilcoxon

RNG = np.random.default_rng(13)


@pytest.mark.parametrize("num_seeds", [2, 3, 5, 10, 20, 50])
def test_agrees_with_scipy_without_ties(num_seeds: int) -> None:
    scores = RNG.normal(0.3, 1.0, (4, num_seeds))
    expected = stats.wilcoxon(scores, axis=1, method="exact").pvalue
    np.testing.assert_allclose(wilcoxon(scores), expected, atol=1e-10)


def test_agrees_with_scipys_permutations_with_ties_and_zeros() -> None:
    scores = RNG.integers(-3, 5, (5, 9)).astype(float)
    for row in scores:
        method = stats.PermutationMethod(n_resamples=100_000)
        expected = stats.wilcoxon(row, method=method).pvalue
        assert wilcoxon(row[None])[0] == pytest.approx(expected, abs=1e-10)


def test_ties_that_differ_by_rounding_are_ties() -> None:
    dusty = np.array([[0.9 - 0.8, 0.7 - 0.6, -(0.5 - 0.4), 0.3]])
    assert wilcoxon(dusty)[0] == wilcoxon(np.array([[1.0, 1.0, -1.0, 3.0]]))[0]


def test_nothing_but_zeros_gives_p_1() -> None:
    assert wilcoxon(np.zeros((1, 4)))[0] == 1.0
    assert wilcoxon(np.zeros((1, MAX_EXACT_SEEDS + 1)))[0] == 1.0


def test_many_seeds_use_the_normal_approximation() -> None:
    scores = RNG.normal(0.2, 1.0, (3, MAX_EXACT_SEEDS + 10))
    expected = stats.wilcoxon(scores, axis=1, method="approx").pvalue
    np.testing.assert_allclose(wilcoxon(scores), expected, atol=1e-10)


@pytest.mark.parametrize("num_seeds", [6, 7, 12, 30, 80])
def test_the_interval_holds_the_centres_that_the_test_does_not_refuse(num_seeds: int) -> None:
    scores = RNG.normal(0.3, 1.0, (5, num_seeds))
    estimate, low, high = hodges_lehmann(scores, level=0.95)
    for row, centre, below, above in zip(scores, estimate, low, high, strict=True):
        walsh = [(x + y) / 2 for i, x in enumerate(row) for y in row[i:]]
        assert centre == pytest.approx(np.median(walsh), abs=1e-12)
        for end, outside in ((below, -1e-6), (above, 1e-6)):
            method = "exact" if num_seeds <= MAX_EXACT_SEEDS else "approx"
            refused, kept = (
                stats.wilcoxon(row - end - step, method=method).pvalue for step in (outside, -outside)
            )
            assert refused <= 0.05 < kept


def test_five_seeds_have_no_interval_at_95_percent() -> None:
    estimate, low, high = hodges_lehmann(np.array([[1.0, 2.0, 3.0, 4.0, 9.0]]))
    assert estimate[0] == 3.0 and np.isnan([low[0], high[0]]).all()
    assert np.isfinite(hodges_lehmann(np.array([[1.0, 2.0, 3.0, 4.0, 9.0]]), level=0.93)[1]).all()


def test_the_interval_covers_the_centre_as_often_as_it_says() -> None:
    """Never less often: within 5 standard deviations, about 3e-7."""
    scores = np.random.default_rng(3).standard_t(3, (4000, 8))
    _, low, high = hodges_lehmann(scores)
    assert ((low <= 0) & (high >= 0)).mean() >= 0.95 - 5 * (0.05 * 0.95 / 4000) ** 0.5
