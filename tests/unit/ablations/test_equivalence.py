"""Equivalence against statsmodels, and where there is no spread."""

import numpy as np
import pytest
from statsmodels.stats.weightstats import ttost_paired

from ablations.stats.equivalence import rate_equivalence, tost
from ablations.stats.proportions import newcombe

RNG = np.random.default_rng(31)
OF, AGAINST = RNG.normal(0, 0.3, (6, 9)), RNG.normal(0.05, 0.3, (6, 9))


@pytest.mark.parametrize("margin", [0.1, 0.3, 1.0])
def test_agrees_with_statsmodels(margin: float) -> None:
    p = tost(OF - AGAINST, margin=margin, test="paired_t")
    expected = [ttost_paired(a, b, -margin, margin)[0] for a, b in zip(OF, AGAINST, strict=True)]
    np.testing.assert_allclose(p, expected, atol=1e-10)


@pytest.mark.parametrize("test", ["paired_t", "sign_flip", "wilcoxon"])
def test_no_difference_at_all_is_as_clear_as_its_seeds_allow(test: str) -> None:
    p = tost(np.zeros((1, 6)), margin=0.01, test=test)  # type: ignore[arg-type]
    assert p[0] == pytest.approx(2.0**-6)
    assert tost(np.full((1, 6), 0.02), margin=0.01, test=test)[0] > 0.5  # type: ignore[arg-type]


def test_a_row_without_spread_does_not_change_its_neighbours() -> None:
    scores = np.vstack([OF[0] - AGAINST[0], np.zeros(9)])
    both = tost(scores, margin=0.3, test="paired_t")
    assert both[0] == tost(scores[:1], margin=0.3, test="paired_t")[0]


def test_flipping_signs_is_symmetric() -> None:
    for test in ("paired_t", "sign_flip", "wilcoxon"):
        there, back = (tost(sign * (OF - AGAINST), margin=0.2, test=test) for sign in (1, -1))  # type: ignore[arg-type]
        np.testing.assert_allclose(there, back, atol=1e-12)


def test_rates_are_equivalent_where_the_interval_lies_inside() -> None:
    of = (RNG.random((8, 30)) < 0.3).astype(float)
    against = np.where(RNG.random((8, 30)) < 0.9, of, 1 - of)
    p = rate_equivalence(of, against, margin=0.25)
    for alpha in (0.01, 0.05, 0.2):
        low, high = newcombe(of, against, level=1 - 2 * alpha)
        inside = (low > -0.25) & (high < 0.25)
        np.testing.assert_array_equal(inside, p < alpha)


def test_few_seeds_without_a_collapse_prove_nothing() -> None:
    none = np.zeros((1, 3))
    assert rate_equivalence(none, none, margin=0.1)[0] > 0.2
    assert rate_equivalence(1 - none, none, margin=0.1)[0] == 0.5
