"""BCa intervals against scipy."""

import numpy as np
import pytest
from scipy import stats

from ablations.stats.bootstrap import bca

RNG = np.random.default_rng(19)


@pytest.mark.parametrize("num_seeds", [3, 5, 10, 20])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_agrees_with_scipy(num_seeds: int, level: float) -> None:
    # sixty-fourths add up without rounding, so that scipy sees the ties between resampled means as well
    scores = RNG.integers(-100, 200, (5, num_seeds)) / 64
    low, high = bca(scores, level=level, seed=5, num_draws=999)
    for row in range(5):
        expected = stats.bootstrap(
            (scores[row],),
            np.mean,
            confidence_level=level,
            n_resamples=999,
            method="BCa",
            rng=np.random.default_rng(5),
        ).confidence_interval
        assert (low[row], high[row]) == pytest.approx((expected.low, expected.high), abs=1e-10)


def test_a_constant_row_is_a_point() -> None:
    low, high = bca(np.array([[0.1] * 7, [0.1] * 6 + [0.2]]))
    assert low[0] == high[0] == 0.1
    assert 0.1 - 1e-12 <= low[1] < high[1]


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    scores = RNG.normal(0, 1, (300, 8))
    low, high = bca(scores)
    alone = bca(scores[[3, 290]])
    np.testing.assert_allclose((low[[3, 290]], high[[3, 290]]), alone, atol=1e-12)


def test_reflecting_the_scores_reflects_the_interval() -> None:
    scores = RNG.normal(0.5, 1, (4, 9))
    low, high = bca(scores)
    left, right = bca(-scores)
    np.testing.assert_allclose((low, high), (-right, -left), atol=0.02)
