"""What tests can show at best, and their power, against scipy, enumeration and simulation."""

import math

import numpy as np
import pytest
from scipy import stats

from ablations.stats.permutation import sign_flip
from ablations.stats.power import detectable_effect
from ablations.stats.proportions import mcnemar
from ablations.stats.reach import (
    detectable_with,
    enough_seeds,
    power_with,
    seeds_with,
    smallest_adjusted,
    smallest_p,
)
from ablations.stats.wilcoxon import wilcoxon

NUM_STUDIES = 4000


@pytest.mark.parametrize("num_seeds", [2, 5, 12, 20, 21, 25, 40, 60])
def test_no_result_has_a_smaller_p(num_seeds: int) -> None:
    clear = np.linspace(1.0, 1.1, num_seeds)[None, :]
    assert sign_flip(clear).p[0] == smallest_p("sign_flip", num_seeds)
    if num_seeds <= 50:
        assert wilcoxon(clear)[0] == pytest.approx(smallest_p("wilcoxon", num_seeds))
        assert stats.wilcoxon(clear[0], method="exact").pvalue == pytest.approx(wilcoxon(clear)[0])
    rates = mcnemar(np.ones((1, num_seeds)), np.zeros((1, num_seeds)))
    assert rates[0] == pytest.approx(smallest_p("mcnemar", num_seeds))


def test_the_floor_of_random_flips_bounds_what_more_seeds_can_do() -> None:
    assert smallest_p("sign_flip", 30) == 2**-16
    assert enough_seeds("sign_flip", 10_000, "holm", alpha=0.05) == 19  # all flips are counted up to 20
    assert enough_seeds("sign_flip", 30_000, "holm", alpha=0.001) is None
    assert enough_seeds("wilcoxon", 30_000, "holm", alpha=0.001) == 26


@pytest.mark.parametrize(("correction", "least"), [("none", 6), ("bh", 6), ("holm", 9)])
def test_what_a_row_of_ten_can_reach_depends_on_the_correction(correction: str, least: int) -> None:
    assert enough_seeds("sign_flip", 10, correction, alpha=0.05) == least  # type: ignore[arg-type]


def test_a_row_with_fewer_seeds_than_the_others_comes_last_in_holms_order() -> None:
    best = smallest_adjusted("sign_flip", [6, 10], "holm")
    assert best[0] == pytest.approx(2**-5) and best[1] == pytest.approx(2 * 2**-9)


@pytest.mark.parametrize("test", ["sign_flip", "wilcoxon"])
@pytest.mark.parametrize(("num_seeds", "alpha"), [(6, 0.05), (8, 0.05), (10, 0.0125), (14, 0.05), (30, 0.01)])
def test_a_detectable_effect_is_found_as_often_as_said(test: str, num_seeds: int, alpha: float) -> None:
    """Other samples than those that power was computed with; where the t test's figure was up to 0.2 off."""
    effect = detectable_with(test, num_seeds=num_seeds, alpha=alpha)
    assert effect is not None
    num_studies = 400 if num_seeds > 20 else NUM_STUDIES
    scores = np.random.default_rng(5).normal(effect, 1, (num_studies, num_seeds))
    p = sign_flip(scores).p if test == "sign_flip" else wilcoxon(scores)
    # 5 standard errors of both simulations, and what 20 seeds and more are rounded by
    error = 5 * math.hypot(math.sqrt(0.16 / num_studies), math.sqrt(0.16 / 2000))
    assert abs(np.mean(p <= alpha) - 0.8) <= error
    assert effect >= 0.98 * detectable_effect(num_seeds=num_seeds, alpha=alpha)


def test_the_t_tests_power_would_have_promised_too_much() -> None:
    effect = detectable_effect(num_seeds=6, alpha=0.05)
    assert power_with("sign_flip", effect, num_seeds=6, alpha=0.05) < 0.75
    assert power_with("paired_t", effect, num_seeds=6, alpha=0.05) == pytest.approx(0.8, abs=1e-6)


def test_mcnemar_finds_nothing_with_five_seeds_and_a_large_difference_with_ten() -> None:
    assert detectable_with("mcnemar", num_seeds=5, alpha=0.05) is None
    difference = detectable_with("mcnemar", num_seeds=10, alpha=0.05)
    assert difference is not None
    # six disagreements on one side are needed of ten
    assert stats.binom.sf(5, 10, difference) == pytest.approx(0.8, abs=0.01)
    assert seeds_with("mcnemar", difference + 0.01, alpha=0.05) == 10


@pytest.mark.parametrize("test", ["paired_t", "sign_flip", "wilcoxon"])
def test_seeds_for_an_effect_are_never_fewer_than_the_test_needs(test: str) -> None:
    found = seeds_with(test, 50.0, alpha=0.05)
    assert found == (2 if test == "paired_t" else 6)
    some = seeds_with(test, 1.0, alpha=0.05)
    assert some is not None and power_with(test, 1.0, num_seeds=some, alpha=0.05) >= 0.8
