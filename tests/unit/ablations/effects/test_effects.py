"""Effects: estimates, intervals, tests and verdicts of planted results."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.judge import EffectRow, Effects, judge
from ablations.results.results import Results
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of
from tests.unit.ablations.trials import planted, record_of, results_of

KEYS = {
    "of", "against", "within", "estimate", "low", "high", "p", "p_adjusted",
    "others", "n", "holes", "unit", "verdict",
}  # fmt: skip


def shared_is_better(arm: Arm) -> float:
    return 0.8 + 0.05 * (arm.levels["scalars"] == "shared")


def judged(design: Design, results: Results, *, final: bool = True) -> Effects:
    return judge(compile_contrasts(design), results, final=final)


def only_row(effects: Effects) -> EffectRow:
    (row,) = effects.contrasts[0].rows
    return row


def test_a_planted_effect_is_found() -> None:
    design = design_of(SMALL, seeds=8)
    row = only_row(judged(design, results_of(design, shared_is_better)))
    assert (row.of, row.against, row.verdict, row.n, row.holes) == ("shared", "none", "better", 8, 0)
    assert row.estimate == pytest.approx(0.05, abs=0.02)
    assert row.low is not None and row.high is not None and 0 < row.low < 0.05 < row.high + 0.02


def test_every_number_agrees_with_scipy() -> None:
    design = design_of(EXAMPLE)
    results = results_of(design, lambda arm: 0.8 + 0.01 * (arm.levels["scalars"] == "shared"))
    family = judged(design, results).contrasts[0]
    values = results.values("test_accuracy")
    raw = []
    for row in family.rows:
        of, against = (
            np.mean(
                [
                    values[i]
                    for i, arm in enumerate(design.arms)
                    if arm.levels["scalars"] == level
                    and arm.levels["base"] == row.within["base"]
                    and int(str(arm.levels["depth"])) >= 10
                ],
                axis=0,
            )
            for level in (row.of, row.against)
        )
        test = stats.ttest_rel(of, against)
        interval = test.confidence_interval(0.95)
        assert row.estimate == pytest.approx(np.mean(of - against), abs=1e-10)
        assert (row.low, row.high) == pytest.approx((interval.low, interval.high), abs=1e-10)
        assert row.p == pytest.approx(test.pvalue, abs=1e-10)
        flips = stats.permutation_test(
            (of - against,), np.mean, permutation_type="samples", n_resamples=10**5
        )
        assert row.others["sign_flip"] == pytest.approx(flips.pvalue, abs=1e-10)
        assert row.others["wilcoxon"] == pytest.approx(stats.wilcoxon(of - against).pvalue, abs=1e-10)
        raw.append(test.pvalue)
    order = np.argsort(raw)
    holm = np.maximum.accumulate([min(1.0, raw[i] * (4 - k)) for k, i in enumerate(order)])
    assert [family.rows[i].p_adjusted for i in order] == pytest.approx(list(holm), abs=1e-10)


def test_the_json_has_what_clients_rely_on() -> None:
    design = design_of(EXAMPLE)
    effects = judged(design, results_of(design, shared_is_better)).to_json()
    text = json.dumps(effects, allow_nan=False)
    assert json.loads(text) == effects
    assert effects["interim"] is False
    family = effects["contrasts"][0]
    assert {"name", "primary", "metric", "test", "correction", "alpha", "family_size", "rows"} <= set(family)
    assert family["family_size"] == len(family["rows"]) == 4
    assert all(set(row) >= KEYS for row in family["rows"] + effects["exploratory"])


def test_exploratory_rows_stand_apart() -> None:
    design = design_of(EXAMPLE)
    effects = judged(design, results_of(design, shared_is_better))
    assert effects.exploratory
    for row in effects.exploratory + effects.interactions:
        assert row.p_adjusted is None and row.verdict is None and row.estimate is not None


def test_before_the_end_there_are_estimates_only() -> None:
    design = design_of(SMALL, seeds=8)
    records = planted(design, shared_is_better)
    unfinished = [record_of(design.arms[0], 7, {}, state="running")]
    results = Results.build(design, [r for r in records if r.seed < 6] + unfinished)
    effects = judged(design, results, final=False)
    assert effects.interim
    for row in (*effects.contrasts[0].rows, *effects.exploratory):
        assert row.estimate is not None and row.n == 6 and row.holes == 0
        assert row.p is row.p_adjusted is row.verdict is None
        assert row.others == {}


def test_a_seed_counts_only_where_every_arm_of_the_row_has_a_value() -> None:
    design = design_of(SMALL, seeds=8)
    records = planted(design, shared_is_better)
    lost = {(design.arms[0].id, 1), (design.arms[1].id, 1), (design.arms[0].id, 5)}
    kept = [r for r in records if (r.arm_id, r.seed) not in lost]
    failed = [record_of(design.arm(arm), seed, {}, state="failed", reason="boom") for arm, seed in lost]
    row = only_row(judged(design, Results.build(design, kept + failed)))
    assert (row.n, row.holes) == (6, 3)
    whole = only_row(judged(design, Results.build(design, [r for r in records if r.seed not in (1, 5)])))
    assert (row.estimate, row.p) == (whole.estimate, whole.p)


@pytest.mark.parametrize(("num_left", "known"), [(0, False), (1, True)])
def test_too_few_seeds_leave_nulls(num_left: int, known: bool) -> None:
    design = design_of(SMALL)
    results = Results.build(design, [r for r in planted(design, shared_is_better) if r.seed < num_left])
    row = only_row(judged(design, results))
    assert (row.estimate is not None) is known
    assert row.low is row.high is row.p is row.p_adjusted is None
    assert (row.n, row.verdict) == (num_left, "inconclusive" if known else "no data")


def test_no_difference_at_all_is_inconclusive_with_p_1() -> None:
    design = design_of(SMALL)
    row = only_row(judged(design, results_of(design, lambda _: 0.5, noise=0.0)))
    assert (row.estimate, row.low, row.high, row.p, row.verdict) == (0.0, 0.0, 0.0, 1.0, "inconclusive")


def test_a_constant_difference_is_judged_by_flipping_signs() -> None:
    design = design_of(SMALL, seeds=10)
    row = only_row(judged(design, results_of(design, shared_is_better, noise=0.0)))
    assert row.estimate == pytest.approx(0.05) and row.low == row.high == row.estimate
    assert row.p == 2 / 2**10
    assert row.others["paired_t"] is None
    assert row.verdict == "better"


def test_swapping_the_sides_flips_the_signs() -> None:
    other = design_of(SMALL, seeds=6, baseline={"scalars": "shared"})
    one = design_of(SMALL, seeds=6)
    records = planted(one, shared_is_better)
    there = only_row(judged(one, Results.build(one, records)))
    back = only_row(judged(other, Results.build(other, records)))
    assert there.estimate is not None and there.low is not None and there.high is not None
    assert (back.estimate, back.low, back.high) == pytest.approx((-there.estimate, -there.high, -there.low))
    assert back.p == pytest.approx(there.p, abs=1e-12)
    assert (there.verdict, back.verdict) == ("better", "worse")


def test_a_metric_to_be_minimized_is_better_when_lower() -> None:
    design = design_of(SMALL, seeds=8, metric="train_loss")
    row = only_row(judged(design, results_of(design, lambda arm: 2 + (arm.levels["scalars"] == "shared"))))
    assert row.verdict == "worse" and row.estimate is not None and row.estimate > 0


@pytest.mark.parametrize("test", ["sign_flip", "wilcoxon"])
def test_the_declared_test_carries_the_verdict(test: str) -> None:
    design = design_of(SMALL, seeds=5)
    asked = compile_contrasts(design)
    contrasts = replace(asked, contrasts=tuple(replace(c, test=test) for c in asked.contrasts))
    family = judge(contrasts, results_of(design, shared_is_better), final=True).contrasts[0]
    assert family.test == test
    row = family.rows[0]
    assert row.p == row.others[test] == 2 / 2**5  # five seeds of one sign can say no more
    assert row.verdict == "inconclusive"
