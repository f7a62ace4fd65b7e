"""Verdicts and what stands beside them."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablations.contrasts.contrast import Contrasts, compile_contrasts, mark_post_hoc
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.judge import Effects, judge
from ablations.errors import InvalidStudy
from ablations.results.results import Results
from ablations.stats.power import seeds_to_settle
from tests.unit.ablations.effects.samples import RATES, collapses, effect_of, judged, losses, only_row
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of
from tests.unit.ablations.trials import planted, record_of, results_of


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
