"""Paired rates against statsmodels."""

import math

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as reference_mcnemar
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from ablations.stats.permutation import sign_flip
from ablations.stats.proportions import mcnemar, newcombe, wilson

RNG = np.random.default_rng(29)


def seeds(both: int, of: int, against: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of the two sides with so many seeds of each kind."""
    left = [1.0] * (both + of) + [0.0] * (against + neither)
    right = [1.0] * both + [0.0] * of + [1.0] * against + [0.0] * neither
    return np.array([left]), np.array([right])


TABLES = [
    (0, 0, 0, 10),
    (10, 0, 0, 0),
    (3, 4, 1, 2),
    (0, 6, 0, 4),
    (14, 5, 0, 22),
    (2, 5, 5, 2),
    (0, 3, 7, 0),
]


@pytest.mark.parametrize("table", TABLES)
def test_mcnemar_agrees_with_statsmodels_and_is_the_sign_flip_test(table: tuple[int, int, int, int]) -> None:
    both, only_of, only_against, neither = table
    of, against = seeds(*table)
    expected = reference_mcnemar([[both, only_of], [only_against, neither]], exact=True).pvalue
    assert mcnemar(of, against)[0] == pytest.approx(expected, abs=1e-10)
    if of.shape[1] <= 20:
        assert sign_flip(of - against).p[0] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("num_seeds", [1, 3, 10, 25])
def test_wilson_agrees_with_statsmodels(num_seeds: int) -> None:
    counts = np.arange(num_seeds + 1.0)
    low, high = wilson(counts, num_seeds, level=0.9)
    expected = proportion_confint(counts, num_seeds, alpha=0.1, method="wilson")
    np.testing.assert_allclose((low, high), expected, atol=1e-10)


def by_hand(both: int, of: int, against: int, neither: int) -> tuple[float, float]:
    """Newcombe's method 10, one table at a time, as his paper lays it out."""
    total = both + of + against + neither
    first, second = (both + of) / total, (both + against) / total
    l1, u1 = proportion_confint(both + of, total, method="wilson")
    l2, u2 = proportion_confint(both + against, total, method="wilson")
    a = (both + of) * (against + neither) * (both + against) * (of + neither)
    b = both * neither - of * against
    c = b - total / 2 if b > total / 2 else 0 if b >= 0 else b
    phi = c / math.sqrt(a) if a else 0.0
    down, up, down2, up2 = first - l1, u1 - first, second - l2, u2 - second
    low = first - second - math.sqrt(down**2 - 2 * phi * down * up2 + up2**2)
    return low, first - second + math.sqrt(up**2 - 2 * phi * up * down2 + down2**2)


@pytest.mark.parametrize("table", TABLES)
def test_newcombe_agrees_with_the_paper(table: tuple[int, int, int, int]) -> None:
    low, high = newcombe(*seeds(*table))
    assert (low[0], high[0]) == pytest.approx(by_hand(*table), abs=1e-10)


def test_newcombe_without_association_is_the_interval_for_independent_rates() -> None:
    of, against = seeds(2, 2, 3, 3)
    low, high = newcombe(of, against)
    expected = confint_proportions_2indep(4, 10, 5, 10, method="newcomb", compare="diff")
    assert (low[0], high[0]) == pytest.approx(expected, abs=1e-10)


def test_newcombe_is_never_a_point_and_mirrors() -> None:
    of, against = seeds(0, 0, 0, 5)
    low, high = newcombe(of, against)
    assert low[0] < -0.3 and high[0] > 0.3
    of, against = seeds(3, 4, 1, 2)
    there, back = newcombe(of, against), newcombe(against, of)
    assert (there[0][0], there[1][0]) == pytest.approx((-back[1][0], -back[0][0]))
