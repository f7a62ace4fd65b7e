"""The interval of the row that an answer singles out holds the truth as often as it says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ablations.contrasts.contrast import Contrast, compile_contrasts
from ablations.effects.simultaneous import simultaneous
from ablations.results.scoring import Scores
from ablations.stats.paired import paired_t
from tests.unit.ablations.studies import SMALL, design_of

NUM_STUDIES = 1500


def family(num_rows: int, **changes: Any) -> Contrast:
    contrast = compile_contrasts(design_of(SMALL, **changes)).contrasts[0]
    return replace(contrast, rows=contrast.rows * num_rows)


def scores_of(values: np.ndarray) -> Scores:
    holes = np.zeros(len(values), dtype=int)
    return Scores(values=values, of=values, against=values * 0, holes=holes, log=False)


@pytest.mark.parametrize("num_rows", [4, 12])
@pytest.mark.parametrize("num_seeds", [3, 10])
def test_the_largest_effects_interval_holds_zero_where_nothing_differs(num_rows: int, num_seeds: int) -> None:
    """False alarm: 5 standard errors at a coverage of 95 %, and the seed is fixed."""
    contrast, rng = family(num_rows), np.random.default_rng(8)
    held = alone = 0
    for _ in range(NUM_STUDIES):
        values = rng.normal(0, 1, (num_rows, num_seeds))
        # The row that would be singled out: the one with the clearest result.
        t = np.abs(values.mean(axis=1)) / values.std(axis=1, ddof=1)
        picked = int(np.argmax(t))
        interval = simultaneous(contrast, scores_of(values), alpha=0.05)[picked]
        assert interval is not None and interval.low is not None and interval.high is not None
        held += interval.low <= 0 <= interval.high
        narrow = paired_t(values[picked : picked + 1], level=0.95)
        alone += bool(narrow.low[0] <= 0 <= narrow.high[0])
    assert held / NUM_STUDIES >= 0.95 - 5 * (0.05 * 0.95 / NUM_STUDIES) ** 0.5
    assert alone / NUM_STUDIES < 0.87  # what the answer used to say


def test_rates_and_single_seeds() -> None:
    rates = {"metric": ..., "metrics": [{"name": "collapsed", "of": "test_accuracy", "below": 0.8}]}
    contrast = family(2, factors={"scalars": ["none", "shared"]}, **rates)
    assert contrast.of_rates and contrast.carried_by == "mcnemar"
    of, against = np.array([[1.0] * 6, [0.0] * 6]), np.zeros((2, 6))
    scores = Scores(values=of - against, of=of, against=against, holes=np.zeros(2, dtype=int), log=False)
    first, second = simultaneous(contrast, scores, alpha=0.05)
    assert first is not None and second is not None
    assert 0 < (first.low or 0) < 1 and first.high == 1 and second.low is not None and second.low < 0
    assert simultaneous(contrast, scores_of(of[:, :1]), alpha=0.05) == [None, None]
