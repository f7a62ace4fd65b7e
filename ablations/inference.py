"""Inference: every estimator and test, run on the scores of a contrast at once."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ablations.scoring import Scores
from ablations.stats.paired import MIN_SEEDS, paired_t
from ablations.stats.permutation import sign_flip
from ablations.stats.wilcoxon import wilcoxon


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """What the scores of each row say; NaN where there are too few of them."""

    estimate: Float[np.ndarray, " rows"]
    low: Float[np.ndarray, " rows"]
    high: Float[np.ndarray, " rows"]
    sd: Float[np.ndarray, " rows"]
    paired_t: Float[np.ndarray, " rows"]
    sign_flip: Float[np.ndarray, " rows"]
    sign_flip_error: Float[np.ndarray, " rows"]
    wilcoxon: Float[np.ndarray, " rows"]


def infer(scores: Scores, *, level: float) -> Inference:
    """Estimates, intervals and p-values of all rows."""
    num_rows = len(scores.values)
    found = Inference(**{name: np.full(num_rows, np.nan) for name in Inference.__slots__})
    for block in scores.blocks():
        found.estimate[block.rows] = block.scores.mean(axis=1)
        if block.scores.shape[1] < MIN_SEEDS:
            continue
        fit = paired_t(block.scores, level=level)
        flips = sign_flip(block.scores)
        found.estimate[block.rows] = fit.estimate
        found.low[block.rows], found.high[block.rows] = fit.low, fit.high
        found.sd[block.rows], found.paired_t[block.rows] = fit.sd, fit.p
        found.sign_flip[block.rows], found.sign_flip_error[block.rows] = flips.p, flips.error
        found.wilcoxon[block.rows] = wilcoxon(block.scores)
    return found
