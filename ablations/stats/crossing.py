"""Where along an axis a rate crosses a level."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

NUM_DRAWS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """Where along an axis a rate crosses a level, and how far that may be off.

    Infinite where it does not within the axis: minus infinity if the rate is beyond the level from the
    first place on, plus infinity if it never gets there. So may be the ends of the interval.
    """

    at: float
    low: float
    high: float
    level: float
    rising: bool


def crossing(
    positions: Float[np.ndarray, " positions"],
    values: Float[np.ndarray, "positions seeds"],
    *,
    level: float = 0.5,
    confidence: float = 0.95,
    seed: int = 0,
) -> Crossing:
    """The position at which the mean over seeds crosses a level, between neighbours by linear interpolation.

    The rate rises if it is at least as high over the second half of the axis as over the first; then it
    crosses where it first is at the level or above, else where it first is below. The interval is the
    bootstrap's, by percentiles over resampled seeds: a seed keeps its whole course.

    Assumes: positions ascend; values are between 0 and 1.
    Source: Efron & Tibshirani, "An introduction to the bootstrap" (1993), section 13.3.
    """
    num_places, num_seeds = values.shape
    course = values.mean(axis=1)
    half = num_places // 2
    rising = bool(course[num_places - half :].sum() >= course[:half].sum())
    drawn = np.random.default_rng(seed).integers(0, num_seeds, (NUM_DRAWS, num_seeds))
    counts = np.zeros((NUM_DRAWS, num_seeds))
    np.add.at(counts, (np.arange(NUM_DRAWS)[:, None], drawn), 1.0)
    rates = np.vstack([course, counts @ values.T / num_seeds])
    places = _cross(positions, rates, level, rising)
    shares = ((1 - confidence) / 2, (1 + confidence) / 2)
    low, high = np.quantile(places[1:], shares, method="inverted_cdf")
    return Crossing(at=float(places[0]), low=float(low), high=float(high), level=level, rising=rising)


def _cross(
    positions: Float[np.ndarray, " positions"],
    rates: Float[np.ndarray, "courses positions"],
    level: float,
    rising: bool,
) -> Float[np.ndarray, " courses"]:
    """The place from which each course is beyond the level."""
    beyond: Bool[np.ndarray, "courses positions"] = rates >= level if rising else rates < level
    after = beyond.argmax(axis=1)
    courses, before = np.arange(len(rates)), np.maximum(after - 1, 0)
    left, right = rates[courses, before], rates[courses, after]
    step = np.divide(level - left, right - left, out=np.zeros(len(rates)), where=left != right)
    at = positions[before] + step * (positions[after] - positions[before])
    return np.where(beyond[:, 0], -np.inf, np.where(beyond.any(axis=1), at, np.inf))
