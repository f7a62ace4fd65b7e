"""The sign-flip test: under the null, each seed's score is as likely to have either sign."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int

Alternative = Literal["two-sided", "greater"]

MAX_EXACT_SEEDS = 20
MAX_LISTED_SEEDS = 10
NUM_DRAWS = 2**16
MAX_KEPT_BITS = 1 << 26
DRAWS_AT_ONCE = 2**13
ROWS_AT_ONCE = 2**9
TIE = 1e-12  # sums that differ by rounding only are equal


@dataclass(frozen=True, slots=True, kw_only=True)
class SignFlip:
    """P-values, and their Monte Carlo standard errors (0 where every flip was counted)."""

    p: Float[np.ndarray, " rows"]
    error: Float[np.ndarray, " rows"]


def sign_flip(
    scores: Float[np.ndarray, "rows seeds"], *, alternative: Alternative = "two-sided", seed: int = 0
) -> SignFlip:
    """Tests of each row's mean against 0 by flipping the signs of its scores.

    Every flip is counted up to 20 seeds. Beyond, 2^16 - 1 flips are drawn and the observed one is added,
    so that p is never 0 and the test keeps its size; all rows share the draws.

    Assumes: under the null, scores are symmetric about 0.
    Source: Fisher, "The design of experiments" (1935), section 21; Phipson & Smyth, "Permutation p-values
    should never be zero", Stat. Appl. Genet. Mol. Biol. 9 (2010), 39.

    >>> sign_flip(np.array([[1.0, 2.0, 3.0]])).p
    array([0.25])
    """
    num_rows, num_seeds = scores.shape
    if num_rows == 0 or num_seeds == 0:
        return SignFlip(p=np.full(num_rows, np.nan), error=np.zeros(num_rows))
    two_sided = alternative == "two-sided"
    observed = np.abs(scores.sum(axis=1)) if two_sided else scores.sum(axis=1)
    bounds = observed - TIE * np.abs(scores).sum(axis=1)
    if num_seeds <= MAX_EXACT_SEEDS:
        counts = (
            _count_listed(scores, bounds) if num_seeds <= MAX_LISTED_SEEDS else _count_split(scores, bounds)
        )
        share = counts / 2**num_seeds
        p = np.where(bounds > 0, 2 * share, 1.0) if two_sided else share
        return SignFlip(p=p, error=np.zeros(num_rows))
    p = (_count_drawn(scores, bounds, seed, two_sided) + 1) / NUM_DRAWS
    return SignFlip(p=p, error=np.sqrt(p * (1 - p) / NUM_DRAWS))


def smallest_p(num_seeds: int) -> float:
    """The smallest two-sided p-value that so many seeds can give.

    >>> smallest_p(6)
    0.03125
    """
    return float(2.0 ** (1 - num_seeds)) if num_seeds <= MAX_EXACT_SEEDS else 1 / NUM_DRAWS


def _count_listed(
    scores: Float[np.ndarray, "rows seeds"], bounds: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """How many of all flips have a sum of at least `bound`, with every sum formed."""
    flips, counts = _all_flips(scores.shape[1]).T, np.zeros(len(scores))
    for first in range(0, len(scores), ROWS_AT_ONCE):
        some = slice(first, first + ROWS_AT_ONCE)
        counts[some] = (scores[some] @ flips >= bounds[some, None]).sum(axis=1)
    return counts


def _count_split(
    scores: Float[np.ndarray, "rows seeds"], bounds: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    return np.array([_count_all(row, bound) for row, bound in zip(scores, bounds, strict=True)], dtype=float)


def _count_all(scores: Float[np.ndarray, " seeds"], bound: float) -> int:
    """How many of all flips have a sum of at least `bound`.

    Every sum is one of the first half of the seeds plus one of the second: with one of them sorted, the
    pairs are counted without forming them.
    """
    half = len(scores) // 2
    left, right = _sums(scores[:half]), np.sort(_sums(scores[half:]))
    too_small = np.searchsorted(right, bound - left, side="left")
    return int(len(left) * len(right) - too_small.sum())


def _sums(scores: Float[np.ndarray, " seeds"]) -> Float[np.ndarray, " flips"]:
    return np.asarray(_all_flips(len(scores)) @ scores)


@lru_cache(maxsize=MAX_EXACT_SEEDS)
def _all_flips(num_seeds: int) -> Float[np.ndarray, "flips seeds"]:
    bits: Bool[np.ndarray, "flips seeds"] = (
        np.arange(2**num_seeds)[:, None] >> np.arange(num_seeds)
    ) & 1 == 1
    return np.where(bits, -1.0, 1.0)


def _count_drawn(
    scores: Float[np.ndarray, "rows seeds"], bounds: Float[np.ndarray, " rows"], seed: int, two_sided: bool
) -> Float[np.ndarray, " rows"]:
    """How many of the drawn flips have a sum of at least `bound`, in chunks to bound memory."""
    counts = np.zeros(len(scores))
    num_seeds = scores.shape[1]
    drawn = _kept_bits if num_seeds * NUM_DRAWS <= MAX_KEPT_BITS else _draw_bits
    for bits in drawn(num_seeds, seed):
        flips = bits * 2.0 - 1.0
        for first in range(0, len(scores), ROWS_AT_ONCE):
            some = slice(first, first + ROWS_AT_ONCE)
            sums = flips @ scores[some].T
            counts[some] += ((np.abs(sums) if two_sided else sums) >= bounds[some]).sum(axis=0)
    return counts


def _draw_bits(num_seeds: int, seed: int) -> Iterator[Int[np.ndarray, "draws seeds"]]:
    rng = np.random.default_rng(seed)
    for start in range(0, NUM_DRAWS - 1, DRAWS_AT_ONCE):
        num_draws = min(DRAWS_AT_ONCE, NUM_DRAWS - 1 - start)
        yield rng.integers(0, 2, size=(num_draws, num_seeds)).astype(np.int8)


@lru_cache(maxsize=1)
def _kept_bits(num_seeds: int, seed: int) -> tuple[Int[np.ndarray, "draws seeds"], ...]:
    """The same, kept: all families of a report are judged by the same draws, and drawing takes longest."""
    return tuple(_draw_bits(num_seeds, seed))
