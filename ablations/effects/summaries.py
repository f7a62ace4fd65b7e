"""Summaries: every arm by itself, by more than its mean."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ablations.design.arm import Arm
from ablations.effects.description import ArmSummary, ReadingSummary
from ablations.results.results import Results
from ablations.stats.location import interquartile_mean, mean, median
from ablations.stats.resolution import scale_of

NOTHING = ReadingSummary(n=0, mean=None, sd=None, median=None, interquartile_mean=None)


def summarise(arms: Sequence[Arm], results: Results) -> tuple[ArmSummary, ...]:
    """Every arm's readings over the seeds on which they have a value."""
    found = {reading.name: _summarise_rows(results.values(reading.name)) for reading in results.readings}
    return tuple(
        ArmSummary(
            arm_id=arm.id,
            arm=arm.label,
            readings={name: rows[results.arm_index[arm.id]] for name, rows in found.items()},
        )
        for arm in arms
    )


def _summarise_rows(values: Float[np.ndarray, "arms seeds"]) -> list[ReadingSummary]:
    known = np.isfinite(values)
    n = known.sum(axis=1)
    summaries = [NOTHING] * len(values)
    for num_seeds in np.unique(n[n > 0]):
        rows = np.flatnonzero(n == num_seeds)
        some = values[rows][known[rows]].reshape(len(rows), int(num_seeds))
        scale = scale_of(some)
        some = some / scale[:, None]
        means, medians, middles = (f(some) * scale for f in (mean, median, interquartile_mean))
        spreads = some.std(axis=1, ddof=1) * scale if num_seeds > 1 else None
        for i, row in enumerate(rows):
            summaries[row] = ReadingSummary(
                n=int(num_seeds),
                mean=float(means[i]),
                sd=None if spreads is None else float(spreads[i]),
                median=float(medians[i]),
                interquartile_mean=float(middles[i]),
            )
    return summaries
