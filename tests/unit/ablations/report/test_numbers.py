"""Numbers as text: the examples in the docstrings, and the edges between them."""

import doctest
import math

import pytest

from ablations.report import evidence
from ablations.report.document import numbers, plots
from ablations.report.renderers import markdown


@pytest.mark.parametrize("module", [numbers, plots, evidence, markdown])
def test_examples_in_docstrings_hold(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0.0, 2, "0.00"),
        (-0.0004, 3, "0.000"),
        (-0.0006, 3, "\N{MINUS SIGN}0.001"),
        (math.nan, 3, numbers.NOTHING),
        (math.inf, 3, numbers.NOTHING),
        (123456.7, 0, "123457"),
        (1e-9, 3, "1.00e\N{MINUS SIGN}9"),
    ],
)
def test_number(value, decimals, text):
    assert numbers.number(value, decimals) == text


def test_difference_that_rounds_to_nothing_has_no_sign():
    assert numbers.difference(0.0001, 2) == "0.00"
    assert numbers.difference(-0.0001, 2) == "0.00"


@pytest.mark.parametrize(("p", "text"), [(0.0009999, "<0.001"), (0.001, "0.001"), (0.0, "<0.001")])
def test_p_value_is_never_zero(p, text):
    assert numbers.p_value(p) == text


@pytest.mark.parametrize(
    ("spreads", "decimals"),
    [([0.2], 2), ([0.02], 3), ([2.0], 1), ([200.0], 0), ([1e-12], 13), ([None, math.nan, 0.0], 3)],
)
def test_decimals_show_two_digits_of_the_spread(spreads, decimals):
    assert numbers.decimals_for(spreads) == decimals
