"""The sign-flip test against scipy and against counting by hand."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from ablations.stats.permutation import MAX_EXACT_SEEDS, NUM_DRAWS, sign_flip, smallest_p

RNG = np.random.default_rng(11)


def by_hand(scores: np.ndarray) -> float:
    sums = [
        abs(sum(s * x for s, x in zip(signs, scores, strict=True)))
        for signs in product([-1, 1], repeat=len(scores))
    ]
    return float(np.mean(np.array(sums) >= abs(scores.sum()) - 1e-9))


@pytest.mark.parametrize("num_seeds", [1, 2, 3, 5, 8, 11])
def test_counts_every_flip(num_seeds: int) -> None:
    scores = RNG.normal(0.4, 1.0, (3, num_seeds))
    found = sign_flip(scores)
    np.testing.assert_allclose(found.p, [by_hand(row) for row in scores], atol=1e-12)
    assert not found.error.any()


def test_agrees_with_scipy_at_its_own_exact_limit() -> None:
    scores = RNG.normal(0.5, 1.0, 12)
    expected = stats.permutation_test(
        (scores,), np.mean, permutation_type="samples", n_resamples=10_000, vectorized=True
    )
    assert sign_flip(scores[None]).p[0] == pytest.approx(expected.pvalue, abs=1e-10)


def test_ties_do_not_hang_on_rounding() -> None:
    scores = np.array([[0.1, 0.2, 0.3, -0.3, 0.30000000000000004]])
    assert sign_flip(scores).p[0] == by_hand(np.array([1.0, 2.0, 3.0, -3.0, 3.0]))


def test_no_difference_gives_p_1() -> None:
    assert sign_flip(np.zeros((2, 4))).p.tolist() == [1.0, 1.0]


def test_all_of_one_sign_is_the_smallest_p() -> None:
    for num_seeds in (2, 6, 9, MAX_EXACT_SEEDS):
        assert sign_flip(np.ones((1, num_seeds))).p[0] == smallest_p(num_seeds)
    assert smallest_p(6) < 0.05 < smallest_p(5)
    assert 10 * smallest_p(9) < 0.05 < 10 * smallest_p(8)


def test_more_seeds_are_drawn_and_say_their_error() -> None:
    scores = RNG.normal(0.25, 1.0, (4, MAX_EXACT_SEEDS + 2))
    found = sign_flip(scores, seed=3)
    exact = [_exact_by_convolution(row) for row in np.round(scores, 2)]
    rounded = sign_flip(np.round(scores, 2), seed=3)
    # 5 standard errors on four rows: a false alarm in about 2e-6 of seeds, and the seed is fixed
    assert (np.abs(rounded.p - exact) <= 5 * rounded.error).all()
    assert (found.error > 0).all() and (found.error < 0.5 / NUM_DRAWS**0.5 + 1e-12).all()
    np.testing.assert_array_equal(found.p, sign_flip(scores, seed=3).p)
    assert (found.p != sign_flip(scores, seed=4).p).any()


def test_drawn_p_is_never_0() -> None:
    assert sign_flip(np.ones((1, 60))).p[0] == smallest_p(60) == 1 / NUM_DRAWS


def test_a_row_does_not_depend_on_the_rows_beside_it() -> None:
    for num_seeds in (7, 25):
        scores = RNG.normal(0.3, 1.0, (700, num_seeds))
        np.testing.assert_array_equal(sign_flip(scores).p[[3, 650]], sign_flip(scores[[3, 650]]).p)


def test_nothing_in_nothing_out() -> None:
    assert sign_flip(np.zeros((0, 5))).p.shape == (0,)
    assert np.isnan(sign_flip(np.zeros((2, 0))).p).all()


def _exact_by_convolution(scores: np.ndarray) -> float:
    """The exact p of scores with two decimals, from the distribution of their integer sums."""
    units = np.rint(scores * 100).astype(int)
    chances = {0: 1.0}
    for unit in units:
        grown: dict[int, float] = {}
        for total, chance in chances.items():
            for sign in (-1, 1):
                grown[total + sign * unit] = grown.get(total + sign * unit, 0.0) + chance / 2
        chances = grown
    return sum(chance for total, chance in chances.items() if abs(total) >= abs(units.sum()))
