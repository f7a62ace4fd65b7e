"""Corrections of p-values for the size of their family."""

from typing import Literal

import numpy as np
from jaxtyping import Float

Correction = Literal["holm", "bh", "none"]


def adjust(p: Float[np.ndarray, " rows"], correction: Correction) -> Float[np.ndarray, " rows"]:
    """Adjusted p-values of one family.

    A row without p (NaN) keeps none, but still counts in the size of the family: that was fixed before
    the results, and a missing result must not make the others easier.
    """
    if correction == "none":
        return p.copy()
    filled = np.where(np.isnan(p), 1.0, p)
    adjusted = holm(filled) if correction == "holm" else benjamini_hochberg(filled)
    return np.where(np.isnan(p), np.nan, adjusted)


def share_of(alpha: float, num_rows: int, correction: Correction) -> float:
    """The level at which one row of a family must be significant, at worst."""
    return alpha / (1 if correction == "none" else max(1, num_rows))


def holm(p: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """Holm's step-down adjustment: the chance of any false alarm in the family stays below alpha.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statist. 6 (1979).

    >>> holm(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.06, 0.06])
    """
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    stepped = np.minimum(np.maximum.accumulate(p[order] * factors), 1.0)
    return _in_order(stepped, order)


def benjamini_hochberg(p: Float[np.ndarray, " rows"]) -> Float[np.ndarray, " rows"]:
    """Benjamini and Hochberg's step-up adjustment: the expected share of false alarms stays below alpha.

    Assumes: the tests are independent or positively dependent.
    Source: Benjamini & Hochberg, J. R. Statist. Soc. B 57 (1995), 289-300.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03]))
    array([0.03, 0.04, 0.04])
    """
    order = np.argsort(p, kind="stable")
    factors = len(p) / np.arange(1, len(p) + 1)
    stepped = np.minimum.accumulate((p[order] * factors)[::-1])[::-1]
    return _in_order(np.minimum(stepped, 1.0), order)


def _in_order(values: Float[np.ndarray, " rows"], order: np.ndarray) -> Float[np.ndarray, " rows"]:
    result = np.empty_like(values)
    result[order] = values
    return result
