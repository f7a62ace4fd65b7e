"""A verdict by Wilcoxon's test is about what that test is about, whatever the mean says."""

import numpy as np
import pytest

from tests.unit.ablations.effects.test_dust import family_of


def test_one_extreme_seed_decides_neither_the_direction_nor_the_estimate() -> None:
    differences = [0.008 + 0.001 * i for i in range(11)] + [-0.5]
    family = family_of([0.8 + d for d in differences], [0.8] * 12, test="wilcoxon")
    (row,) = family.rows
    assert family.estimator == "pseudomedian" and row.verdict == "better"
    assert row.p is not None and row.p == row.others["wilcoxon"] and row.p < 0.05
    assert row.estimate == pytest.approx(0.0125, abs=0.001) and row.mean == pytest.approx(-0.0298, abs=1e-3)
    assert row.low is not None and row.high is not None and 0 < row.low < row.estimate < row.high
    assert row.bootstrap is not None and row.bootstrap.estimate == row.mean


def test_equivalence_is_about_the_same_estimate() -> None:
    differences = [*np.linspace(-0.002, 0.002, 11), -0.5]
    margin = {"test_accuracy": 0.01}
    (row,) = family_of([0.8 + d for d in differences], [0.8] * 12, test="wilcoxon", margin=margin).rows
    assert row.verdict == "equivalent" and abs(row.estimate or 1) < 0.002


def test_too_few_seeds_for_an_interval_say_how_many_it_takes() -> None:
    (row,) = family_of([0.9, 0.91, 0.92, 0.93], [0.8, 0.8, 0.81, 0.8], test="wilcoxon").rows
    assert (row.low, row.high, row.verdict) == (None, None, "inconclusive")
    assert any("6 seeds could" in note for note in row.notes)
