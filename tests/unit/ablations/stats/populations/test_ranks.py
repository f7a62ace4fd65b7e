"""Ranks over strata against scipy, statsmodels and the example that methods are compared by."""

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ablations.stats.populations.ranks import rank_arms

# Ranks of four variants of C4.5 on 14 data sets, by area under the curve: Demsar, JMLR 7 (2006), table 6.
RANKED = np.array(
    [
        [4, 3, 2, 1], [1, 2, 3, 4], [4, 1, 2, 3], [4, 1, 3, 2], [4, 2, 3, 1], [1, 2.5, 4, 2.5], [3, 2, 4, 1],
        [2.5, 2.5, 4, 1], [4, 3, 2, 1], [2.5, 2.5, 2.5, 2.5], [4, 2.5, 1, 2.5], [3, 2, 4, 1], [4, 1, 2, 3],
        [3, 1, 4, 2],
    ]
)  # fmt: skip


def test_the_published_ranks_and_statistics() -> None:
    found = rank_arms(-RANKED)
    assert found.mean_ranks.round(3).tolist() == [3.143, 2.0, 2.893, 1.964]
    # The paper's chi squared and F are without the correction for ties, of which there are few.
    plain = 12 * 14 / (4 * 5) * float((found.mean_ranks**2).sum() - 4 * 5**2 / 4)
    assert (round(plain, 2), round(13 * plain / (14 * 3 - plain), 2)) == (9.28, 3.69)
    assert found.chi2 > plain and found.friedman < 0.05


@pytest.mark.parametrize("digits", [1, 6])
@pytest.mark.parametrize("seed", range(10))
def test_friedman_agrees_with_scipy(seed: int, digits: int) -> None:
    """Tied or not; and the F of Iman and Davenport is that of a two-way analysis of the ranks."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, (8, 5)).round(digits) + np.linspace(0, 0.5, 5)
    found = rank_arms(values)
    assert found.chi2 == pytest.approx(stats.friedmanchisquare(*values.T).statistic)
    ranks = stats.rankdata(-values, axis=1)
    arms = 8 * ((ranks.mean(axis=0) - 3) ** 2).sum() / 4
    rest = ((ranks - ranks.mean(axis=0)) ** 2).sum() / 28
    assert found.f == pytest.approx(arms / rest)
    assert found.friedman == pytest.approx(stats.f.sf(arms / rest, 4, 28))


def test_pairs_agree_with_scipy_and_statsmodels() -> None:
    values = np.random.default_rng(4).normal(0, 1, (11, 4)) + [0, 0.3, 0.6, 1.5]
    found = rank_arms(values)
    raw = [stats.wilcoxon(values[:, i], values[:, j], method="exact").pvalue for i, j in found.pairs]
    assert found.p == pytest.approx(raw)
    assert found.p_adjusted == pytest.approx(multipletests(raw, method="holm")[1])
    assert len(found.pairs) == 6


def test_two_arms_have_a_pair_and_no_friedman() -> None:
    found = rank_arms(np.array([[1.0, 0.0], [2.0, 1.0], [1.5, 1.0]]))
    assert np.isnan([found.chi2, found.f, found.friedman]).all()
    assert found.p.tolist() == [0.25] and found.mean_ranks.tolist() == [1.0, 2.0]


def test_all_strata_alike_are_no_surer_than_their_number() -> None:
    """The chance that four strata order three arms alike is 1 in 6 for each after the first."""
    found = rank_arms(np.tile([3.0, 2.0, 1.0], (4, 1)))
    assert np.isinf(found.f) and found.friedman == pytest.approx(6.0**-3)
    tied = rank_arms(np.ones((4, 3)))
    assert (tied.chi2, tied.friedman) == (0.0, 1.0) and tied.p.tolist() == [1.0] * 3
