"""Rates on paired seeds: tests and intervals."""

import numpy as np
from jaxtyping import Float
from scipy import special, stats


def mcnemar(
    of: Float[np.ndarray, "rows seeds"], against: Float[np.ndarray, "rows seeds"]
) -> Float[np.ndarray, " rows"]:
    """Exact two-sided p-values for two paired rates, from the seeds on which the sides disagree.

    Assumes: values are 0 or 1.
    Source: McNemar, Psychometrika 12 (1947), 153-157; exact by the binomial distribution.

    >>> mcnemar(np.array([[1.0, 1.0, 1.0, 0.0]]), np.array([[0.0, 0.0, 0.0, 0.0]]))
    array([0.25])
    """
    num_of, num_against = ((of > against).sum(axis=1), (of < against).sum(axis=1))
    num_apart = num_of + num_against
    tail = stats.binom.cdf(np.minimum(num_of, num_against), num_apart, 0.5)
    return np.asarray(np.minimum(1.0, 2 * tail))


def wilson(
    count: Float[np.ndarray, " rows"], num_seeds: int, *, level: float | Float[np.ndarray, " rows"] = 0.95
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """Score intervals for rates.

    Source: Wilson, J. Am. Stat. Assoc. 22 (1927), 209-212.
    """
    z = special.ndtri((1 + np.asarray(level)) / 2)
    rate, shrunk = count / num_seeds, 1 + z**2 / num_seeds
    centre = (rate + z**2 / (2 * num_seeds)) / shrunk
    spread = rate * (1 - rate) / num_seeds + z**2 / (4 * num_seeds**2)
    half_width = z * np.sqrt(spread) / shrunk
    low = np.where(count == 0, 0.0, centre - half_width)
    return low, np.where(count == num_seeds, 1.0, centre + half_width)


def newcombe(
    of: Float[np.ndarray, "rows seeds"],
    against: Float[np.ndarray, "rows seeds"],
    *,
    level: float | Float[np.ndarray, " rows"] = 0.95,
) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " rows"]]:
    """Intervals for the difference of two paired rates.

    Assumes: values are 0 or 1.
    Source: Newcombe, "Improved confidence intervals for the difference between binomial proportions based on
    paired data", Stat. Med. 17 (1998), 2635-2650, method 10.
    """
    num_seeds = of.shape[1]
    rate_of, rate_against = of.mean(axis=1), against.mean(axis=1)
    low_of, high_of = wilson(of.sum(axis=1), num_seeds, level=level)
    low_against, high_against = wilson(against.sum(axis=1), num_seeds, level=level)
    phi = _association(of, against)

    def reach(
        left: Float[np.ndarray, " rows"], right: Float[np.ndarray, " rows"]
    ) -> Float[np.ndarray, " rows"]:
        return np.asarray(np.sqrt(np.maximum(left**2 - 2 * phi * left * right + right**2, 0.0)))

    difference = rate_of - rate_against
    low = difference - reach(rate_of - low_of, high_against - rate_against)
    return low, difference + reach(high_of - rate_of, rate_against - low_against)


def _association(
    of: Float[np.ndarray, "rows seeds"], against: Float[np.ndarray, "rows seeds"]
) -> Float[np.ndarray, " rows"]:
    """Newcombe's phi: a positive association of the two sides is continuity-corrected towards 0."""
    num_seeds = of.shape[1]
    both = (of * against).sum(axis=1)
    num_of, num_against = of.sum(axis=1), against.sum(axis=1)
    neither = num_seeds - num_of - num_against + both
    product = both * neither - (num_of - both) * (num_against - both)
    corrected = np.where(product > 0, np.maximum(product - num_seeds / 2, 0.0), product)
    margins = num_of * (num_seeds - num_of) * num_against * (num_seeds - num_against)
    return np.asarray(np.divide(corrected, np.sqrt(margins), out=np.zeros_like(corrected), where=margins > 0))
