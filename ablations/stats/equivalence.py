"""Equivalence: evidence that an effect is smaller than a margin."""

from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from ablations.stats.noninferiority import noninferior
from ablations.stats.paired import one_sided_t
from ablations.stats.permutation import sign_flip
from ablations.stats.wilcoxon import wilcoxon

Test = Literal["paired_t", "sign_flip", "wilcoxon"]


def tost(
    scores: Float[np.ndarray, "rows seeds"],
    *,
    margin: float | Float[np.ndarray, " rows"],
    test: Test,
    coarse: Bool[np.ndarray, " rows"] | None = None,
) -> Float[np.ndarray, " rows"]:
    """P-values for an effect inside the margin: the larger of two one-sided tests against its ends.

    Scores without spread, and those that are `coarse`, are judged by flipping signs: a t test would be
    certain after two seeds.

    Source: Schuirmann, "A comparison of the two one-sided tests procedure and the power approach", J.
    Pharmacokinet. Biopharm. 15 (1987), 657-680.
    """
    ends = np.reshape(np.asarray(margin, dtype=float), (-1, 1))
    flat = np.zeros(len(scores), dtype=bool) if coarse is None else coarse
    return np.asarray(
        np.maximum(_one_sided_p(scores + ends, test, flat), _one_sided_p(ends - scores, test, flat))
    )


def _one_sided_p(
    scores: Float[np.ndarray, "rows seeds"], test: Test, flat: Bool[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """P-values for a mean above 0."""
    if test == "wilcoxon":
        return wilcoxon(scores, alternative="greater")
    if test == "sign_flip":
        return sign_flip(scores, alternative="greater").p
    p = one_sided_t(scores)
    flat = flat | np.isnan(p)
    if flat.any():
        p[flat] = sign_flip(scores[flat], alternative="greater").p
    return p


def rate_equivalence(
    of: Float[np.ndarray, "rows seeds"], against: Float[np.ndarray, "rows seeds"], *, margin: float
) -> Float[np.ndarray, " rows"]:
    """P-values for two paired rates closer than the margin: the larger of two exact one-sided ones.

    Assumes: values are 0 or 1.
    """
    num_of, num_against = (of > against).sum(axis=1), (of < against).sum(axis=1)
    num_seeds = of.shape[1]
    return np.asarray(
        np.maximum(
            noninferior(num_of, num_against, num_seeds=num_seeds, margin=margin),
            noninferior(num_against, num_of, num_seeds=num_seeds, margin=margin),
        )
    )
