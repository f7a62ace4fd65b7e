"""Reach: what each test can show with so many seeds, at best and with a given chance."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Float
from scipy import optimize, stats

from ablations.stats import permutation
from ablations.stats.correction import Correction, adjust
from ablations.stats.permutation import sign_flip
from ablations.stats.power import POWER, detectable_effect, power_of, seeds_needed
from ablations.stats.wilcoxon import MAX_EXACT_SEEDS, wilcoxon

Test = Literal["paired_t", "sign_flip", "wilcoxon", "mcnemar", "hartung_knapp"]
NUM_SAMPLES = 2000
SEED = 20_260_701
ARE_OF_WILCOXON = 3 / math.pi  # against the t test, with normal errors
MAX_SEEDS = 400


def smallest_p(test: str, num_seeds: int) -> float:
    """The smallest two-sided p that a test can give; 0 for the t tests, which have no smallest.

    The sign-flip test draws flips beyond 20 seeds, and no p of its lies below one in their number.

    >>> smallest_p("wilcoxon", 6), smallest_p("sign_flip", 25) == 2**-16, smallest_p("paired_t", 2)
    (0.03125, True, 0.0)
    """
    if test in ("paired_t", "hartung_knapp"):
        return 0.0 if num_seeds > 1 else 1.0
    if num_seeds < 1:
        return 1.0
    return permutation.smallest_p(num_seeds) if test == "sign_flip" else math.ldexp(2.0, -num_seeds)


def smallest_adjusted(
    test: str, num_seeds: Sequence[int], correction: Correction
) -> Float[np.ndarray, " rows"]:
    """For each row of a family the smallest adjusted p it can have, were all rows as clear as can be.

    `num_seeds` are those of each row.
    """
    return adjust(np.array([smallest_p(test, n) for n in num_seeds], dtype=float), correction)


def enough_seeds(test: str, num_rows: int, correction: Correction, *, alpha: float) -> int | None:
    """The fewest seeds with which every row of a family can be significant; None if no number of seeds can.

    >>> enough_seeds("sign_flip", 1, "holm", alpha=0.05), enough_seeds("mcnemar", 10, "holm", alpha=0.05)
    (6, 9)
    """
    # Alike rows: Holm multiplies all of their p by their number, Benjamini and Hochberg's leaves them.
    factor = num_rows if correction == "holm" else 1
    return next((n for n in range(2, MAX_SEEDS) if factor * smallest_p(test, n) <= alpha), None)


def power_with(test: str, effect: float, *, num_seeds: int, alpha: float) -> float:
    """The chance that a test finds an effect.

    Units: `effect` in standard deviations of the paired difference; for McNemar's test it is the difference
    of two rates, all of whose disagreement is on one side.
    Assumes: normal differences. The t test's power is exact, McNemar's too; those of the sign-flip and the
    signed-rank test are shares of 2000 simulated samples (standard error below 0.012), and beyond 20 seeds
    that of the t test for the first; beyond 50 the t test's of 3/pi as many seeds for the second.
    Source: own derivation, see tests/unit/ablations/stats/test_reach.py.
    """
    if smallest_p(test, num_seeds) > alpha:
        return 0.0
    if test == "mcnemar":
        return _mcnemar_power(effect, num_seeds, alpha)
    if test == "wilcoxon" and num_seeds <= MAX_EXACT_SEEDS:
        return float(np.mean(wilcoxon(_sample(num_seeds) + abs(effect)) <= alpha))
    if test == "sign_flip" and num_seeds <= permutation.MAX_EXACT_SEEDS:
        return float(np.mean(sign_flip(_sample(num_seeds) + abs(effect)).p <= alpha))
    as_many = math.floor(num_seeds * ARE_OF_WILCOXON) if test == "wilcoxon" else num_seeds
    return power_of(effect, num_seeds=as_many, alpha=alpha)


@lru_cache(maxsize=512)
def detectable_with(test: str, *, num_seeds: int, alpha: float, power: float = POWER) -> float | None:
    """The smallest effect that a test finds with this power; None where it can find nothing.

    Units: as in `power_with`.
    """
    if num_seeds < 2 or smallest_p(test, num_seeds) > alpha:
        return None
    if test == "paired_t":
        return detectable_effect(num_seeds=num_seeds, alpha=alpha, power=power)
    if test == "mcnemar":
        return _root(test, 0.0, 1.0, num_seeds, alpha, power)
    low = 0.9 * detectable_effect(num_seeds=num_seeds, alpha=alpha, power=power)
    high = low
    while power_with(test, high, num_seeds=num_seeds, alpha=alpha) < power:
        low, high = high, 1.5 * high
    return _root(test, low, high, num_seeds, alpha, power)


def _root(test: str, low: float, high: float, num_seeds: int, alpha: float, power: float) -> float:
    def short(effect: float) -> float:
        return power_with(test, effect, num_seeds=num_seeds, alpha=alpha) - power

    if short(low) >= 0:
        return low
    return float(optimize.brentq(short, low, high, xtol=2e-3 * high))


def seeds_with(test: str, effect: float, *, alpha: float, power: float = POWER) -> int | None:
    """The fewest seeds with which a test finds this effect; None beyond 400, for the t test a million.

    Units: as in `power_with`.
    """
    if test == "paired_t":
        return seeds_needed(effect, alpha=alpha, power=power)
    fewest = 2 if test == "mcnemar" else (seeds_needed(effect, alpha=alpha, power=power) or MAX_SEEDS)
    least = enough_seeds(test, 1, "none", alpha=alpha)
    if least is None:
        return None
    start = max(fewest, least)
    return next(
        (n for n in range(start, MAX_SEEDS) if power_with(test, effect, num_seeds=n, alpha=alpha) >= power),
        None,
    )


@lru_cache(maxsize=8)
def _sample(num_seeds: int) -> Float[np.ndarray, "samples seeds"]:
    """Normal differences, always the same, so that power grows smoothly with the effect."""
    return np.random.default_rng(SEED + num_seeds).normal(0, 1, (NUM_SAMPLES, num_seeds))


def _mcnemar_power(difference: float, num_seeds: int, alpha: float) -> float:
    """The chance that enough seeds disagree, where all that do are on one side."""
    needed = next(k for k in range(1, num_seeds + 1) if math.ldexp(2.0, -k) <= alpha)
    return float(stats.binom.sf(needed - 1, num_seeds, min(1.0, abs(difference))))
