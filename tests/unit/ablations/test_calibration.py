"""What intervals and tests promise, by simulation, and the table that reports quote.

Seeds are fixed; every bound lies five standard errors away, which a sound method misses once in 1.7 million.
"""

import numpy as np
import pytest

from ablations.stats.calibration import load_calibration
from ablations.stats.correction import holm
from ablations.stats.paired import paired_t
from ablations.stats.permutation import sign_flip
from ablations.stats.power import detectable_effect, power_of
from tests.benchmarks.calibration import measure

NUM_STUDIES = 20_000


@pytest.mark.parametrize("num_seeds", [3, 5, 10, 20])
def test_the_t_interval_covers_the_truth_as_often_as_it_says(num_seeds: int) -> None:
    scores = np.random.default_rng(num_seeds).normal(0.3, 2.0, (100_000, num_seeds))
    fit = paired_t(scores)
    assert 0.945 <= np.mean((fit.low <= 0.3) & (fit.high >= 0.3)) <= 0.955


@pytest.mark.parametrize("size", [1, 5, 20])
@pytest.mark.parametrize("test", ["paired_t", "sign_flip"])
def test_a_family_keeps_its_chance_of_a_false_alarm(size: int, test: str) -> None:
    rng = np.random.default_rng(size)
    arms = rng.normal(0, 1, (NUM_STUDIES, size + 1, 10))
    scores = (arms[:, 1:] - arms[:, :1]).reshape(-1, 10)  # one baseline for all rows correlates them
    p = paired_t(scores).p if test == "paired_t" else sign_flip(scores).p
    alarms = np.mean([(holm(family) <= 0.05).any() for family in p.reshape(-1, size)])
    assert alarms <= 0.05 + 5 * np.sqrt(0.05 * 0.95 / NUM_STUDIES)


@pytest.mark.parametrize(("num_seeds", "family_size"), [(5, 1), (10, 4), (20, 20)])
def test_power_is_what_the_plan_says(num_seeds: int, family_size: int) -> None:
    alpha = 0.05 / family_size
    effect = detectable_effect(num_seeds=num_seeds, alpha=alpha)
    scores = np.random.default_rng(41).normal(effect, 1.0, (NUM_STUDIES, num_seeds))
    found = np.mean(paired_t(scores).p <= alpha)
    assert found == pytest.approx(power_of(effect, num_seeds=num_seeds, alpha=alpha), abs=0.02)
    assert found == pytest.approx(0.8, abs=0.02)


def test_the_table_is_what_its_command_measures() -> None:
    table = load_calibration()
    assert {row.num_seeds for row in table.rows} == {3, 5, 10, 20}
    assert table.num_studies >= 20_000
    stored = {row.errors: row for row in table.rows if row.num_seeds == 5}
    for row in measure(num_studies=2000, num_seeds=(5,)):
        known = stored[row["errors"]]
        for kind, shares in (("coverage", known.coverage), ("size", known.size)):
            assert set(row[kind]) == set(shares)
            for name, share in shares.items():
                error = np.sqrt(max(share * (1 - share), 1e-3) * (1 / 2000 + 1 / table.num_studies))
                assert abs(row[kind][name] - share) <= 5 * error, (row["errors"], name)


def test_what_the_table_teaches() -> None:
    rows = {(row.num_seeds, row.errors): row for row in load_calibration().rows}
    assert rows[3, "normal"].coverage["bootstrap"] < 0.8 < rows[3, "normal"].coverage["t"]
    assert rows[5, "normal"].size["sign_flip"] == 0.0
