"""How often whole studies without an effect get a verdict: the benchmark's simulation, made small.

Each share of 400 studies stays below its promise by chance alone: above 5.5 % by five standard deviations
of a rate of 5 % about once in three million runs.
"""

import pytest

from tests.benchmarks.verdicts import CONDITIONS, MARGINS, PROMISED, PROMISES, simulate, simulate_margin

NUM_STUDIES = 400
LUCK = 5 * (0.05 * 0.95 / NUM_STUDIES) ** 0.5


@pytest.mark.parametrize("condition", PROMISES)
def test_wrong_verdicts_stay_as_rare_as_promised(condition: str) -> None:
    for num_seeds, num_rows in ((3, 4), (10, 1)):
        assert simulate(condition, num_seeds, num_rows, NUM_STUDIES).wrong <= PROMISED + LUCK


def test_crashes_of_the_worst_runs_would_give_wrong_verdicts_if_they_were_passed_over() -> None:
    cell = simulate("far behind, a fifth of the seeds of one arm crashes", 10, 1, NUM_STUDIES)
    assert cell.unwatched > 0.9 and cell.wrong <= PROMISED


@pytest.mark.parametrize("condition", [name for name in CONDITIONS if "collapses" in name])
def test_where_no_test_can_help_the_warning_stands_beside_the_verdict(condition: str) -> None:
    """At ten seeds half of the studies are wrong, and a wrong one without the warning is rarer than 1 %."""
    cell = simulate(condition, 10, 1, NUM_STUDIES)
    assert cell.wrong > 0.2 and cell.warned is not None and cell.warned >= 0.97


def test_a_verdict_that_rests_on_collapses_is_warned_of_too() -> None:
    """At twenty seeds one wrong verdict in fifty says worse, as many runs collapsed as seldom do."""
    cell = simulate("one arm collapses in one run of ten", 20, 1, 4000)
    assert cell.warned is not None and cell.warned >= 0.99


@pytest.mark.parametrize("condition", MARGINS)
def test_claims_about_the_margin_are_as_rarely_false_as_promised(condition: str) -> None:
    assert simulate_margin(condition, 5, 4, NUM_STUDIES).wrong <= PROMISED + LUCK
