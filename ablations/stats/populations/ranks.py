"""Ranks of arms over strata, as in comparisons of methods over many datasets."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from ablations.stats.correction import holm
from ablations.stats.wilcoxon import wilcoxon

MIN_ARMS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranking:
    """Mean ranks over strata, 1 the best; `friedman` tests whether arms rank alike, NaN below three arms.

    `chi2` is Friedman's statistic, `f` that of Iman and Davenport, from which `friedman` comes. `pairs` are
    the arms compared, by their places, with the p-values of Wilcoxon's signed-rank test over strata and
    those adjusted by Holm.
    """

    mean_ranks: Float[np.ndarray, " arms"]
    chi2: float
    f: float
    friedman: float
    pairs: tuple[tuple[int, int], ...]
    p: Float[np.ndarray, " pairs"]
    p_adjusted: Float[np.ndarray, " pairs"]


def rank_arms(values: Float[np.ndarray, "strata arms"]) -> Ranking:
    """Ranks of arms by values of which larger ones are better, one a stratum; ties share their mean rank.

    The p-value of Iman and Davenport's F is never below the chance that all strata order the arms alike.

    Assumes: strata are independent; Wilcoxon's test, that differences are symmetric without an effect.
    Source: Demsar, "Statistical comparisons of classifiers over multiple data sets", JMLR 7 (2006), 1-30;
    pairwise signed ranks: Benavoli, Corani & Mangili, JMLR 17 (2016), 1-10.

    >>> rank_arms(np.array([[0.9, 0.8, 0.7], [0.6, 0.5, 0.5]])).mean_ranks
    array([1.  , 2.25, 2.75])
    """
    num_arms = values.shape[1]
    ranks = stats.rankdata(-values, axis=1)
    chi2, f, p = _friedman(ranks)
    pairs = tuple((i, j) for i in range(num_arms) for j in range(i + 1, num_arms))
    raw = wilcoxon(np.array([values[:, i] - values[:, j] for i, j in pairs]))
    return Ranking(
        mean_ranks=ranks.mean(axis=0),
        chi2=chi2,
        f=f,
        friedman=p,
        pairs=pairs,
        p=raw,
        p_adjusted=holm(raw),
    )


def _friedman(ranks: Float[np.ndarray, "strata arms"]) -> tuple[float, float, float]:
    """Friedman's chi squared, corrected for ties, Iman and Davenport's F and its p-value."""
    num_strata, num_arms = ranks.shape
    if num_arms < MIN_ARMS or num_strata < 2:
        return math.nan, math.nan, math.nan
    centre = (num_arms + 1) / 2
    between = num_strata * float(((ranks.mean(axis=0) - centre) ** 2).sum())
    within = float(((ranks - centre) ** 2).sum()) / (num_strata * (num_arms - 1))
    if within == 0:  # all arms tie everywhere
        return 0.0, 0.0, 1.0
    chi2 = between / within
    most = num_strata * (num_arms - 1)
    least = math.factorial(num_arms) ** -(num_strata - 1.0)
    if most - chi2 <= 1e-9 * most:
        return chi2, math.inf, least
    f = (num_strata - 1) * chi2 / (most - chi2)
    p = float(stats.f.sf(f, num_arms - 1, (num_arms - 1) * (num_strata - 1)))
    return chi2, f, max(p, least)
