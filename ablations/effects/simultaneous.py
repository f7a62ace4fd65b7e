"""Simultaneous intervals: they hold for all rows of a family at once, and so for one picked by its result."""

import numpy as np

from ablations.contrasts.contrast import Contrast
from ablations.effects.interval import Interval
from ablations.effects.strata import fit_strata
from ablations.results.scoring import Scores
from ablations.stats.paired import MIN_SEEDS, paired_t
from ablations.stats.proportions import newcombe
from ablations.stats.resolution import scale_of
from ablations.stats.wilcoxon import hodges_lehmann


def simultaneous(contrast: Contrast, scores: Scores, *, alpha: float) -> list[Interval | None]:
    """For each row its interval at 1 - alpha divided by the number of rows; None where there is none.

    Source: Bonferroni's inequality; see tests/unit/ablations/effects/test_simultaneous.py for the coverage.
    """
    level = 1 - alpha / max(1, len(contrast.rows))
    if contrast.random is not None:
        fits = [fit_strata(each, level=level) for each in scores.strata]
        return [None if fit is None else fit.interval for fit in fits]
    found: list[Interval | None] = [None] * len(contrast.rows)
    for block in scores.blocks(at_least=MIN_SEEDS):
        # As in inference: squares of extreme scores would leave the range of numbers.
        scale = scale_of(block.scores)
        scaled = block.scores / scale[:, None]
        if contrast.of_rates:
            centre = block.scores.mean(axis=1)
            low, high = newcombe(block.of, block.against, level=level)
        elif contrast.test == "wilcoxon":
            centre, low, high = (end * scale for end in hodges_lehmann(scaled, level=level))
        else:
            fit = paired_t(scaled, level=level)
            centre, low, high = (end * scale for end in (fit.estimate, fit.low, fit.high))
        for i, row in enumerate(block.rows):
            if np.isfinite([low[i], high[i]]).all():
                found[row] = Interval(estimate=float(centre[i]), low=float(low[i]), high=float(high[i]))
    return found
