"""Rates that seeds without a collapse do not exclude, against scipy's exact intervals and by simulation."""

import numpy as np
import pytest
from scipy import stats

from ablations.stats.rarity import not_excluded, seeds_to_exclude


@pytest.mark.parametrize(("num_seeds", "seen"), [(3, 0), (5, 0), (10, 0), (10, 2), (20, 19), (4, 4)])
def test_agrees_with_scipys_exact_upper_bound(num_seeds: int, seen: int) -> None:
    found = stats.binomtest(seen, num_seeds, alternative="less").proportion_ci(0.95, "exact").high
    assert not_excluded(num_seeds, seen=seen) == pytest.approx(found, abs=1e-9)


def test_none_seen_is_the_closed_form() -> None:
    assert [round(100 * not_excluded(n)) for n in (3, 5, 10)] == [63, 45, 26]
    assert all(not_excluded(n) == pytest.approx(1 - 0.05 ** (1 / n)) for n in range(1, 60))


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1, 0.3])
def test_so_many_seeds_exclude_a_rate_and_one_fewer_does_not(rate: float) -> None:
    enough = seeds_to_exclude(rate)
    assert not_excluded(enough) <= rate < not_excluded(enough - 1)


def test_the_bound_lies_below_the_rate_as_rarely_as_it_says() -> None:
    """At most 5 %, within 5 standard deviations (about 3e-7)."""
    seen = np.random.default_rng(1).binomial(10, 0.3, size=4000)
    missed = np.mean([not_excluded(10, seen=int(k)) < 0.3 for k in seen])
    assert missed <= 0.05 + 5 * (0.05 * 0.95 / 4000) ** 0.5
