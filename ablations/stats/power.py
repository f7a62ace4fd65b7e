"""Power of the paired t test: what a number of seeds can show, and how many seeds it takes."""

import bisect
import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from jaxtyping import Float
from scipy import optimize, special, stats

POWER = 0.8
MAX_SEEDS = 1_000_000
QUADRATURE = 400
SEED_GRID = (*range(2, 100), *(math.ceil(100 * 1.019**i) for i in range(490)))
NO_WRONG_SIGN = 10.0  # beyond this shift a significant effect of the wrong sign has a chance below 1e-20
FAR = 1e4  # a critical value beside which the noise of the mean is nothing, and where scipy's series diverge
DOUBLINGS = 64
ITERATIONS = 500


def power_of(effect: float, *, num_seeds: int, alpha: float) -> float:
    """The chance that a two-sided paired t test finds an effect.

    Units: `effect` in standard deviations of the paired difference.
    Assumes: normal differences.
    Source: Cohen, "Statistical power analysis for the behavioral sciences" (1988), section 2.3.

    >>> round(power_of(1.0, num_seeds=10, alpha=0.05), 4)
    0.8031
    """
    df, shift = num_seeds - 1, abs(effect) * math.sqrt(num_seeds)
    critical = float(stats.t.isf(alpha / 2, df))
    if critical > FAR or math.isinf(shift):
        # Found if the observed spread is small enough: all that still decides.
        reach = 0.0 if math.isinf(critical) else shift / critical
        return max(alpha, float(stats.chi2.cdf(df * reach**2, df)) if reach < FAR else 1.0)
    found = float(stats.nct.sf(critical, df, shift))
    if shift < NO_WRONG_SIGN:
        found += float(stats.nct.sf(critical, df, -shift))
    return found


def detectable_effect(*, num_seeds: int, alpha: float, power: float = POWER) -> float:
    """The smallest effect that the test finds with this power; infinite below two seeds.

    Units: standard deviations of the paired difference.
    """
    if num_seeds < 2:
        return math.inf
    return _smallest(lambda effect: power_of(effect, num_seeds=num_seeds, alpha=alpha), power)


def seeds_needed(effect: float, *, alpha: float, power: float = POWER) -> int | None:
    """The fewest seeds with which the test finds this effect; None beyond a million.

    Units: `effect` in standard deviations of the paired difference.

    >>> seeds_needed(1.0, alpha=0.05)
    10
    """
    return _fewest(lambda n: power_of(effect, num_seeds=n, alpha=alpha) >= power)


def tost_power_of(margin: float, *, num_seeds: int, alpha: float) -> float:
    """The chance that two one-sided t tests show equivalence where there is no difference at all.

    Units: `margin` in standard deviations of the paired difference.
    Assumes: normal differences.
    Source: Phillips, "Power of the two one-sided tests procedure in bioequivalence", J. Pharmacokinet.
    Biopharm. 18 (1990), 137-144; here as the mean over the distribution of the observed spread.

    >>> round(tost_power_of(1.0, num_seeds=10, alpha=0.05), 3)
    0.795
    """
    critical = float(stats.t.isf(alpha, num_seeds - 1))
    room = margin * math.sqrt(num_seeds) - critical * _spreads(num_seeds - 1)
    return float(np.mean(np.maximum(2 * special.ndtr(room) - 1, 0.0)))


@lru_cache(maxsize=256)
def _spreads(df: int) -> Float[np.ndarray, " shares"]:
    """Observed spreads in units of the true one, at evenly spaced shares of their distribution."""
    shares = (np.arange(QUADRATURE) + 0.5) / QUADRATURE
    return np.asarray(np.sqrt(stats.chi2.ppf(shares, df) / df))


def equivalence_margin(*, num_seeds: int, alpha: float, power: float = POWER) -> float:
    """The smallest margin within which two equal arms are shown to be equivalent with this power.

    Units: standard deviations of the paired difference.
    """
    return _smallest(lambda margin: tost_power_of(margin, num_seeds=num_seeds, alpha=alpha), power)


def seeds_to_settle(margin: float, *, alpha: float, power: float = POWER) -> int | None:
    """The seeds that find a difference as large as the margin, and show equivalence if there is none.

    Each with this power. The fewest that do, up to 100 seeds; rounded up by less than 2 % beyond; None
    beyond a million.

    Units: `margin` in standard deviations of the paired difference.

    >>> seeds_to_settle(1.0, alpha=0.05)
    11
    """
    first = bisect.bisect_left(SEED_GRID, True, key=lambda n: margin >= _settled(n, alpha, power))
    return SEED_GRID[first] if first < len(SEED_GRID) else None


@lru_cache(maxsize=4096)
def _settled(num_seeds: int, alpha: float, power: float) -> float:
    """The smallest margin that this many seeds settle."""
    return max(
        detectable_effect(num_seeds=num_seeds, alpha=alpha, power=power),
        equivalence_margin(num_seeds=num_seeds, alpha=alpha, power=power),
    )


def _smallest(power_at: Callable[[float], float], power: float) -> float:
    """The smallest effect with this power; infinite where none has it within sight."""
    if power_at(0.0) >= power:
        return 0.0
    high = 1.0
    for _ in range(DOUBLINGS):
        if power_at(high) >= power:
            break
        high *= 2
    else:
        return math.inf
    return float(
        optimize.brentq(lambda effect: power_at(effect) - power, 0.0, high, xtol=1e-9, maxiter=ITERATIONS)
    )


def _fewest(enough: Callable[[int], bool]) -> int | None:
    """The fewest seeds that are enough, where more never are too few; None beyond a million."""
    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if low > MAX_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
