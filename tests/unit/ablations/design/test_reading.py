"""Readings: which numbers of a trial a study asks about, and which way is better."""

from typing import Any

import pytest

from ablations.design.reading import Reading, read_readings
from ablations.errors import InvalidStudy, Problems
from ablations.manifest import Manifest
from tests.unit.ablations.studies import SMALL, design_of, study_of


def readings(metrics: list[dict[str, Any]], **changes: Any) -> tuple[Reading, ...]:
    return design_of(SMALL, metric=..., metrics=metrics, **changes).readings


def refused(metrics: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    with pytest.raises(InvalidStudy) as error:
        readings(metrics, **changes)
    return {problem.path: problem.allowed for problem in error.value.problems}


def test_without_metrics_the_primary_one_of_the_trainable_is_read() -> None:
    (reading,) = design_of(SMALL, metric=...).readings
    assert (reading.name, reading.kind, reading.goal, reading.at) == (
        "test_accuracy",
        "metric",
        "maximize",
        "end",
    )


def test_a_metric_is_known_from_the_manifest() -> None:
    (reading,) = readings([{"name": "train_loss"}])
    assert (reading.goal, reading.scale, reading.worst) == ("minimize", "log", 100.0)
    (reading,) = readings([{"name": "train_loss", "goal": "maximize"}])
    assert reading.goal == "maximize"


def test_a_metric_read_at_several_points_is_several_readings() -> None:
    found = readings(
        [{"name": "test_accuracy", "at": [1, 5, 1]}, {"name": "val_accuracy", "at": "best_validation"}]
    )
    assert [(r.name, r.metric, r.at) for r in found] == [
        ("test_accuracy/1", "test_accuracy", 1),
        ("test_accuracy/5", "test_accuracy", 5),
        ("val_accuracy/best_validation", "val_accuracy", "best_validation"),
    ]


@pytest.mark.parametrize(
    "of, side, goal, worst",
    [
        ("test_accuracy", "below", "minimize", 1.0),
        ("test_accuracy", "above", "maximize", 0.0),
        ("train_loss", "below", "maximize", 0.0),
        ("train_loss", "above", "minimize", 1.0),
    ],
)
def test_a_rate_is_bad_when_it_counts_the_bad_side(of: str, side: str, goal: str, worst: float) -> None:
    (rate,) = readings([{"name": "rate", "of": of, side: 0.8}])
    assert (rate.kind, rate.goal, rate.worst, rate.of) == ("rate", goal, worst, of)
    assert (rate.below, rate.above) == ((0.8, None) if side == "below" else (None, 0.8))


def test_a_rate_may_look_at_a_reading_and_comes_where_it_is_listed() -> None:
    found = readings(
        [{"name": "early", "of": "test_accuracy/2", "below": 0.5}, {"name": "test_accuracy", "at": [2]}]
    )
    assert [(r.name, r.metric) for r in found] == [
        ("early", "test_accuracy"),
        ("test_accuracy/2", "test_accuracy"),
    ]


def test_refused_by_path() -> None:
    found = refused(
        [
            {"name": "beauty"},
            {"name": "rate", "of": "beauty", "below": 1},
            {"name": "test_accuracy", "at": [3, 7]},
            {"name": "val_accuracy", "of": "test_accuracy", "below": 1},
        ]
    )
    assert set(found) == {"metrics.0.name", "metrics.1.of", "metrics.2.at.1", "metrics.3.name"}
    assert found["metrics.0.name"] == ["test_accuracy", "val_accuracy", "train_loss", "seconds"]
    assert found["metrics.2.at.1"] == 5


def test_steps_that_vary_are_not_checked() -> None:
    factors = {"scalars": ["none", "shared"], "epochs": [5, 50]}
    assert readings([{"name": "test_accuracy", "at": [20]}], factors=factors)


def test_a_trainable_that_measures_nothing() -> None:
    problems = Problems()
    assert read_readings(study_of(SMALL, metric=...), Manifest(name="m"), problems) == ()
    assert problems


def test_a_metric_can_be_read_at_the_end_and_before_it() -> None:
    found = readings([{"name": "test_accuracy", "at": ["end", 2, "best_validation"]}])
    assert [reading.name for reading in found] == [
        "test_accuracy",
        "test_accuracy/2",
        "test_accuracy/best_validation",
    ]


def test_the_rate_of_divergence_needs_no_metric() -> None:
    found = readings([{"name": "test_accuracy"}, {"name": "diverged"}])
    diverged = found[1]
    assert (diverged.name, diverged.kind, diverged.goal) == ("diverged", "rate", "minimize")
    assert diverged.worst == 1.0
    assert diverged.counts(None) == 0.0
    assert set(refused([{"name": "diverged", "at": [3]}])) == {"metrics.0.at"}
    allowed = refused([{"name": "diverged"}, {"name": "bad", "of": "diverged", "above": 0.5}])
    assert "diverged" not in allowed["metrics.1.of"]


@pytest.mark.parametrize(("side", "counted"), [("below", [1.0, 0.0, 0.0]), ("above", [0.0, 0.0, 1.0])])
def test_a_rate_counts_what_lies_beyond_its_threshold(side: str, counted: list[float]) -> None:
    reading = readings([{"name": "test_accuracy"}, {"name": "far", "of": "test_accuracy", side: 0.5}])[1]
    assert [reading.counts(value) for value in (0.4, 0.5, 0.6)] == counted
    assert reading.counts(None) is None
