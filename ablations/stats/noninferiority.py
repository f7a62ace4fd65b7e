"""Exact evidence that one paired rate lies less than a margin below another."""

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Int
from scipy import special

MAX_EXACT_SEEDS = 400
NUM_RATES = 257
TIE = 1e-9


def noninferior(
    num_of: Int[np.ndarray, " rows"], num_against: Int[np.ndarray, " rows"], *, num_seeds: int, margin: float
) -> Float[np.ndarray, " rows"]:
    """P-values for a rate of `of` that is more than -margin above that of `against`.

    The counts are of seeds with a 1 on that side only. The test is unconditional: among all results of so
    many seeds, those whose score statistic is at least as large are added up, at the rate of disagreement
    that makes them most likely. Beyond 400 seeds the normal distribution stands in for the sum.

    Assumes: seeds are independent. The largest sum is searched for among 257 rates of disagreement.
    Source: Hsueh, Liu & Chen, "Unconditional exact tests for equivalence or noninferiority for paired binary
    endpoints", Biometrics 57 (2001), 478-483; the statistic: Tango, Stat. Med. 17 (1998), 891-908.
    """
    if margin > 1:
        return np.zeros(len(num_of))
    if num_seeds > MAX_EXACT_SEEDS:
        return np.asarray(special.ndtr(-score(num_of, num_against, num_seeds, margin)))
    return np.asarray(_table(num_seeds, margin)[num_of, num_against])


def score(
    num_of: Int[np.ndarray, "*any"], num_against: Int[np.ndarray, "*any"], num_seeds: int, margin: float
) -> Float[np.ndarray, "*any"]:
    """Tango's score statistic: how far the difference lies above -margin, in standard errors there."""
    of, against = np.asarray(num_of, dtype=float), np.asarray(num_against, dtype=float)
    b = (2 * num_seeds - of + against) * -margin - of - against
    c = against * margin * (1 + margin)
    rate = (np.sqrt(np.maximum(b**2 - 8 * num_seeds * c, 0.0)) - b) / (4 * num_seeds)
    variance = num_seeds * (2 * rate - margin * (1 + margin))
    distance = of - against + num_seeds * margin
    certain = np.where(np.abs(distance) <= TIE, 0.0, np.where(distance > 0, np.inf, -np.inf))
    spread = np.sqrt(np.maximum(variance, 0.0))
    return np.asarray(np.divide(distance, spread, out=certain, where=variance > TIE))


@lru_cache(maxsize=64)
def _table(num_seeds: int, margin: float) -> Float[np.ndarray, "of against"]:
    """The p-value of every result of so many seeds."""
    of, against = np.nonzero(np.add.outer(np.arange(num_seeds + 1), np.arange(num_seeds + 1)) <= num_seeds)
    statistic = score(of, against, num_seeds, margin)
    order = np.argsort(-statistic, kind="stable")
    of, against, statistic = of[order], against[order], statistic[order]
    agree = num_seeds - of - against
    ways = special.gammaln(num_seeds + 1) - sum(special.gammaln(k + 1) for k in (of, against, agree))
    largest = np.zeros(len(of))
    for rate in np.linspace(margin, (1 + margin) / 2, NUM_RATES):  # of a 1 in `against` only
        logs = special.xlogy(of, rate - margin) + special.xlogy(against, rate)
        logs += special.xlogy(agree, max(0.0, 1 + margin - 2 * rate))
        largest = np.maximum(largest, np.cumsum(np.exp(ways + logs)))
    last = np.searchsorted(-statistic, -statistic + TIE, side="right") - 1  # ties share the largest sum
    table = np.full((num_seeds + 1, num_seeds + 1), np.nan)
    table[of, against] = np.minimum(1.0, largest[last])
    return table
