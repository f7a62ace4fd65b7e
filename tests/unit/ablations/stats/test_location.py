"""Medians and interquartile means against numpy and scipy."""

import numpy as np
import pytest
from scipy import stats

from ablations.stats.location import interquartile_mean, median

RNG = np.random.default_rng(23)


@pytest.mark.parametrize("num_seeds", [1, 2, 3, 4, 7, 8, 10, 20])
def test_agree_with_scipy(num_seeds: int) -> None:
    scores = RNG.normal(0, 1, (4, num_seeds))
    np.testing.assert_allclose(interquartile_mean(scores), stats.trim_mean(scores, 0.25, axis=1), atol=1e-10)
    np.testing.assert_allclose(median(scores), [np.median(row) for row in scores], atol=1e-10)
