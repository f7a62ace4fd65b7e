"""Results: values by arm and seed, and a reason for every hole."""

import subprocess
import sys

import numpy as np
import pytest

from ablations.design.design import Design
from ablations.results.results import Hole, Results
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import planted, record_of, results_of


def design_with(*metrics: dict[str, object]) -> Design:
    return design_of(SMALL, metric=..., metrics=list(metrics), seeds=2)


def test_every_value_stands_in_its_cell() -> None:
    design = design_of(SMALL)
    records = planted(design, lambda arm: float(arm.levels["depth"]))
    results = Results.build(design, reversed(records))
    values = results.values("test_accuracy")
    assert values.shape == (4, 3)
    for record in records:
        row, column = results.arm_index[record.arm_id], design.seeds.index(record.seed)
        assert values[row, column] == record.metrics["test_accuracy"]
    assert results.holes == ()
    assert results.metrics == ("test_accuracy",)
    assert results.ended.all() and not results.diverged.any()


def test_a_hole_keeps_its_reason() -> None:
    design = design_of(SMALL)
    records = planted(design, lambda _: 0.5)
    arm = design.arms[1]
    failed = record_of(arm, 2, {}, state="failed", reason="out of memory")
    results = Results.build(design, [r for r in records if (r.arm_id, r.seed) != (arm.id, 2)] + [failed])
    assert results.holes == (
        Hole(arm_id=arm.id, seed=2, metric=None, state="failed", reason="out of memory"),
    )
    assert np.isnan(results.values("test_accuracy")[1, 2])
    assert results.ended.all()


def test_what_has_not_run_is_a_hole_that_may_still_be_filled() -> None:
    design = design_of(SMALL)
    running = record_of(design.arms[0], 0, {}, state="running")
    results = Results.build(design, [running])
    assert len(results.holes) == 12
    assert {hole.state for hole in results.holes} == {"planned", "running"}
    assert not results.ended.any()


def test_a_diverged_trial_counts_as_the_worst_value() -> None:
    design = design_with({"name": "train_loss"}, {"name": "bad", "of": "test_accuracy", "below": 0.5})
    diverged = record_of(design.arms[0], 0, {"train_loss": 3.0}, state="diverged", reason="loss is NaN")
    results = Results.build(design, [diverged])
    assert results.values("train_loss")[0, 0] == 100.0
    assert results.values("bad")[0, 0] == 1.0
    assert results.diverged[0, 0] and results.ended[0, 0]


def test_rates_are_0_or_1() -> None:
    design = design_with(
        {"name": "test_accuracy"},
        {"name": "collapsed", "of": "test_accuracy", "below": 0.8},
        {"name": "good", "of": "test_accuracy", "above": 0.9},
    )
    arm = design.arms[0]
    records = [record_of(arm, 0, {"test_accuracy": 0.8}), record_of(arm, 1, {"test_accuracy": 0.95})]
    results = Results.build(design, records)
    assert results.values("collapsed")[0].tolist() == [0.0, 0.0]
    assert results.values("good")[0].tolist() == [0.0, 1.0]


def test_a_reading_at_a_step_is_found_among_metrics_or_on_the_curve() -> None:
    design = design_with(
        {"name": "val_accuracy", "at": [2, 4]}, {"name": "low", "of": "val_accuracy/2", "below": 1}
    )
    arm = design.arms[0]
    curve = {"val_accuracy": [[1, 0.1], [2, 0.2], [3, 0.3]]}
    records = [
        record_of(arm, 0, {}, curve=curve),
        record_of(arm, 1, {"val_accuracy/2": 0.7, "val_accuracy/4": 0.9}, curve=curve),
    ]
    results = Results.build(design, records)
    assert results.values("val_accuracy/2")[0].tolist() == [0.2, 0.7]
    assert results.values("low")[0].tolist() == [1.0, 1.0]
    holes = [hole for hole in results.holes if hole.arm_id == arm.id]
    assert [(hole.seed, hole.metric) for hole in holes] == [(0, "val_accuracy/4")]


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), -1.0])
def test_what_has_no_logarithm_is_a_hole_on_a_log_scale(value: float | None) -> None:
    design = design_of(SMALL, metric="train_loss")
    results = Results.build(design, [record_of(design.arms[0], 0, {"train_loss": value})])
    assert np.isnan(results.values("train_loss")[0, 0])
    assert [hole.metric for hole in results.holes if hole.state == "done"] == ["train_loss"]


def test_tuning_trials_and_foreign_arms_are_passed_over() -> None:
    design = design_of(SMALL)
    arm = design.arms[0]
    tuning = record_of(arm, 0, {"test_accuracy": 0.9}, phase="tuning", candidate=3)
    foreign = record_of(arm, 0, {"test_accuracy": 0.9}, arm_id="elsewhere")
    unasked = record_of(arm, 99, {"test_accuracy": 0.9})
    assert np.isnan(Results.build(design, [tuning, foreign, unasked]).values("test_accuracy")).all()


def test_unknown_names_are_refused() -> None:
    results = results_of(design_of(SMALL), lambda _: 0.5)
    for ask in (results.values, results.reading):
        with pytest.raises(KeyError):
            ask("accuracy")


def test_results_load_without_scipy() -> None:
    code = "import sys, ablations.results.results; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
