"""Claims: estimates that can be computed by hand, and verdicts by what their intervals include."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.paper import presets
from ablations.paper.claims.abstract import CLAIMS
from ablations.paper.claims.judge import Estimate, judge_claim, overall, rule
from ablations.paper.claims.protocol import edits, from_paper
from ablations.paper.claims.statement import LARGEST, Asked, AtLeast, Claim, Target
from ablations.results.results import Results
from ablations.study.parsing import parse_study
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import record_of, results_of

DYNAMIC, STATIC = {"scalars": "per_layer", "base": "mish"}, {"scalars": "none", "base": "mish"}
POINTS = Asked(label="Mish", kind="difference", metric="test_accuracy", of=DYNAMIC, against=STATIC)


def claim_of(asked: Asked, target: Target) -> Claim:
    return Claim(
        id="x", sentence="x", claimed="x", target=target, preset="mnist-depth", reading="x", asked=(asked,)
    )


def design(**changes: Any) -> Design:
    factors = {"scalars": ["none", "per_layer"], "base": ["relu", "mish"], "depth": [1, 10, 25]}
    return design_of(
        SMALL,
        factors=factors,
        baseline={"scalars": "none"},
        fixed={},
        seeds=8,
        metric="test_accuracy",
        **changes,
    )


def better_by(gain: float) -> Callable[[Arm], float]:
    return lambda arm: 0.8 + gain * (arm.levels["scalars"] == "per_layer" and arm.levels["base"] == "mish")


def estimate(low: float | None, high: float | None) -> Estimate:
    middle = 0.0 if low is None or high is None else (low + high) / 2
    return Estimate(estimate=middle, low=low, high=high, num_seeds=3, of_mean=0.0, against_mean=None)


@pytest.mark.parametrize(
    ("target", "low", "high", "expected"),
    [
        (Target(about=14.0), 10.0, 18.0, "holds"),
        (Target(about=14.0), -2.0, 3.0, "fails"),
        (Target(about=14.0), 15.0, 18.0, "fails"),
        (Target(about=14.0), -5.0, 20.0, "open"),
        (Target(about=0.0, otherwise=-10.3), -2.0, 2.0, "holds"),
        (Target(about=0.0, otherwise=-10.3), -20.0, 2.0, "open"),
        (Target(about=0.0, otherwise=-10.3), -20.0, -2.0, "fails"),
        (Target(above=95.0), 95.0, 97.0, "holds"),
        (Target(above=95.0), 94.0, 97.0, "open"),
        (Target(above=95.0), 90.0, 94.9, "fails"),
        (Target(below=80.0), 10.0, 79.9, "holds"),
        (Target(below=80.0), 79.0, 81.0, "open"),
        (Target(below=80.0), 80.0, 81.0, "fails"),
        (Target(about=14.0), None, None, "open"),
    ],
)
def test_a_ruling_follows_from_what_the_interval_includes(
    target: Target, low: float | None, high: float | None, expected: str
) -> None:
    assert rule(target, estimate(low, high)) == expected


@pytest.mark.parametrize(
    ("gain", "scale", "edited", "expected"),
    [
        (0.14, "paper", False, "reproduced"),
        (0.14, "smoke", False, "consistent"),
        (0.14, "paper", True, "consistent"),
        (0.0, "paper", False, "not reproduced"),
        (0.0, "laptop", False, "inconsistent"),
    ],
)
def test_verdicts_at_every_scale(gain: float, scale: str, edited: bool, expected: str) -> None:
    asked = design()
    claim = claim_of(POINTS, Target(about=14.0))
    (row,) = judge_claim(claim, asked, results_of(asked, better_by(gain)), scale=scale, edited=edited)
    assert row.verdict == expected and overall([row]) == expected


def test_a_difference_is_the_paired_t_interval_of_the_seeds_means_in_points() -> None:
    asked = design()
    results = results_of(asked, better_by(0.1))
    claim = claim_of(POINTS, Target(about=10.0))
    (row,) = judge_claim(claim, asked, results, scale="smoke", edited=False)
    table = results.values("test_accuracy")
    rows = {
        key: [
            i
            for i, arm in enumerate(asked.arms)
            if arm.levels["base"] == "mish" and arm.levels["scalars"] == key
        ]
        for key in ("per_layer", "none")
    }
    scores = 100 * (table[rows["per_layer"]].mean(axis=0) - table[rows["none"]].mean(axis=0))
    low, high = stats.t.interval(0.95, 7, loc=scores.mean(), scale=stats.sem(scores))
    assert row.found is not None and (row.num_arms, row.found.num_seeds) == (6, 8)
    assert (row.found.estimate, row.found.low, row.found.high) == pytest.approx((scores.mean(), low, high))


def test_changes_and_gains_are_ratios_within_a_seed() -> None:
    asked = design()
    results = results_of(
        asked, lambda arm: 0.6 if arm.levels["scalars"] == "per_layer" else 0.8, noise=0, block=0
    )
    found = []
    for kind in ("change", "gain"):
        claim = claim_of(replace(POINTS, kind=kind), Target(about=-25.0))
        (row,) = judge_claim(claim, asked, results, scale="smoke", edited=False)
        assert row.found is not None
        found.append(row.found.estimate)
    assert found == pytest.approx([100 * (0.6 / 0.8 - 1), 100 * (0.8 / 0.6 - 1)])


def test_the_weakest_depth_decides_what_must_hold_at_all_depths() -> None:
    asked = design()
    never_below = replace(POINTS, kind="level", against=None, each=("base",), weakest="depth", of={})
    claim = claim_of(never_below, Target(above=75.0))

    def value(arm: Arm) -> float:
        return 0.5 if arm.levels["depth"] == 10 and arm.levels["base"] == "relu" else 0.9

    rows = judge_claim(claim, asked, results_of(asked, value), scale="paper", edited=False)
    by_base = {row.within["base"]: row for row in rows}
    assert by_base["relu"].verdict == "not reproduced" and by_base["relu"].within["depth"] == 10
    assert by_base["mish"].verdict == "reproduced"
    assert overall(rows) == "mixed"


def test_a_level_on_other_data_says_nothing() -> None:
    asked = design()
    level = replace(POINTS, kind="level", against=None, needs={"dataset": "mnist"})
    claim = claim_of(level, Target(above=95.0))
    (row,) = judge_claim(claim, asked, results_of(asked, better_by(0.0)), scale="smoke", edited=False)
    assert row.verdict == "inconclusive" and row.note == "dataset is digits-5k, not mnist"
    assert row.found is not None and row.found.high is not None and row.found.high < 95


def test_arms_are_chosen_by_bounds_and_by_the_largest_level() -> None:
    asked = design()
    deep = replace(POINTS, of={**DYNAMIC, "depth": AtLeast(value=10)}, against={**STATIC, "depth": LARGEST})
    results = results_of(asked, lambda arm: float(arm.levels["depth"]) / 100, noise=0, block=0)
    (row,) = judge_claim(claim_of(deep, Target(above=0.0)), asked, results, scale="smoke", edited=False)
    assert row.found is not None
    assert row.found.of_mean == pytest.approx(0.175) and row.found.against_mean == pytest.approx(0.25)


def test_a_seed_with_a_hole_is_left_out_and_one_seed_has_no_interval() -> None:
    asked = design()
    records = [record_of(arm, 0, {"test_accuracy": 0.9}) for arm in asked.arms]
    records += [record_of(asked.arms[0], 1, {"test_accuracy": 0.9})]
    results = Results.build(asked, records)
    (row,) = judge_claim(claim_of(POINTS, Target(about=14.0)), asked, results, scale="smoke", edited=False)
    assert row.found is not None and row.found.num_seeds == 1 and row.found.low is None
    assert row.verdict == "inconclusive"
    (empty,) = judge_claim(
        claim_of(POINTS, Target(about=1.0)), asked, Results.build(asked, []), scale="smoke", edited=False
    )
    assert empty.found is None and empty.to_json()["num_seeds"] == 0


def test_a_study_is_its_preset_until_something_that_matters_is_edited() -> None:
    def study(scale: str = "laptop", **changes: Any) -> Any:
        return parse_study({**presets.preset("mnist-depth", scale).study, **changes})

    fixed = dict(presets.preset("mnist-depth", "laptop").study["fixed"])  # type: ignore[arg-type]
    assert edits(study()) == []
    assert edits(study(name="mine", resources={"cpus": 2}, seeds=12)) == []
    assert edits(study(fixed={**fixed, "epochs": 1})) == ["fixed.epochs"]
    assert edits(study(seeds=2)) == ["seeds"]
    assert edits(study(tags={"preset": "nothing", "scale": "paper"})) is None
    assert "epochs: 6, not 20" in from_paper(study())
    assert from_paper(study("paper")) == []


def test_every_claim_names_a_preset_and_contrasts_of_it() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        for scale in presets.scales(claim.preset):
            analysis = presets.preset(claim.preset, scale).study["analysis"]
            assert isinstance(analysis, dict) and isinstance(analysis["contrasts"], dict)
            assert {asked.contrast for asked in claim.asked} <= set(analysis["contrasts"])


def test_numbers_are_those_of_the_abstract() -> None:
    targets = {claim.id: claim.target.number for claim in CLAIMS}
    assert targets["convergence"] == pytest.approx(100 * (2120 / 2785 - 1), abs=0.05)
    assert targets["perplexity"] == pytest.approx(100 * (4.047 / 4.514 - 1), abs=0.05)
    assert targets["fgsm"] == pytest.approx(55.39 - 62.79)
    assert np.isfinite(list(targets.values())).all()
