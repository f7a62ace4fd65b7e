"""Missing runs, and collapses that nobody saw: what stands beside a verdict, and when there is none."""

import json
import math
from dataclasses import replace

import pytest
from scipy import stats

from tests.unit.ablations.effects.samples import (
    RATES,
    collapses,
    effect_of,
    judged,
    losses,
    only_row,
    with_failures,
)
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import planted, record_of


def test_holes_that_could_change_a_verdict_are_told() -> None:
    design = design_of(SMALL, seeds=8)
    shared = next(arm for arm in design.arms if arm.levels["scalars"] == "shared")
    records = with_failures(planted(design, effect_of(0.05)), (shared.id, 1), (shared.id, 2))
    row = only_row(judged(design, records))
    assert (row.verdict, row.n, row.holes) == ("inconclusive", 6, 2)
    assert row.reason == "depends on 2 runs that failed"
    assert row.sensitivity is not None and row.sensitivity.flips and row.sensitivity.found == "better"
    assert row.sensitivity.of_worst.verdict == "inconclusive"
    assert row.sensitivity.of_worst.estimate is not None and row.estimate is not None
    assert row.sensitivity.of_worst.estimate < row.estimate < (row.sensitivity.against_worst.estimate or 0)
    assert any("2 of 8 seeds are left out" in note for note in row.notes)
    tipping = row.sensitivity.tipping
    assert tipping is not None and tipping.becomes == "inconclusive" and tipping.against is None
    assert tipping.of is not None and 0.6 < tipping.of < 0.9
    note = f"better, with the missing runs of shared at {tipping.of:.4g} or less inconclusive"
    assert note in row.notes


def test_the_tipping_point_is_where_the_verdict_changes() -> None:
    design = design_of(SMALL, seeds=8)
    shared = [arm for arm in design.arms if arm.levels["scalars"] == "shared"]
    records = planted(design, effect_of(0.05))
    lost = [(arm.id, seed) for arm in shared for seed in (1, 2)]
    row = only_row(judged(design, with_failures(records, *lost)))
    assert row.sensitivity is not None and row.sensitivity.tipping is not None
    at = row.sensitivity.tipping.of
    assert at is not None
    for value, verdict in ((at + 1e-4, "better"), (at - 1e-4, "inconclusive")):
        filled = [
            replace(r, metrics={"test_accuracy": value}) if (r.arm_id, r.seed) in lost else r for r in records
        ]
        assert only_row(judged(design, filled)).verdict == verdict


def test_a_hole_filled_by_the_mean_of_its_neighbours_can_decide_what_both_extremes_leave_open() -> None:
    """The spread of extreme values hides what ordinary ones would show, so that they are no bound."""
    design = design_of(RATES, seeds=6, metrics=[{"name": "test_accuracy"}])
    differences = [-0.01, -0.03, -0.02, -0.004, 0.0, 0.0]
    records = [
        record_of(arm, seed, {"test_accuracy": 0.8 + differences[seed] * (arm.levels["scalars"] == "shared")})
        for arm in design.arms
        for seed in design.seeds
    ]
    shared = next(arm for arm in design.arms if arm.levels["scalars"] == "shared")
    row = only_row(judged(design, with_failures(records, (shared.id, 4), (shared.id, 5))))
    doubt = row.sensitivity
    assert doubt is not None and doubt.flips and doubt.tipping is not None and row.reason is None
    assert row.verdict == doubt.of_worst.verdict == doubt.against_worst.verdict == "inconclusive"
    assert (doubt.tipping.worst, doubt.tipping.becomes) == (None, "worse")
    assert doubt.tipping.of == pytest.approx(0.784)
    assert "inconclusive, with the missing runs of shared at 0.784 worse" in row.notes


def test_failures_declared_unrelated_leave_the_verdict_and_are_repeated() -> None:
    design = design_of(SMALL, seeds=8, analysis={"missing": "unrelated"})
    shared = next(arm for arm in design.arms if arm.levels["scalars"] == "shared")
    row = only_row(judged(design, with_failures(planted(design, effect_of(0.05)), (shared.id, 1))))
    assert (row.verdict, row.reason) == ("better", None)
    assert any("nothing to do with the outcome" in note for note in row.notes)


def test_a_verdict_against_the_side_with_the_holes_stands() -> None:
    """Whatever the missing runs of the worse side were at worst, it would be no better."""
    design = design_of(SMALL, seeds=8)
    shared = next(arm for arm in design.arms if arm.levels["scalars"] == "shared")
    row = only_row(judged(design, with_failures(planted(design, effect_of(-0.05)), (shared.id, 1))))
    assert (row.verdict, row.reason, row.holes) == ("worse", None, 1)
    other = only_row(judged(design, with_failures(planted(design, effect_of(0.05)), (design.arms[0].id, 1))))
    assert design.arms[0].levels["scalars"] == "none"
    assert (other.verdict, other.holes) == ("better", 1)


def test_a_metric_without_a_worst_value_bounds_nothing() -> None:
    design = design_of(SMALL, seeds=8, metric="train_loss")
    worst = replace(design.readings[0], worst=math.inf)
    endless = replace(design, readings=(worst, *design.readings[1:]))
    shared = next(arm for arm in design.arms if arm.levels["scalars"] == "shared")
    records = with_failures(planted(endless, losses(0.9)), (shared.id, 1))
    row = only_row(judged(endless, records))
    assert (row.verdict, row.reason) == ("inconclusive", "depends on 1 run that failed")
    assert row.collapse is None


def test_an_arm_without_any_value_is_no_data() -> None:
    design = design_of(SMALL, seeds=4)
    lost = [(arm.id, seed) for arm in design.arms if arm.levels["scalars"] == "shared" for seed in range(4)]
    row = only_row(judged(design, with_failures(planted(design, effect_of(0.05)), *lost)))
    assert (row.n, row.verdict, row.reason) == (0, "no data", "no seed has a value on both sides")


def test_unseen_collapse_stands_beside_a_decided_verdict() -> None:
    design = design_of(SMALL, seeds=5)
    row = only_row(judged(design, planted(design, effect_of(0.05))))
    known = row.collapse
    assert row.verdict == "better" and known is not None and row.estimate is not None
    assert (known.side, known.of_seen, known.against_seen, known.n) == ("of", 0, 0, 5)
    assert known.not_excluded == pytest.approx(1 - 0.05**0.2)
    assert known.turns_at == pytest.approx(row.estimate / (row.of_mean or 0))
    assert any("rates of collapse up to 45 % are not excluded" in note for note in row.notes)


def test_collapses_that_were_seen_are_counted_by_a_declared_rate_or_by_nearness() -> None:
    for extra in ([], RATES["metrics"]):
        design = design_of(RATES, seeds=10, metrics=[{"name": "test_accuracy"}, *extra])
        row = only_row(judged(design, collapses(design, 8, 1)))
        assert row.collapse is not None and row.verdict == "better"
        assert (row.collapse.of_seen, row.collapse.against_seen) == (1, 8)
        assert row.collapse.not_excluded == pytest.approx(stats.beta.ppf(0.95, 2, 9))
        assert any(note.startswith("1 of 10 seeds of shared collapsed") for note in row.notes)


def test_holes_that_could_not_are_told_as_well_and_none_are_not() -> None:
    design = design_of(RATES, seeds=12)
    records = collapses(design, 11, 0)
    whole = only_row(judged(design, records))
    assert whole.sensitivity is None
    holed = only_row(judged(design, with_failures(records, (design.arms[0].id, 3))))
    assert holed.holes == 1 and holed.sensitivity is not None
    assert not holed.sensitivity.flips
    assert holed.sensitivity.of_worst.estimate == pytest.approx(-10 / 12)
    assert holed.sensitivity.against_worst.estimate == pytest.approx(-11 / 12)
    json.dumps(holed.to_json(), allow_nan=False)
