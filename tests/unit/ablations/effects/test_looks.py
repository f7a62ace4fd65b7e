"""Declared looks: verdicts at their share of alpha, and none in between."""

from dataclasses import replace
from typing import Any

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.judge import judge
from tests.unit.ablations.effects.samples import (
    effect_of,
    judged,
    only_row,
)
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import planted, results_of

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
