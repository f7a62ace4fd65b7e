"""The interquartile mean over strata as rliable defines it, recomputed without this package."""

import numpy as np
import pytest
from scipy import stats

from ablations.stats.populations.aggregate import interquartile_mean_over


@pytest.mark.parametrize("sizes", [(5, 5, 5), (3, 4, 6, 10)])
def test_it_is_the_trimmed_mean_of_all_runs(sizes: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    runs = [rng.lognormal(0, 1, size) for size in sizes]
    told, low, high = interquartile_mean_over(runs)
    assert told == pytest.approx(stats.trim_mean(np.concatenate(runs), proportiontocut=0.25))
    assert low < told < high


def test_the_interval_resamples_runs_within_their_stratum() -> None:
    """Draws one at a time, as the library makes them; quantiles lie within a few errors of simulation."""
    rng = np.random.default_rng(2)
    runs = [rng.normal(centre, 1, 8) for centre in (0.0, 2.0, 4.0, 30.0)]
    draws = []
    for _ in range(4000):
        drawn = np.concatenate([rng.choice(each, len(each)) for each in runs])
        draws.append(stats.trim_mean(drawn, proportiontocut=0.25))
    _, low, high = interquartile_mean_over(runs, level=0.9)
    assert (low, high) == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])), abs=0.05)


def test_strata_are_not_resampled() -> None:
    """Strata that lie apart without spread in themselves have an interval without width."""
    assert interquartile_mean_over([np.full(4, 1.0), np.full(4, 5.0), np.full(4, 9.0)]) == (5.0, 5.0, 5.0)
