"""Corrections for families against statsmodels."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from ablations.stats.correction import Correction, adjust

RNG = np.random.default_rng(17)
NAMES = {"holm": "holm", "bh": "fdr_bh"}


@pytest.mark.parametrize("correction", ["holm", "bh"])
@pytest.mark.parametrize("size", [1, 2, 5, 20, 200])
def test_agrees_with_statsmodels(correction: Correction, size: int) -> None:
    for _ in range(5):
        p = RNG.uniform(0, 0.2, size).round(2)
        expected = multipletests(p, method=NAMES[correction])[1]
        np.testing.assert_allclose(adjust(p, correction), expected, atol=1e-10)


def test_none_leaves_them_alone() -> None:
    p = np.array([0.01, np.nan, 0.9])
    np.testing.assert_array_equal(adjust(p, "none"), p)


@pytest.mark.parametrize("correction", ["holm", "bh"])
def test_a_row_without_p_still_counts(correction: Correction) -> None:
    adjusted = adjust(np.array([0.02, np.nan]), correction)
    assert adjusted[0] == pytest.approx(0.04)
    assert np.isnan(adjusted[1])


def test_an_empty_family_stays_empty() -> None:
    assert len(adjust(np.zeros(0), "holm")) == len(adjust(np.zeros(0), "bh")) == 0
