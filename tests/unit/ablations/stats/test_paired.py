"""The paired t interval against scipy, and where there is no spread."""

import numpy as np
import pytest
from scipy import stats

from ablations.errors import TooFewSeeds
from ablations.stats.paired import effect_size, one_sided_t, paired_t, pairing_correlation

RNG = np.random.default_rng(7)
OF, AGAINST = RNG.normal(1.0, 1.0, (6, 8)), RNG.normal(0.5, 1.0, (6, 8))


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_agrees_with_scipy(level: float) -> None:
    fit = paired_t(OF - AGAINST, level=level)
    for row in range(6):
        expected = stats.ttest_rel(OF[row], AGAINST[row])
        interval = expected.confidence_interval(level)
        assert fit.p[row] == pytest.approx(expected.pvalue, abs=1e-10)
        assert fit.low[row] == pytest.approx(interval.low, abs=1e-10)
        assert fit.high[row] == pytest.approx(interval.high, abs=1e-10)
        assert fit.estimate[row] == pytest.approx(np.mean(OF[row] - AGAINST[row]), abs=1e-10)


def test_one_side_agrees_with_scipy() -> None:
    p = one_sided_t(OF - AGAINST - 0.3)
    expected = stats.ttest_1samp(OF - AGAINST, 0.3, axis=1, alternative="greater").pvalue
    np.testing.assert_allclose(p, expected, atol=1e-10)


def test_one_side_without_spread_is_no_test() -> None:
    assert np.isnan(one_sided_t(np.full((2, 4), 0.5))).all()


def test_no_difference_at_all_is_a_point_with_p_1() -> None:
    fit = paired_t(np.zeros((1, 5)))
    assert (fit.estimate[0], fit.low[0], fit.high[0], fit.p[0], fit.sd[0]) == (0.0, 0.0, 0.0, 1.0, 0.0)


def test_a_constant_difference_is_a_point_without_t_test() -> None:
    fit = paired_t(np.full((1, 10), 0.1))
    assert (fit.estimate[0], fit.low[0], fit.high[0]) == (0.1, 0.1, 0.1)
    assert np.isnan(fit.p[0])


def test_one_seed_is_too_few() -> None:
    with pytest.raises(TooFewSeeds):
        paired_t(np.ones((3, 1)))


def test_effect_size_is_the_mean_in_units_of_the_spread() -> None:
    scores = OF - AGAINST
    np.testing.assert_allclose(effect_size(scores), scores.mean(axis=1) / scores.std(axis=1, ddof=1))
    assert np.isnan(effect_size(np.ones((1, 3)))[0])


def test_pairing_correlation_agrees_with_numpy() -> None:
    expected = [np.corrcoef(OF[row], AGAINST[row])[0, 1] for row in range(6)]
    np.testing.assert_allclose(pairing_correlation(OF, AGAINST), expected, atol=1e-10)
    assert np.isnan(pairing_correlation(np.ones((1, 4)), OF[:1, :4])[0])
