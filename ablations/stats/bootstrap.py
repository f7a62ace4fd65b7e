"""Bootstrap intervals for mean scores, resampling seeds."""

import numpy as np
from jaxtyping import Float
from scipy import special

from ablations.stats.paired import is_constant

NUM_DRAWS = 2000
ROWS_AT_ONCE = 256
TIE = 1e-12  # means that differ by rounding only are equal


def bca(
    scores: Float[np.ndarray, "rows seeds"], *, level: float = 0.95, seed: int = 0, num_draws: int = NUM_DRAWS
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """Bias-corrected and accelerated intervals for the mean of each row; all rows share the draws.

    A row whose scores are all equal has a point for an interval. Below about ten seeds these intervals are
    too short (see the table of calibration): they stand beside the t interval, never in its place.

    Source: Efron & Tibshirani, "An introduction to the bootstrap" (1993), section 14.3.
    """
    num_rows, num_seeds = scores.shape
    drawn = np.random.default_rng(seed).integers(0, num_seeds, (num_draws, num_seeds))
    counts = np.zeros((num_draws, num_seeds))
    np.add.at(counts, (np.arange(num_draws)[:, None], drawn), 1.0)
    low, high = np.full(num_rows, np.nan), np.full(num_rows, np.nan)
    for first in range(0, num_rows, ROWS_AT_ONCE):
        some = slice(first, first + ROWS_AT_ONCE)
        low[some], high[some] = _intervals(scores[some], counts, level)
    constant = is_constant(scores)
    return np.where(constant, scores[:, 0], low), np.where(constant, scores[:, 0], high)


def _intervals(
    scores: Float[np.ndarray, "rows seeds"], counts: Float[np.ndarray, "draws seeds"], level: float
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    num_seeds = scores.shape[1]
    means = np.sort(scores @ counts.T / num_seeds, axis=1)
    estimate = scores.mean(axis=1, keepdims=True)
    tie = TIE * np.abs(scores).mean(axis=1, keepdims=True)
    below = (means < estimate - tie).mean(axis=1)
    at_most = (means <= estimate + tie).mean(axis=1)
    bias = special.ndtri((below + at_most) / 2)
    acceleration = _acceleration(scores)
    z = special.ndtri((1 - level) / 2)
    shares = [special.ndtr(bias + (bias + side) / (1 - acceleration * (bias + side))) for side in (z, -z)]
    return _quantiles(means, shares[0]), _quantiles(means, shares[1])


def _acceleration(scores: Float[np.ndarray, "rows seeds"]) -> Float[np.ndarray, " rows"]:
    """How fast the standard error grows with the mean: a sixth of the skewness of the jackknifed means."""
    centred = scores - scores.mean(axis=1, keepdims=True)
    cubes, squares = (centred**3).sum(axis=1), (centred**2).sum(axis=1)
    return np.asarray(np.divide(cubes, 6 * squares**1.5, out=np.zeros_like(cubes), where=squares > 0))


def _quantiles(
    ordered: Float[np.ndarray, "rows draws"], shares: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """One quantile of each row, by linear interpolation; NaN where its share is."""
    place = np.nan_to_num(shares) * (ordered.shape[1] - 1)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, ordered.shape[1] - 1)
    rows = np.arange(len(ordered))
    step = ordered[rows, above] - ordered[rows, below]
    return np.where(np.isnan(shares), np.nan, ordered[rows, below] + step * (place - below))
