"""Power of the paired t test: what a number of seeds can show, and how many seeds it takes."""

import math

from scipy import optimize, stats

POWER = 0.8
MAX_SEEDS = 1_000_000
NO_WRONG_SIGN = 10.0  # beyond this shift a significant effect of the wrong sign has a chance below 1e-20


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
    high = 1.0
    while power_of(high, num_seeds=num_seeds, alpha=alpha) < power:
        high *= 2
    root = optimize.brentq(
        lambda effect: power_of(effect, num_seeds=num_seeds, alpha=alpha) - power, 0.0, high, xtol=1e-12
    )
    return float(root)


def seeds_needed(effect: float, *, alpha: float, power: float = POWER) -> int | None:
    """The fewest seeds with which the test finds this effect; None beyond a million.

    Units: `effect` in standard deviations of the paired difference.

    >>> seeds_needed(1.0, alpha=0.05)
    10
    """
    low, high = 1, 2
    while power_of(effect, num_seeds=high, alpha=alpha) < power:
        low, high = high, 2 * high
        if low > MAX_SEEDS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if power_of(effect, num_seeds=middle, alpha=alpha) < power:
            low = middle
        else:
            high = middle
    return high
