"""Budgets are read from the environment once and say themselves again to the driver."""

import pytest

from service.budgets import Budgets
from service.errors import BadSettings


def test_what_is_not_set_has_its_default() -> None:
    assert Budgets.from_env({}) == Budgets()


def test_a_driver_reads_what_the_service_tells_it() -> None:
    told = Budgets(max_deaths=7, max_losses=99, stall_s=12.5)
    assert Budgets.from_env(told.to_env()) == told


@pytest.mark.parametrize("text", ["0", "-1", "x", "2.5", "nan", "1e9"])
def test_a_bad_number_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(BadSettings, match="ABLATE_MAX_DEATHS"):
        Budgets.from_env({"ABLATE_MAX_DEATHS": text})
