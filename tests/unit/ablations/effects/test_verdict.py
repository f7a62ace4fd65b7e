"""Verdicts and what stands beside them."""

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablations.contrasts.contrast import Contrasts, compile_contrasts, mark_post_hoc
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.judge import EffectRow, Effects, judge
from ablations.errors import InvalidStudy
from ablations.results.results import Results, TrialRecord
from ablations.stats.power import seeds_to_settle
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of
from tests.unit.ablations.trials import planted, record_of, results_of


def effect_of(size: float) -> Any:
    return lambda arm: 0.8 + size * (arm.levels["scalars"] == "shared")


def judged(design: Design, records: list[TrialRecord], **changes: Any) -> Effects:
    return judge(compile_contrasts(design), Results.build(design, records), **{"final": True, **changes})


def only_row(effects: Effects) -> EffectRow:
    (row,) = effects.contrasts[0].rows
    return row


def with_margin(margin: float, **changes: Any) -> Design:
    return design_of(SMALL, analysis={"margin": {"test_accuracy": margin}}, seeds=10, **changes)


def test_an_effect_inside_the_margin_is_equivalent() -> None:
    design = with_margin(0.02)
    row = only_row(judged(design, planted(design, effect_of(0.0))))
    assert row.verdict == "equivalent"
    tost = row.others["tost"]
    assert tost is not None and tost <= 0.05 and row.others["tost_adjusted"] == tost
    assert row.seeds_needed is None


def test_an_effect_that_may_be_beyond_the_margin_is_inconclusive_and_says_what_would_settle_it() -> None:
    design = with_margin(0.002)
    row = only_row(judged(design, planted(design, effect_of(0.0))))
    assert row.verdict == "inconclusive" and row.sd is not None
    assert row.seeds_needed == seeds_to_settle(0.002 / row.sd, alpha=0.05)
    shifted = only_row(judged(design, planted(design, effect_of(0.001))))
    assert shifted.verdict == "inconclusive" and shifted.estimate != row.estimate
    assert shifted.seeds_needed == row.seeds_needed  # from the spread and the margin, never the effect


def test_without_a_margin_nothing_is_equivalent_and_nothing_promised() -> None:
    design = design_of(SMALL, seeds=10)
    family = judged(design, planted(design, effect_of(0.0))).contrasts[0]
    assert family.margin is None
    assert family.rows[0].verdict == "inconclusive" and family.rows[0].seeds_needed is None
    assert "tost" not in family.rows[0].others


def test_a_real_but_small_difference_says_so() -> None:
    design = with_margin(0.05)
    row = only_row(judged(design, planted(design, effect_of(0.02), noise=0.003)))
    assert row.verdict == "better"
    assert (row.margin_side, row.words) == ("within", "better, but by less than the margin")


def test_equivalence_is_corrected_in_a_family_of_its_own() -> None:
    design = design_of(EXAMPLE, analysis={**EXAMPLE["analysis"], "margin": {"test_accuracy": 0.01}})
    rows = judged(design, planted(design, effect_of(0.0), noise=0.02)).contrasts[0].rows
    raw = np.array([row.others["tost"] for row in rows], dtype=float)
    adjusted = np.array([row.others["tost_adjusted"] for row in rows], dtype=float)
    assert adjusted.min() == pytest.approx(min(1, 4 * raw.min()))
    assert all((row.verdict == "equivalent") == (p <= 0.05) for row, p in zip(rows, adjusted, strict=True))


def losses(ratio: float) -> Any:
    return lambda arm: 2.0 * (ratio if arm.levels["scalars"] == "shared" else 1.0)


def test_a_metric_on_a_log_scale_is_compared_as_a_ratio() -> None:
    design = design_of(SMALL, seeds=10, metric="train_loss", analysis={"margin": {"train_loss": "1 %"}})
    records = planted(design, losses(0.9))
    row = only_row(judged(design, records))
    assert row.ratio is not None and row.ratio.low is not None and row.ratio.high is not None
    assert row.ratio.estimate == pytest.approx(0.9, abs=0.01)
    assert row.ratio.low < 0.9 < row.ratio.high
    assert row.estimate == pytest.approx(math.log(row.ratio.estimate), abs=1e-12)
    assert (row.verdict, row.unit) == ("better", "log ratio")
    values = np.log(Results.build(design, records).values("train_loss"))
    shared = [i for i, arm in enumerate(design.arms) if arm.levels["scalars"] == "shared"]
    none = [i for i, arm in enumerate(design.arms) if arm.levels["scalars"] == "none"]
    test = stats.ttest_rel(values[shared].mean(axis=0), values[none].mean(axis=0))
    assert row.p == pytest.approx(test.pvalue, abs=1e-10)
    assert row.against_mean == pytest.approx(np.exp(values[none].mean()), abs=1e-10)


def test_a_factor_and_a_percentage_are_one_margin() -> None:
    found = [
        compile_contrasts(design_of(SMALL, metric="train_loss", analysis={"margin": {"train_loss": written}}))
        for written in ("5 %", "factor 1.05", "5%")
    ]
    for asked in found:
        assert asked.contrasts[0].margin == pytest.approx(0.05, abs=1e-15)


def test_a_margin_on_a_log_scale_is_a_share() -> None:
    changes: dict[str, Any] = {"seeds": 10, "metric": "train_loss"}
    rows = [
        only_row(judged(design, planted(design, losses(1.0), noise=0.02)))
        for margin in ("2 %", "factor 1.002")
        if (design := design_of(SMALL, analysis={"margin": {"train_loss": margin}}, **changes))
    ]
    assert [row.verdict for row in rows] == ["equivalent", "inconclusive"]


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


def test_rates_of_two_arms_are_judged_by_mcnemar() -> None:
    design = design_of(RATES, seeds=10)
    family = judged(design, collapses(design, 8, 0)).contrasts[0]
    row = family.rows[0]
    assert family.test == "mcnemar"
    assert row.p == row.others["mcnemar"] == row.others["sign_flip"] == pytest.approx(2 / 2**8)
    assert row.estimate == pytest.approx(-0.8) and row.verdict == "better"
    assert row.low is not None and row.high is not None
    assert -1 < row.low < -0.8 < row.high < 0


def test_divergence_is_a_rate_with_a_verdict_of_its_own() -> None:
    design = design_of(RATES, seeds=10, metrics=[{"name": "diverged"}])
    records = [
        replace(r, state="diverged", metrics={}) if r.metrics["test_accuracy"] == 0.1 else r
        for r in collapses(design, 8, 0)
    ]
    row = only_row(judged(design, records))
    assert (row.metric, row.estimate, row.verdict) == ("diverged", pytest.approx(-0.8), "better")
    assert row.p == pytest.approx(2 / 2**8)


def test_a_rate_listed_second_is_tested_and_not_judged() -> None:
    """One family is one contrast on one metric, and the first metric's alone carries verdicts."""
    design = design_of(RATES, seeds=10, metrics=[{"name": "test_accuracy"}, *RATES["metrics"]])
    first, second = judged(design, collapses(design, 8, 0)).contrasts
    assert (first.metric, first.primary, second.metric, second.primary) == (
        "test_accuracy", True, "collapsed", False,
    )  # fmt: skip
    assert first.rows[0].verdict == "better"
    assert second.rows[0].verdict is None and second.rows[0].p_adjusted == pytest.approx(2 / 2**8)


def test_equal_rates_are_equivalent_once_there_are_seeds_enough() -> None:
    for num_seeds, verdict in ((9, "inconclusive"), (10, "equivalent")):
        design = design_of(RATES, seeds=num_seeds, analysis={"margin": {"collapsed": 0.3}})
        row = only_row(judged(design, collapses(design, 0, 0)))
        tost = row.others["tost"]
        assert row.verdict == verdict and tost is not None
        assert 0.7**num_seeds <= tost <= 0.7**num_seeds + 0.02 and (tost <= 0.05) == (num_seeds == 10)


def test_few_seeds_of_a_rate_cannot_decide_and_say_how_many_could() -> None:
    design = design_of(RATES, seeds=4)
    row = only_row(judged(design, collapses(design, 4, 0)))
    assert row.verdict == "inconclusive"
    assert any(
        "no result of 4 seeds could be significant" in note and "6 seeds could" in note for note in row.notes
    )


def with_failures(records: list[TrialRecord], *lost: tuple[str, int]) -> list[TrialRecord]:
    return [
        replace(r, state="failed", metrics={}, reason="boom") if (r.arm_id, r.seed) in lost else r
        for r in records
    ]


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


LOOKS: dict[str, Any] = {"analysis": {"looks": [4, 8]}, "seeds": 8}


def test_a_declared_look_gives_verdicts_at_its_share_of_alpha() -> None:
    design = design_of(SMALL, **LOOKS)
    records = planted(design, effect_of(0.05))
    some = [r for r in records if r.seed < 5 or r.arm_id == design.arms[0].id]
    effects = judged(design, some, final=False)
    assert effects.interim and effects.look == 4
    family = effects.contrasts[0]
    assert family.alpha == 0.025
    assert family.rows[0].n == 4 and family.rows[0].verdict == "better"
    first = only_row(judged(design_of(SMALL, seeds=4), [r for r in records if r.seed < 4]))
    assert family.rows[0].p == first.p
    final = judged(design, records)
    assert final.look is None and final.contrasts[0].alpha == 0.025 and only_row(final).n == 8
    assert any("look 2 of 2" in note for note in only_row(final).notes)


def test_before_a_look_is_complete_there_is_no_verdict() -> None:
    design = design_of(SMALL, **LOOKS)
    records = [r for r in planted(design, effect_of(0.05)) if (r.arm_id, r.seed) != (design.arms[1].id, 3)]
    effects = judged(design, records, final=False)
    assert effects.look is None
    assert only_row(effects).verdict is None and only_row(effects).p is None


def test_seeds_that_are_no_look_withhold_the_verdict() -> None:
    design = design_of(SMALL, seeds=6)
    contrasts = replace(compile_contrasts(design), looks=(4, 8))
    row = only_row(judge(contrasts, results_of(design, effect_of(0.05)), final=True))
    assert row.verdict is None and row.p is not None
    assert any("no declared look" in note for note in row.notes)


def test_an_extended_study_withholds_its_verdict_unless_looks_were_declared() -> None:
    design = design_of(SMALL, seeds=8)
    extended = judged(design, planted(design, effect_of(0.05)), extended=True)
    assert only_row(extended).verdict is None
    assert any("extended" in note for note in only_row(extended).notes + extended.notes)
    declared = design_of(SMALL, **LOOKS)
    assert only_row(judged(declared, planted(declared, effect_of(0.05)), extended=True)).verdict == "better"


def noted(contrasts: Contrasts, design: Design) -> tuple[str, ...]:
    row = only_row(judge(contrasts, results_of(design, effect_of(0.05)), final=True))
    assert row.verdict == "better"
    return row.notes


def test_post_hoc_and_tuned_once_stand_beside_the_verdict() -> None:
    design = design_of(SMALL, seeds=8)
    asked = compile_contrasts(design)
    (watched,) = noted(asked, design)
    assert "without a collapse" in watched
    late = replace(asked, contrasts=tuple(replace(c, post_hoc=True) for c in asked.contrasts))
    assert any("post hoc" in note for note in noted(late, design))
    tuned = design_of(SMALL, seeds=8, tuning={"candidates": 2, "space": {"lr": {"low": 1e-4, "high": 1e-1}}})
    assert any(
        "conditional on these tuned settings" in note for note in noted(compile_contrasts(tuned), tuned)
    )


def test_what_was_not_declared_before_the_results_is_marked() -> None:
    design = design_of(SMALL, seeds=8)
    declared = compile_contrasts(design)
    assert mark_post_hoc(declared, declared) == declared
    new = {"contrasts": {"deep": {"vary": "scalars", "where": {"depth": 5}}}}
    for analysis in (new, {"alpha": 0.1}, {"test": "sign_flip"}):
        asked = compile_contrasts(design_of(SMALL, seeds=8, analysis=analysis))
        late = mark_post_hoc(asked, declared)
        assert all(contrast.post_hoc for contrast in late.contrasts)
        assert any("post hoc" in note for note in noted(late, design))


def test_only_the_primary_contrast_gets_verdicts() -> None:
    design = design_of(EXAMPLE)
    families = judged(design, planted(design, effect_of(0.05))).contrasts
    assert [family.primary for family in families] == [True, False]
    assert all(row.verdict is not None for row in families[0].rows)
    assert all(row.verdict is None and row.p_adjusted is not None for row in families[1].rows)


def test_one_family_does_not_touch_another() -> None:
    def at_depth(depths: list[int]) -> Effects:
        factors = {"scalars": ["none", "shared"], "depth": depths}
        contrasts = {"deep": {"vary": "scalars", "where": {"depth": [1, 5]}, "within": ["depth"]}}
        design = design_of(SMALL, seeds=6, factors=factors, analysis={"contrasts": contrasts})

        def value(arm: Arm) -> float:
            return 0.8 + 0.01 * int(str(arm.levels["depth"])) * (arm.levels["scalars"] == "shared")

        records = [
            record_of(arm, seed, {"test_accuracy": value(arm) + np.sin(seed * len(arm.id + arm.label)) / 99})
            for arm in design.arms
            for seed in design.seeds
        ]
        return judged(design, records)

    few, many = at_depth([1, 5]).contrasts[0], at_depth([1, 5, 10]).contrasts[0]
    assert [row.to_json() for row in few.rows] == [row.to_json() for row in many.rows]


@pytest.mark.parametrize(
    ("analysis", "changes", "path"),
    [
        ({"margin": {"accuracy": 0.1}}, {}, "analysis.margin.accuracy"),
        ({"margin": {"test_accuracy": "5 %"}}, {}, "analysis.margin.test_accuracy"),
        ({"margin": {"test_accuracy": "factor 1.05"}}, {}, "analysis.margin.test_accuracy"),
        ({"margin": {"train_loss": 1.05}}, {"metric": "train_loss"}, "analysis.margin.train_loss"),
        ({"margin": {"train_loss": "1.2.3 %"}}, {"metric": "train_loss"}, "analysis.margin.train_loss"),
        ({"margin": {"train_loss": "factor 0.9"}}, {"metric": "train_loss"}, "analysis.margin.train_loss"),
        ({"margin": {"test_accuracy": 0}}, {}, "analysis.margin.test_accuracy"),
        ({"spread": {"accuracy": 0.1}}, {}, "analysis.spread.accuracy"),
        ({"looks": [4, 4, 3]}, {}, "analysis.looks"),
        ({"looks": [4, 8]}, {"seeds": 6}, "seeds"),
    ],
)
def test_an_analysis_that_cannot_be_done_is_refused(
    analysis: dict[str, Any], changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(InvalidStudy) as caught:
        design_of(SMALL, analysis=analysis, **changes)
    assert path in [problem.path for problem in caught.value.problems]


MANY = {"scalars": ["none", "shared"], "depth": list(range(1, 9))}


def by_depth(
    correction: str, num_seeds: int, margin: float | None = None, test: str = "sign_flip"
) -> Effects:
    analysis: dict[str, Any] = {
        "test": test,
        "correction": correction,
        "contrasts": {"each": {"vary": "scalars", "within": ["depth"]}},
    }
    if margin is not None:
        analysis["margin"] = {"test_accuracy": margin}
    design = design_of(SMALL, seeds=num_seeds, factors=MANY, analysis=analysis)
    return judged(design, planted(design, effect_of(0.2)))


def test_a_row_that_is_better_is_not_called_hopeless_under_benjamini_and_hochberg() -> None:
    rows = by_depth("bh", 6).contrasts[0].rows
    assert {row.verdict for row in rows} == {"better"}
    assert not any("could be significant" in note for row in rows for note in row.notes)
    held = by_depth("holm", 6).contrasts[0].rows
    assert {row.verdict for row in held} == {"inconclusive"}
    assert all("no result of 6 seeds" in row.notes[0] and "9 seeds could" in row.notes[0] for row in held)


def test_seeds_to_settle_are_never_fewer_than_the_test_needs() -> None:
    rows = by_depth("holm", 4, margin=5.0).contrasts[0].rows
    assert {row.seeds_needed for row in rows if row.verdict == "inconclusive"} == {9}
    assert any("9 seeds could" in note for row in rows for note in row.notes)
