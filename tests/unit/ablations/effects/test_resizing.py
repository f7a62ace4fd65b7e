"""What a pilot sets, that it does so blinded, and that nothing unblinded is shown before."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.design import Design
from ablations.effects.judge import judge
from ablations.effects.resizing import resize
from ablations.results.results import Results, TrialRecord
from ablations.stats.power import seeds_needed
from ablations.study.analysis import ResizedSpec
from tests.unit.ablations.effects.samples import effect_of
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import planted, record_of

BY_DEPTH = {"contrasts": {"it": {"vary": "scalars", "within": ["depth"]}}}
RULE = {"pilot": 4, "margin": 0.02, "max": 20}


def design_with(rule: dict[str, Any], analysis: dict[str, Any] | None = None, **changes: Any) -> Design:
    chosen = {**(BY_DEPTH if analysis is None else analysis), "resize": rule}
    return design_of(SMALL, **{"seeds": ..., "analysis": chosen, **changes})


def found_by(design: Design, records: list[TrialRecord]) -> ResizedSpec:
    return resize(compile_contrasts(design), Results.build(design, records))


def differences(design: Design, records: list[TrialRecord]) -> dict[int, np.ndarray]:
    """By depth, the paired differences, computed from the records alone."""
    value = {(r.arm_id, r.seed): r.metrics[design.readings[0].name] for r in records}
    arms = {(arm.levels["scalars"], arm.levels["depth"]): arm.id for arm in design.arms}
    return {
        depth: np.array([value[arms["shared", depth], s] - value[arms["none", depth], s] for s in range(4)])
        for depth in (1, 5)
    }


@pytest.mark.parametrize("correction", ["holm", "none"])
def test_the_row_that_spreads_most_sets_the_number_at_its_share_of_alpha(correction: str) -> None:
    design = design_with(RULE, {**BY_DEPTH, "correction": correction})
    records = planted(design, effect_of(0.01), noise=0.012)
    spreads = {depth: np.sqrt(np.mean(d**2)) for depth, d in differences(design, records).items()}
    depth = max(spreads, key=lambda each: spreads[each])
    found = found_by(design, records)
    assert found.spread == pytest.approx(spreads[depth]) and found.enough
    assert found.seeds == seeds_needed(0.02 / spreads[depth], alpha=0.05 / (2 if correction == "holm" else 1))
    assert (found.row, found.pairs, found.missing) == (f"shared against none where depth = {depth}", 4, 0)


def test_which_arm_is_which_on_any_seed_changes_nothing() -> None:
    design = design_with(RULE)
    records = planted(design, effect_of(0.015), noise=0.01)
    other = {arm.id: arm for arm in design.arms}
    twin = {
        a.id: next(b.id for b in design.arms if b.id != a.id and b.levels["depth"] == a.levels["depth"])
        for a in design.arms
    }
    for seeds in ({0}, {1, 3}, {0, 1, 2, 3}):
        swapped = [
            record_of(other[twin[r.arm_id]], r.seed, dict(r.metrics)) if r.seed in seeds else r
            for r in records
        ]
        assert found_by(design, swapped).seeds == found_by(design, records).seeds
        assert found_by(design, swapped).spread == pytest.approx(found_by(design, records).spread)


def test_on_a_log_scale_the_margin_is_a_factor() -> None:
    design = design_with({**RULE, "margin": "10 %"}, metric="train_loss")
    records = planted(design, lambda _arm: 1.0, noise=0.05, block=0.1)
    logs = [
        replace(r, metrics={name: float(np.exp(v)) for name, v in r.metrics.items() if v is not None})
        for r in records
    ]
    spread = max(float(np.sqrt(np.mean(d**2))) for d in differences(design, records).values())
    found = found_by(design, logs)
    assert found.spread == pytest.approx(spread)
    assert found.seeds == seeds_needed(np.log(1.1) / spread, alpha=0.025)


def test_a_spread_that_asks_for_too_much_takes_the_most_and_says_so() -> None:
    design = design_with({**RULE, "margin": 0.001})
    records = planted(design, effect_of(0.0))
    found = found_by(design, records)
    assert (found.seeds, found.enough) == (20, False)
    whole = design_of(design.study.resized(found).to_json())
    assert whole.resize is not None and "more than the 20 declared at most" in whole.resize.outcome


def test_holes_of_the_pilot_are_told_and_rows_without_two_pairs_tell_nothing() -> None:
    design = design_with(RULE)
    deep = next(arm.id for arm in design.arms if arm.levels["depth"] == 5)
    records = [
        replace(r, state="failed", metrics={}) if r.arm_id == deep and r.seed > 0 else r
        for r in planted(design, effect_of(0.0))
    ]
    found = found_by(design, records)
    assert (found.missing, found.pairs, found.unknown) == (3, 4, ["shared against none where depth = 5"])
    assert found.spread == pytest.approx(
        np.sqrt(np.mean(differences(design, planted(design, effect_of(0.0)))[1] ** 2))
    )
    outcome = design_of(design.study.resized(found).to_json()).resize
    assert outcome is not None
    assert "3 trials of the pilot have no result; no two pairs in shared against none where depth = 5" in (
        outcome.outcome
    )


def test_a_pilot_that_tells_no_spread_takes_the_most() -> None:
    design = design_with(RULE)
    static = {arm.id for arm in design.arms if arm.levels["scalars"] == "none"}
    records = [
        replace(r, state="failed", metrics={}) if r.arm_id in static and r.seed > 0 else r
        for r in planted(design, effect_of(0.0))
    ]
    found = found_by(design, records)
    assert (found.seeds, found.spread, found.enough, found.missing) == (20, None, False, 6)
    rule = design_of(design.study.resized(found).to_json()).resize
    assert rule is not None and "no row had two complete pairs to tell a spread" in rule.outcome


def test_differences_that_are_all_none_need_no_more_than_the_pilot() -> None:
    design = design_with(RULE)
    found = found_by(design, planted(design, lambda _arm: 0.8, noise=0.0))
    assert (found.seeds, found.spread, found.enough) == (4, 0.0, True)


def numbers_in(value: Any) -> list[float]:
    """Every number in what a client gets, but counts of seeds and the level of tests."""
    if isinstance(value, dict):
        fixed = ("num_results", "num_trials", "n", "holes", "alpha", "family_size", "margin", "look")
        return [x for key, each in value.items() if key not in fixed for x in numbers_in(each)]
    if isinstance(value, list):
        return [x for each in value for x in numbers_in(each)]
    return [value] if isinstance(value, float) else []


@pytest.mark.parametrize("final", [False, True])
def test_before_the_number_is_set_nothing_tells_one_arm_from_another(final: bool) -> None:
    design = design_with(RULE)
    records = planted(design, effect_of(0.05))
    effects = judge(compile_contrasts(design), Results.build(design, records), final=final)
    shown = json.loads(json.dumps(effects.to_json()))
    assert numbers_in(shown) == []
    rows = [row for contrast in effects.contrasts for row in contrast.rows]
    assert all((row.estimate, row.p, row.verdict) == (None, None, None) for row in rows)
    assert any(note.startswith("pilot of 4 seeds: no difference is shown") for note in effects.notes)
    assert effects.standing.num_results == 16


def test_once_it_is_set_the_study_is_interim_like_any_other_and_says_what_was_set() -> None:
    pilot = design_with(RULE)
    found = found_by(pilot, planted(pilot, effect_of(0.05)))
    design = design_of(pilot.study.resized(found).to_json())
    assert len(design.seeds) == found.seeds > 4
    records = planted(design, effect_of(0.05))
    some = [r for r in records if r.seed < 5]
    interim = judge(compile_contrasts(design), Results.build(design, some), final=False)
    row = interim.contrasts[0].rows[0]
    assert row.estimate is not None and row.p is None and row.verdict is None
    final = judge(compile_contrasts(design), Results.build(design, records), final=True)
    told = f"{found.seeds} seeds, set once from the pilot of 4, blinded to which arm is which: a spread of"
    for row in final.contrasts[0].rows:
        assert row.verdict == "better" and any(note.startswith(told) for note in row.notes)
    assert any(note.startswith(told) for note in final.notes)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("queued", "This is the pilot of 4 seeds: differences are shown once it has set their number"),
        ("running", "This is the pilot of 4 seeds"),
        ("paused", "This is the pilot of 4 seeds"),
        ("cancelled", "It ended before its time, so there are no p-values and no verdicts."),
    ],
)
def test_every_state_of_a_pilot_has_its_words(state: Any, words: str) -> None:
    design = design_with(RULE)
    results = Results.build(design, planted(design, effect_of(0.05)))
    effects = judge(compile_contrasts(design), results, final=False, state=state)
    assert words in effects.standing.words and "16 of 16 trials" in effects.standing.words
