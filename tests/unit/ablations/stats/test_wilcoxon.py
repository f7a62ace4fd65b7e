"""Wilcoxon's test against scipy, ties and zeros included."""

import numpy as np
import pytest
from scipy import stats

from ablations.stats.wilcoxon import MAX_EXACT_SEEDS, wilcoxon

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
