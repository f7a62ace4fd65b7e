"""Random effects against statsmodels, a published example, closed forms and simulation."""

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from ablations.errors import NotEstimable
from ablations.stats.populations.random_effects import (
    Certainty,
    random_effects,
    shared_covariance,
    variance_between,
)

# Thirteen trials of a vaccine: ill and well with it, ill and well without. Colditz et al., JAMA 271 (1994),
# 698-702, as in the data sets of R's metafor.
TRIALS = np.array(
    [
        [4, 119, 11, 128], [6, 300, 29, 274], [3, 228, 11, 209], [62, 13536, 248, 12619],
        [33, 5036, 47, 5761], [180, 1361, 372, 1079], [8, 2537, 10, 619], [505, 87886, 499, 87892],
        [29, 7470, 45, 7232], [17, 1699, 65, 1600], [186, 50448, 141, 27197], [5, 2493, 3, 2338],
        [27, 16886, 29, 17825],
    ],
    dtype=float,
)  # fmt: skip


def vaccine() -> tuple[np.ndarray, np.ndarray]:
    """Log risk ratios and their variances."""
    ill, well, others_ill, others_well = TRIALS.T
    effects = np.log(ill / (ill + well)) - np.log(others_ill / (others_ill + others_well))
    variances = 1 / ill - 1 / (ill + well) + 1 / others_ill - 1 / (others_ill + others_well)
    return effects, variances


@pytest.mark.parametrize("seed", range(40))
def test_mean_variance_and_interval_agree_with_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    num_strata = int(rng.integers(3, 25))
    variances = rng.uniform(0.1, 4.0, num_strata)
    effects = rng.normal(1, [0.0, 1.0, 3.0][seed % 3], num_strata) + rng.normal(0, np.sqrt(variances))
    # Its iteration gives 0 where rounding takes the last step below the root: no finer tolerance than this.
    told = combine_effects(effects, variances, method_re="pm", atol=1e-6, maxiter=500)
    found = random_effects(effects, variances, level=0.9)
    assert found.tau**2 == pytest.approx(told.tau2, abs=1e-4)
    error = math.sqrt(told.var_hksj_re)
    assert (found.mean, found.error) == pytest.approx((told.mean_effect_re, error), rel=1e-4)
    reach = stats.t.ppf(0.95, num_strata - 1) * error
    assert (found.high - found.mean, found.mean - found.low) == pytest.approx((reach, reach), rel=1e-4)
    assert found.q == pytest.approx(told.q)
    assert found.i2 == pytest.approx(max(0.0, told.i2), abs=1e-9)
    assert found.q_p == pytest.approx(told.test_homogeneity().pvalue)
    t = found.mean / found.error
    assert found.p == pytest.approx(2 * stats.t.sf(abs(t), num_strata - 1))


def test_a_published_example() -> None:
    """Q, I squared and the variance between trials as metafor's documentation has them."""
    effects, variances = vaccine()
    found = random_effects(effects, variances)
    assert found.q == pytest.approx(152.2330, abs=1e-4)
    assert found.tau**2 == pytest.approx(0.3181, abs=1e-4)
    assert found.i2 == pytest.approx(1 - 12 / 152.2330, abs=1e-6)
    # Higgins, Thompson and Spiegelhalter's interval, written out.
    reach = stats.t.ppf(0.975, 11) * math.sqrt(found.tau**2 + found.error**2)
    assert found.prediction_high - found.mean == pytest.approx(reach)
    assert found.prediction_low < found.low < found.mean < found.high < 0 < found.prediction_high


def test_equal_variances_give_the_t_test_over_strata() -> None:
    effects = np.array([0.1, 0.3, 0.2, 0.8, -0.1])
    found = random_effects(effects, np.full(5, 0.01))
    told = stats.ttest_1samp(effects, 0.0)
    assert found.p == pytest.approx(told.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(told.confidence_interval()))
    assert found.tau**2 == pytest.approx(effects.var(ddof=1) - 0.01)
    kept = found.tau**2 / (found.tau**2 + 0.01)
    assert found.shrunk == pytest.approx(effects.mean() + kept * (effects - effects.mean()))


def test_variances_that_are_estimated_are_tested_by_f() -> None:
    """With one variance for all strata, Q over its degrees is the F of a one-way analysis of variance."""
    groups = np.random.default_rng(3).normal(0, 1, (4, 6))
    pooled = groups.var(axis=1, ddof=1).mean()
    found = random_effects(groups.mean(axis=1), np.full(4, pooled / 6), freedom=20)
    assert found.q_p == pytest.approx(stats.f_oneway(*groups).pvalue)


def test_effects_without_spread_are_not_tested() -> None:
    assert random_effects(np.zeros(4), np.zeros(4)).p == 1.0
    same = random_effects(np.full(4, 0.25), np.zeros(4))
    assert math.isnan(same.p) and math.isnan(same.equivalence(1.0))
    assert (same.mean, same.low, same.high, same.tau, same.q) == (0.25, 0.25, 0.25, 0.0, 0.0)


@pytest.mark.parametrize("variances", [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
def test_variances_of_zero_leave_the_spread_between(variances: list[float]) -> None:
    effects = np.array([1.0, 2.0, 6.0])
    found = random_effects(effects, np.array(variances))
    assert found.tau > 1 and math.isfinite(found.p) and found.low < found.mean < found.high
    if not any(variances):
        assert found.tau**2 == pytest.approx(effects.var(ddof=1))
        assert found.shrunk == pytest.approx(effects)


def test_the_variance_between_meets_its_equation() -> None:
    rng = np.random.default_rng(8)
    variances = rng.uniform(0.1, 1, 9)
    effects = rng.normal(0, 2, 9)
    tau2 = variance_between(effects, variances)
    weights = 1 / (variances + tau2)
    mean = weights @ effects / weights.sum()
    assert weights @ (effects - mean) ** 2 == pytest.approx(8)


def test_what_strata_share_counts_in_the_mean_and_not_as_spread() -> None:
    effects, variances = np.array([0.9, 1.0, 1.2, 1.1]), np.full(4, 0.5)
    alone = random_effects(effects, variances)
    seeds = Certainty(error=0.1, freedom=4)
    shared = random_effects(effects, variances, shared=0.49, alone=seeds)
    assert shared.error**2 == pytest.approx(alone.error**2 + 0.49)
    assert shared.freedom == pytest.approx(4, abs=0.3) and shared.high > alone.high
    assert shared.q > alone.q


def test_nothing_is_surer_of_the_population_than_of_its_strata() -> None:
    """Four models agree, over three seeds that do not: the t interval over seeds is the wider one."""
    effects, variances = np.array([0.9, 1.0, 1.2, 1.1]), np.full(4, 0.01)
    seeds = Certainty(error=0.4, freedom=2)
    found = random_effects(effects, variances, alone=seeds)
    reach = stats.t.ppf(0.975, 2) * 0.4
    assert (found.low, found.high) == pytest.approx((1.05 - reach, 1.05 + reach))
    assert found.p == pytest.approx(2 * stats.t.sf(1.05 / 0.4, 2))
    assert found.equivalence(2.0) == pytest.approx(stats.t.sf(0.95 / 0.4, 2))
    assert found.prediction_low <= found.low and found.high <= found.prediction_high
    assert found.times(2.0).alone == Certainty(error=0.8, freedom=2)


def test_the_shared_covariance_is_the_mean_one() -> None:
    scores = np.random.default_rng(2).normal(0, 1, (4, 7)) + np.random.default_rng(5).normal(0, 2, 7)
    covariances = np.cov(scores)[~np.eye(4, dtype=bool)]
    assert shared_covariance(scores) == pytest.approx(covariances.mean() / 7)
    assert shared_covariance(np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0]])) == 0.0
    assert shared_covariance(scores[:, :1]) == 0.0


def test_equivalence_is_two_one_sided_tests() -> None:
    effects = np.array([0.1, 0.3, 0.2, 0.8, -0.1])
    found = random_effects(effects, np.full(5, 0.01))
    sides = [
        stats.ttest_1samp(effects, -0.7, alternative="greater").pvalue,
        stats.ttest_1samp(effects, 0.7, alternative="less").pvalue,
    ]
    assert found.equivalence(0.7) == pytest.approx(max(sides))


def test_another_unit_changes_sizes_and_nothing_else() -> None:
    effects, variances = vaccine()
    one, other = random_effects(effects, variances), random_effects(8 * effects, 64 * variances)
    assert one.times(8.0).prediction_low == pytest.approx(other.prediction_low)
    assert one.times(8.0).shrunk == pytest.approx(other.shrunk)
    assert (one.p, one.q, one.i2) == pytest.approx((other.p, other.q, other.i2))


def test_two_strata_are_refused() -> None:
    with pytest.raises(NotEstimable, match="3 strata, got 2"):
        random_effects(np.array([1.0, 2.0]), np.array([1.0, 1.0]))
