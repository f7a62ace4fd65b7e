"""Judged studies with a planted effect, failures and collapses, for the tests of verdicts."""

from dataclasses import replace
from typing import Any

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.design import Design
from ablations.effects.judge import EffectRow, Effects, judge
from ablations.results.results import Results, TrialRecord
from tests.unit.ablations.studies import SMALL
from tests.unit.ablations.trials import record_of


def effect_of(size: float) -> Any:
    return lambda arm: 0.8 + size * (arm.levels["scalars"] == "shared")


def judged(design: Design, records: list[TrialRecord], **changes: Any) -> Effects:
    return judge(compile_contrasts(design), Results.build(design, records), **{"final": True, **changes})


def only_row(effects: Effects) -> EffectRow:
    (row,) = effects.contrasts[0].rows
    return row


def losses(ratio: float) -> Any:
    return lambda arm: 2.0 * (ratio if arm.levels["scalars"] == "shared" else 1.0)


RATES: dict[str, Any] = {
    **SMALL,
    "factors": {"scalars": ["none", "shared"]},
    "metric": ...,
    "metrics": [{"name": "collapsed", "of": "test_accuracy", "below": 0.8}],
}


def collapses(design: Design, static: int, dynamic: int) -> list[TrialRecord]:
    """Records in which the first so many seeds of either arm have collapsed."""
    num = {"none": static, "shared": dynamic}
    return [
        record_of(arm, seed, {"test_accuracy": 0.1 if seed < num[str(arm.levels["scalars"])] else 0.9})
        for arm in design.arms
        for seed in design.seeds
    ]


def with_failures(records: list[TrialRecord], *lost: tuple[str, int]) -> list[TrialRecord]:
    return [
        replace(r, state="failed", metrics={}, reason="boom") if (r.arm_id, r.seed) in lost else r
        for r in records
    ]
