"""Equivalence against statsmodels, and where there is no spread."""

import numpy as np
import pytest
from scipy import optimize, special, stats
from statsmodels.stats.weightstats import ttost_paired

from ablations.stats.equivalence import rate_equivalence, tost
from ablations.stats.noninferiority import NUM_RATES, noninferior, score

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


def test_few_seeds_without_a_collapse_prove_nothing() -> None:
    none = np.zeros((1, 3))
    assert rate_equivalence(none, none, margin=0.1)[0] == pytest.approx(0.9**3)
    assert rate_equivalence(1 - none, none, margin=0.1)[0] > 0.9
    assert rate_equivalence(1 - none, none, margin=1.5)[0] == 0.0


def test_no_disagreement_is_as_clear_as_the_margin_allows() -> None:
    """With a rate of `margin` of disagreements one way, n seeds show none with chance (1 - margin)^n."""
    for num_seeds in (9, 20, 29):
        none = np.zeros((1, num_seeds))
        assert 0.9**num_seeds <= rate_equivalence(none, none, margin=0.1)[0] <= 0.9**num_seeds + 0.01


def reference_score(of: int, against: int, num_seeds: int, margin: float) -> float:
    """The score statistic, with the likelihood of the restricted rates maximised by search."""
    agree = num_seeds - of - against

    def loss(rate: float) -> float:
        return -float(
            special.xlogy(of, rate - margin)
            + special.xlogy(against, rate)
            + special.xlogy(agree, 1 + margin - 2 * rate)
        )

    low, high = margin, (1 + margin) / 2
    rate = optimize.minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-12}).x
    rate = min((low, rate, high), key=loss)
    variance = num_seeds * (2 * rate - margin - margin**2)
    return (of - against + num_seeds * margin) / float(np.sqrt(variance))


@pytest.mark.parametrize(("num_seeds", "margin"), [(6, 0.3), (9, 0.2), (9, 0.5)])
def test_the_exact_test_agrees_with_one_by_search_and_multinomials(num_seeds: int, margin: float) -> None:
    results = [(a, b) for a in range(num_seeds + 1) for b in range(num_seeds + 1 - a)]
    scores = [reference_score(a, b, num_seeds, margin) for a, b in results]
    ours = score(*np.array(results).T, num_seeds, margin)
    np.testing.assert_allclose(ours, scores, atol=1e-5)
    p = noninferior(*np.array(results).T, num_seeds=num_seeds, margin=margin)
    cells = np.array([(a, b, num_seeds - a - b) for a, b in results])
    for i in range(0, len(results), 3):
        extreme = cells[np.array(scores) >= scores[i] - 1e-5]
        sums = [
            stats.multinomial.pmf(
                extreme, num_seeds, [rate - margin, rate, max(0.0, 1 + margin - 2 * rate)]
            ).sum()
            for rate in np.linspace(margin, (1 + margin) / 2, NUM_RATES)
        ]
        assert p[i] == pytest.approx(min(1.0, max(sums)), abs=1e-10)


def chances(num_seeds: int, of: float, against: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Every pair of counts of so many seeds, with its chance."""
    results = np.array([(a, b) for a in range(num_seeds + 1) for b in range(num_seeds + 1 - a)])
    cells = np.column_stack([results, num_seeds - results.sum(axis=1)])
    return *results.T, stats.multinomial.pmf(cells, num_seeds, [of, against, max(0.0, 1 - of - against)])


@pytest.mark.parametrize("num_seeds", [3, 5, 10, 20])
@pytest.mark.parametrize("margin", [0.1, 0.2, 0.3, 0.5])
def test_equivalence_of_rates_keeps_its_size_whatever_the_rates(num_seeds: int, margin: float) -> None:
    """By adding up all results, at rates of disagreement between those that the test looks at."""
    for rate in np.linspace(margin, (1 + margin) / 2, 41):
        of, against, chance = chances(num_seeds, rate - margin, rate)
        sides = [
            noninferior(one, other, num_seeds=num_seeds, margin=margin)
            for one, other in ((of, against), (against, of))
        ]
        claimed = np.maximum(*sides) <= 0.05
        assert chance[claimed].sum() <= 0.05 + 1e-4


def test_many_seeds_are_judged_by_the_normal_distribution() -> None:
    of, against = np.array([40]), np.array([50])
    exact = noninferior(of, against, num_seeds=400, margin=0.05)
    assert noninferior(of, against, num_seeds=401, margin=0.05) == pytest.approx(exact, abs=0.02)
