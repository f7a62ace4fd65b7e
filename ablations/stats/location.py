"""Where scores lie, by more than their mean."""

import numpy as np
from jaxtyping import Float


def mean(scores: Float[np.ndarray, "rows seeds"]) -> Float[np.ndarray, " rows"]:
    """The mean of each row."""
    return np.asarray(scores.mean(axis=1))


def median(scores: Float[np.ndarray, "rows seeds"]) -> Float[np.ndarray, " rows"]:
    """The median of each row."""
    return np.asarray(np.median(scores, axis=1))


def interquartile_mean(scores: Float[np.ndarray, "rows seeds"]) -> Float[np.ndarray, " rows"]:
    """The mean of the middle half of each row; a quarter of the seeds, rounded down, is cut at either end.

    Source: Agarwal et al., "Deep reinforcement learning at the edge of the statistical precipice" (2021).

    >>> interquartile_mean(np.array([[0.0, 1.0, 3.0, 100.0]]))
    array([2.])
    """
    num_seeds = scores.shape[1]
    cut = num_seeds // 4
    return np.asarray(np.sort(scores, axis=1)[:, cut : num_seeds - cut].mean(axis=1))
