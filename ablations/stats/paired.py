"""The paired t interval and test, for many effects at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from ablations.errors import TooFewSeeds

MIN_SEEDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedT:
    """Mean scores with their t intervals and two-sided p-values; `sd` is the scores' spread over seeds."""

    estimate: Float[np.ndarray, " rows"]
    low: Float[np.ndarray, " rows"]
    high: Float[np.ndarray, " rows"]
    p: Float[np.ndarray, " rows"]
    sd: Float[np.ndarray, " rows"]


def paired_t(scores: Float[np.ndarray, "rows seeds"], *, level: float = 0.95) -> PairedT:
    """Intervals and tests for the mean of each row of seed-by-seed differences.

    A row whose scores are all equal has no spread to judge by: its interval is a point, and its p is 1
    where that score is 0 and NaN (no t test) where it is not.

    Units: those of the scores; nothing is rescaled.
    Assumes: the scores are roughly normal; with few seeds this is a leap of faith.
    Raises: TooFewSeeds below two seeds, where there is no spread.
    Source: Student, "The probable error of a mean", Biometrika 6 (1908), 1-25.

    >>> paired_t(np.array([[1.0, 2.0, 3.0]])).estimate
    array([2.])
    """
    num_seeds = scores.shape[1]
    if num_seeds < MIN_SEEDS:
        raise TooFewSeeds(f"paired_t needs {MIN_SEEDS} seeds, got {num_seeds}")
    constant = is_constant(scores)
    estimate = np.where(constant, scores[:, 0], scores.mean(axis=1))
    sd = np.where(constant, 0.0, scores.std(axis=1, ddof=1))
    error = sd / np.sqrt(num_seeds)
    half_width = stats.t.ppf((1 + level) / 2, num_seeds - 1) * error
    t = np.divide(estimate, error, out=np.full_like(estimate, np.nan), where=error > 0)
    p = np.where(constant & (estimate == 0), 1.0, 2 * stats.t.sf(np.abs(t), num_seeds - 1))
    return PairedT(estimate=estimate, low=estimate - half_width, high=estimate + half_width, p=p, sd=sd)


def one_sided_t(scores: Float[np.ndarray, "rows seeds"]) -> Float[np.ndarray, " rows"]:
    """P-values for a mean above 0; NaN where the scores have no spread."""
    fit = paired_t(scores)
    error = fit.sd / np.sqrt(scores.shape[1])
    t = np.divide(fit.estimate, error, out=np.full_like(error, np.nan), where=error > 0)
    return np.asarray(stats.t.sf(t, scores.shape[1] - 1))


def is_constant(scores: Float[np.ndarray, "rows seeds"]) -> np.ndarray:
    """Which rows hold one number only."""
    return np.asarray(scores.max(axis=1) == scores.min(axis=1))


def effect_size(scores: Float[np.ndarray, "rows seeds"]) -> Float[np.ndarray, " rows"]:
    """Cohen's d_z: the mean score in units of its standard deviation; NaN without spread.

    Source: Cohen, "Statistical power analysis for the behavioral sciences" (1988), section 2.3.5.
    """
    fit = paired_t(scores)
    return np.asarray(np.divide(fit.estimate, fit.sd, out=np.full_like(fit.sd, np.nan), where=fit.sd > 0))


def pairing_correlation(
    of: Float[np.ndarray, "rows seeds"], against: Float[np.ndarray, "rows seeds"]
) -> Float[np.ndarray, " rows"]:
    """Pearson correlation over seeds between the two sides of each effect; NaN where a side is constant.

    It is what the pairing bought: with equal spreads, the variance of a difference is 1 - r times that of
    independent seeds.
    """
    varying = ~(is_constant(of) | is_constant(against))
    left = of - of.mean(axis=1, keepdims=True)
    right = against - against.mean(axis=1, keepdims=True)
    joint = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
    product = (left * right).sum(axis=1)
    return np.asarray(np.divide(product, joint, out=np.full_like(joint, np.nan), where=varying & (joint > 0)))
