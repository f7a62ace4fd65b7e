"""Wilcoxon's signed-rank test, exact also with ties."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy import stats

MAX_EXACT_SEEDS = 50
DIGITS = 12


def wilcoxon(scores: Float[np.ndarray, "rows seeds"]) -> Float[np.ndarray, " rows"]:
    """Two-sided p-values for a centre of symmetry at 0; scores of 0 are left out.

    Up to 50 seeds they are exact, tied scores sharing their mean rank; beyond, from the normal
    approximation with the correction for ties.

    Assumes: under the null, scores are symmetric about 0.
    Source: Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945), 80-83;
    Pratt & Gibbons, "Concepts of nonparametric theory" (1981), chapter 3, for ties.

    >>> wilcoxon(np.array([[1.0, 2.0, 3.0]]))
    array([0.25])
    """
    if scores.shape[1] > MAX_EXACT_SEEDS:
        return _approximate(scores)
    return np.array([_exact(row[row != 0]) for row in scores])


def _exact(scores: Float[np.ndarray, " seeds"]) -> float:
    if len(scores) == 0:
        return 1.0
    size = np.abs(scores)
    doubled = np.rint(2 * stats.rankdata(np.round(size / size.max(), DIGITS))).astype(int)
    tails = _tails(tuple(sorted(doubled.tolist())))
    total, positive = int(doubled.sum()), int(doubled[scores > 0].sum())
    return float(min(1.0, 2 * tails[max(positive, total - positive)]))


@lru_cache(maxsize=4096)
def _tails(ranks: Sequence[int]) -> Float[np.ndarray, " sums"]:
    """The chance that a random subset of the ranks sums to at least 0, 1, 2, ..."""
    chances = np.zeros(sum(ranks) + 1)
    chances[0] = 1.0
    for rank in ranks:
        shifted = np.zeros_like(chances)
        shifted[rank:] = chances[: len(chances) - rank]
        chances = (chances + shifted) / 2
    return np.asarray(np.cumsum(chances[::-1])[::-1])


def _approximate(scores: Float[np.ndarray, "rows seeds"]) -> Float[np.ndarray, " rows"]:
    return np.array([stats.wilcoxon(row, method="approx").pvalue if row.any() else 1.0 for row in scores])
