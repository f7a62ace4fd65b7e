"""The interquartile mean of all runs in all strata, as benchmarks of reinforcement learning report it."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ablations.stats.location import interquartile_mean

NUM_DRAWS = 2000


def interquartile_mean_over(
    runs: Sequence[Float[np.ndarray, " runs"]],
    *,
    level: float = 0.95,
    seed: int = 0,
    num_draws: int = NUM_DRAWS,
) -> tuple[float, float, float]:
    """The mean of the middle half of all runs in all strata, with its stratified bootstrap interval.

    `runs` holds the values of each stratum. Runs are resampled within their stratum, never the strata: the
    interval is for these strata, and its ends are percentiles. A quarter of the runs is cut at either end.

    Source: Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice" (2021),
    section 4 and its library rliable.

    >>> interquartile_mean_over([np.array([1.0, 1.0]), np.array([2.0, 2.0])])
    (1.5, 1.5, 1.5)
    """
    rng = np.random.default_rng(seed)
    drawn = np.hstack([each[rng.integers(0, len(each), (num_draws, len(each)))] for each in runs])
    low, high = np.quantile(interquartile_mean(drawn), [(1 - level) / 2, (1 + level) / 2])
    return float(interquartile_mean(np.concatenate(runs)[None])[0]), float(low), float(high)
