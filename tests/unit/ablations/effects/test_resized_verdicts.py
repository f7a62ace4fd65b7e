"""Studies whose pilot sets their seeds, simulated from spec to verdict: the benchmark, made small.

A share of 1500 studies lies above 5.5 % by five standard deviations of a rate of 5 % about once in three
million runs.
"""

import pytest

from tests.benchmarks.resized import SPREADS, simulate
from tests.benchmarks.verdicts import PROMISED

NUM_STUDIES = 1500
LUCK = 5 * (0.05 * 0.95 / NUM_STUDIES) ** 0.5


@pytest.mark.parametrize("condition", SPREADS)
@pytest.mark.parametrize(("pilot", "num_rows"), [(3, 1), (4, 4)])
def test_a_number_of_seeds_that_a_pilot_sets_makes_no_more_verdicts_wrong(
    condition: str, pilot: int, num_rows: int
) -> None:
    cell = simulate(condition, pilot, num_rows, NUM_STUDIES)
    assert cell.any_wrong <= PROMISED + LUCK
    assert pilot + 1 < cell.num_seeds < 39


@pytest.mark.parametrize(("pilot", "num_rows"), [(4, 1), (5, 4)])
def test_a_difference_as_large_as_the_margin_is_found_about_as_often_as_asked(
    pilot: int, num_rows: int
) -> None:
    """In one row, the others without a difference. The share has a standard deviation of 1 %."""
    cell = simulate("normal", pilot, num_rows, NUM_STUDIES, effect=1.0)
    assert 0.75 < cell.found < 0.99 and cell.any_wrong <= PROMISED + LUCK
