"""Rows whose trials ran with several versions of code, data or machine are not decided."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.judge import EffectRow, Effects, judge
from ablations.report.build import build_report
from ablations.report.renderers import markdown
from ablations.report.sections.versions import environment_facts
from ablations.results.environments import Environment, part_name
from ablations.results.results import Results, TrialRecord
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of
from tests.unit.ablations.trials import planted, record_of

CODE, MISH = "code:trainable:mlp-classifier", "code:activation:mish"
OLD = Environment(parts={CODE: "a" * 64, "torch": "2.9"}, commits={CODE: "0a1b2c3 (clean)"})
NEW = Environment(parts={**OLD.parts, CODE: "b" * 64})
REASON = "mlp-classifier's code changed between seeds 0-1 and 2-7"
Where = Callable[[TrialRecord], Environment | None]


def shared_is_better(arm: Arm) -> float:
    return 0.8 + 0.05 * (arm.levels["scalars"] == "shared")


def records_in(design: Design, where: Where) -> list[TrialRecord]:
    return [replace(r, environment=where(r)) for r in planted(design, shared_is_better)]


def judged(design: Design, where: Where, *, final: bool = True) -> Effects:
    results = Results.build(design, records_in(design, where))
    return judge(compile_contrasts(design), results, final=final)


def only_row(effects: Effects) -> EffectRow:
    (row,) = effects.contrasts[0].rows
    return row


def by_seed(record: TrialRecord) -> Environment:
    return OLD if record.seed < 2 else NEW


def test_a_row_over_two_versions_of_the_code_is_inconclusive_and_says_why() -> None:
    design = design_of(SMALL, seeds=8)
    assert only_row(judged(design, lambda _: OLD)).verdict == "better"
    effects = judged(design, by_seed)
    row = only_row(effects)
    assert (row.verdict, row.p, row.p_adjusted) == ("inconclusive", None, None)
    assert not any(row.others.values()) and row.sensitivity is None and row.seeds_needed is None
    assert row.mixed == (REASON,) and row.reason == REASON
    assert row.to_json()["mixed"] == [REASON]
    json.dumps(effects.to_json(), allow_nan=False)


def test_a_side_without_any_value_is_no_data_whatever_it_ran_with() -> None:
    design = design_of(SMALL, seeds=8)
    records = [
        replace(r, state="failed", metrics={}) if r.arm_id == design.arms[0].id else r
        for r in records_in(design, by_seed)
    ]
    row = only_row(judge(compile_contrasts(design), Results.build(design, records), final=True))
    assert (row.verdict, row.reason) == ("no data", "no seed has a value on both sides")
    assert row.mixed


def test_the_report_leads_with_it_and_has_a_line_with_both_versions() -> None:
    design = design_of(SMALL, seeds=8)
    records = records_in(design, by_seed)
    results = Results.build(design, records)
    effects = judge(compile_contrasts(design), results, final=True)
    text = markdown.render(
        build_report(
            study_id="s", design=design, effects=effects, results=results, records=records, provenance={}
        )
    )
    plain = text.replace("*", "").replace("`", "").replace("\\", "")
    assert "shared cannot be compared with none" in plain
    line = "mlp-classifier's code: aaaaaaaaaaaa (commit 0a1b2c3 (clean)) in seeds 0-1; bbbbbbbbbbbb in seeds"
    assert line in plain and REASON in plain


def test_versions_that_cross_seeds_are_counted() -> None:
    design = design_of(SMALL, seeds=4)
    row = only_row(judged(design, lambda r: NEW if r.seed == 3 or r.arm_id == design.arms[0].id else OLD))
    (reason,) = row.mixed
    assert reason == "mlp-classifier's code changed between 9 trials of seeds 0-2 and 7 trials of seeds 0-3"


def test_arms_that_name_a_plugin_may_be_compared_with_arms_that_do_not() -> None:
    design = design_of(EXAMPLE, seeds=6)
    with_mish = Environment(parts={**OLD.parts, MISH: "c" * 64})
    other_mish = Environment(parts={**OLD.parts, MISH: "d" * 64})
    mish = {arm.id for arm in design.arms if arm.levels["base"] == "mish"}

    rows = judged(design, lambda r: with_mish if r.arm_id in mish else OLD).contrasts[0].rows
    assert not any(row.mixed for row in rows)

    def mended(record: TrialRecord) -> Environment:
        return OLD if record.arm_id not in mish else with_mish if record.seed < 3 else other_mish

    effects = judged(design, mended)
    for row in effects.contrasts[0].rows:
        changed = ("activation mish's code changed between seeds 0-2 and 3-5",)
        assert row.mixed == (changed if row.within["base"] == "mish" else ())
        assert (row.verdict == "inconclusive") == bool(row.mixed) or row.of != "shared"
    assert any(row.mixed for row in effects.exploratory) and not all(r.mixed for r in effects.exploratory)
    assert all(row.p is None for row in effects.exploratory if row.mixed)


def test_a_mixed_row_makes_the_others_of_its_family_no_easier() -> None:
    design = design_of(EXAMPLE, seeds=6)
    mish = {arm.id for arm in design.arms if arm.levels["base"] == "mish"}
    plain = judged(design, lambda _: OLD).contrasts[0].rows
    part = judged(design, lambda r: NEW if r.arm_id in mish and r.seed > 2 else OLD).contrasts[0].rows
    for before, now in zip(plain, part, strict=True):
        if now.p_adjusted is not None and before.p_adjusted is not None:
            assert now.p == before.p and now.p_adjusted >= before.p_adjusted
    assert {row.p is None for row in part} == {True, False}


def test_what_is_unknown_is_said_and_not_mixed() -> None:
    design = design_of(SMALL, seeds=8)
    assert only_row(judged(design, lambda _: None)).notes == only_row(judged(design, lambda _: OLD)).notes
    row = only_row(judged(design, lambda r: None if r.seed < 2 else NEW))
    assert row.verdict == "better" and row.mixed == ()
    assert "the code and data behind 8 of its 32 trials are unknown" in row.notes


def test_a_search_under_other_code_is_other_evidence() -> None:
    tuning = {"candidates": 1, "seeds": 1, "space": {"lr": [0.1]}}
    design = design_of(SMALL, seeds=4, tuning=tuning)
    searching = [
        record_of(arm, 1_000_000, {"val_accuracy": 0.5}, phase="tuning", candidate=0) for arm in design.arms
    ]
    records = [replace(r, environment=OLD) for r in searching] + records_in(design, lambda _: NEW)
    row = only_row(judge(compile_contrasts(design), Results.build(design, records), final=True))
    assert row.mixed == ("mlp-classifier's code changed between 4 trials of the search and seeds 0-3",)


def test_trials_without_an_outcome_and_seeds_beyond_a_look_mix_nothing() -> None:
    design = design_of(SMALL, seeds=8, analysis={"looks": [4, 8]})
    records = records_in(design, lambda r: OLD if r.seed < 4 else NEW)
    open_ = [replace(r, state="planned", metrics={}) if r.seed > 5 else r for r in records]
    look = judge(compile_contrasts(design), Results.build(design, open_), final=False)
    assert look.look == 4 and only_row(look).verdict is not None and only_row(look).mixed == ()
    failed = [replace(r, state="failed", metrics={}) if r.seed > 3 else r for r in records]
    assert only_row(judge(compile_contrasts(design), Results.build(design, failed), final=True)).mixed == ()


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ("code:measure:sharpness", "measure sharpness's code"),
        ("data:mnist", "dataset mnist"),
        ("hardware", "the hardware class"),
        ("torch", "the version of torch"),
    ],
)
def test_parts_have_names(part: str, words: str) -> None:
    assert part_name(part) == words


def test_provenance_names_every_version_and_what_is_unknown() -> None:
    assert environment_facts([OLD, NEW, None]) == {
        "mlp-classifier's code": "aaaaaaaaaaaa (commit 0a1b2c3 (clean)); bbbbbbbbbbbb",
        "the version of torch": "2.9",
        "unknown": "what 1 trial ran with was not recorded",
    }
