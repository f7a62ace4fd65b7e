"""Wilcoxon's signed-rank test, exact also with ties, and the estimate and interval that belong to it."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy import special, stats

from ablations.stats.permutation import Alternative

MAX_EXACT_SEEDS = 50
DIGITS = 12
SMALLEST = 1e-300
ROWS_AT_ONCE = 2**10


def wilcoxon(
    scores: Float[np.ndarray, "rows seeds"], *, alternative: Alternative = "two-sided"
) -> Float[np.ndarray, " rows"]:
    """P-values for a centre of symmetry away from 0, or above it; scores of 0 are left out.

    Up to 50 seeds they are exact, tied scores sharing their mean rank; beyond, from the normal
    approximation with the correction for ties.

    Assumes: under the null, scores are symmetric about 0.
    Source: Wilcoxon, "Individual comparisons by ranking methods", Biometrics Bulletin 1 (1945), 80-83;
    Pratt & Gibbons, "Concepts of nonparametric theory" (1981), chapter 3, for ties.

    >>> wilcoxon(np.array([[1.0, 2.0, 3.0]]))
    array([0.25])
    """
    if scores.shape[1] > MAX_EXACT_SEEDS:
        return np.array([_approximate(row, alternative) for row in scores])
    ranks = _doubled_ranks(scores)
    patterns, pattern = np.unique(np.sort(ranks, axis=1), axis=0, return_inverse=True)
    positive = np.where(scores > 0, ranks, 0).sum(axis=1)
    p = np.empty(len(scores))
    for i, ranked in enumerate(patterns):
        tails, rows = _tails(tuple(ranked.tolist())), pattern == i
        furthest = np.maximum(positive[rows], ranked.sum() - positive[rows])
        p[rows] = tails[positive[rows]] if alternative == "greater" else np.minimum(1, 2 * tails[furthest])
    return p


def _doubled_ranks(scores: Float[np.ndarray, "rows seeds"]) -> Int[np.ndarray, "rows seeds"]:
    """Twice the ranks of the sizes of the scores, which are integers also with ties; 0 for a score of 0."""
    size = np.abs(scores)
    size = np.round(size / np.maximum(size.max(axis=1, keepdims=True), SMALLEST), DIGITS)
    ranks = stats.rankdata(size, axis=1) - (size == 0).sum(axis=1, keepdims=True)
    return np.where(size == 0, 0, np.rint(2 * ranks)).astype(int)


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


def _approximate(scores: Float[np.ndarray, " seeds"], alternative: Alternative) -> float:
    if not scores.any():
        return 1.0
    return float(stats.wilcoxon(scores, method="approx", alternative=alternative).pvalue)


def hodges_lehmann(
    scores: Float[np.ndarray, "rows seeds"], *, level: float = 0.95
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """The median of all averages of two scores (of a score with itself too), and its interval.

    The interval holds those centres of symmetry that the two-sided test does not refuse; its ends are
    averages as well, and NaN where so few scores refuse none.

    Assumes: scores are symmetric about their centre; without ties.
    Source: Hodges & Lehmann, "Estimates of location based on rank tests", Ann. Math. Statist. 34 (1963),
    598-611; the interval: Hollander & Wolfe, "Nonparametric statistical methods" (1999), section 3.3.

    >>> [float(end[0]) for end in hodges_lehmann(np.array([[1.0, 2.0, 3.0, 4.0, 5.0, 60.0]]))]
    [3.75, 1.0, 60.0]
    """
    num_rows, num_seeds = scores.shape
    first, second = np.triu_indices(num_seeds)
    num_refused = _num_refused(num_seeds, level)
    found = np.full((3, num_rows), np.nan)
    for start in range(0, num_rows, ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        averages = np.sort((scores[some][:, first] + scores[some][:, second]) / 2, axis=1)
        found[0, some] = np.median(averages, axis=1)
        if num_refused:
            found[1, some] = averages[:, num_refused - 1]
            found[2, some] = averages[:, -num_refused]
    return found[0], found[1], found[2]


@lru_cache(maxsize=256)
def _num_refused(num_seeds: int, level: float) -> int:
    """The number of rank sums from 0 on with which the two-sided test would refuse a centre."""
    if num_seeds > MAX_EXACT_SEEDS:
        mean = num_seeds * (num_seeds + 1) / 4
        spread = np.sqrt(mean * (2 * num_seeds + 1) / 6)
        return int(mean + special.ndtri((1 - level) / 2) * spread) + 1
    ranks = tuple(range(2, 2 * num_seeds + 1, 2))
    tails = _tails(ranks)[::-1][::2]  # sums of doubled ranks are even; the tails of small sums mirror those
    return int((2 * tails <= 1 - level + 1e-12).sum())
