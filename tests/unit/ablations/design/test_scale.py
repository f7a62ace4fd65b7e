"""A log scale can be asked for any metric above 0, and a linear one of any."""

import pytest

from ablations.errors import InvalidStudy
from tests.unit.ablations.studies import SMALL, design_of


def test_a_metric_is_read_on_the_scale_that_the_study_asks_for() -> None:
    for scale in ("linear", "log"):
        design = design_of(SMALL, metric=..., metrics=[{"name": "train_loss", "scale": scale}])
        assert design.readings[0].scale == scale


def test_a_log_scale_of_what_can_be_zero_is_refused_with_what_is_allowed() -> None:
    with pytest.raises(InvalidStudy) as caught:
        design_of(SMALL, metric=..., metrics=[{"name": "test_accuracy", "scale": "log"}])
    (problem,) = caught.value.problems
    assert (problem.path, problem.allowed) == ("metrics.0.scale", "linear")
    assert "test_accuracy can be 0" in problem.detail
