"""Every arm by itself, against numpy and scipy."""

import numpy as np
import pytest
from scipy import stats

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.judge import judge
from ablations.effects.summaries import summarise
from ablations.results.results import Results
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of
from tests.unit.ablations.trials import planted, results_of


def test_every_number_agrees_with_numpy_and_scipy() -> None:
    design = design_of(EXAMPLE)
    results = results_of(design, lambda arm: 0.9 - 0.01 * int(str(arm.levels["depth"])))
    found = summarise(design.arms, results)
    assert [one.arm_id for one in found] == [arm.id for arm in design.arms]
    for one, values in zip(found, results.values("test_accuracy"), strict=True):
        reading = one.readings["test_accuracy"]
        assert reading.n == 10
        assert reading.mean == pytest.approx(np.mean(values), abs=1e-10)
        assert reading.sd == pytest.approx(np.std(values, ddof=1), abs=1e-10)
        assert reading.median == pytest.approx(np.median(values), abs=1e-10)
        assert reading.interquartile_mean == pytest.approx(stats.trim_mean(values, 0.25), abs=1e-10)
        assert one.readings["collapsed"].mean == np.mean(values < 0.8)


def test_holes_are_left_out_arm_by_arm() -> None:
    design = design_of(SMALL)
    records = planted(design, lambda _: 0.5)
    first, second = design.arms[0].id, design.arms[1].id
    kept = [r for r in records if r.arm_id != first and (r.arm_id, r.seed) not in {(second, 0), (second, 2)}]
    none, single, *whole = summarise(design.arms, Results.build(design, kept))
    assert none.readings["test_accuracy"].to_json() == {
        "n": 0, "mean": None, "sd": None, "median": None, "interquartile_mean": None,
    }  # fmt: skip
    one = single.readings["test_accuracy"]
    assert (one.n, one.sd) == (1, None) and one.mean == one.median == one.interquartile_mean
    assert all(arm.readings["test_accuracy"].n == 3 for arm in whole)


def test_effects_carry_them() -> None:
    design = design_of(SMALL)
    effects = judge(compile_contrasts(design), results_of(design, lambda _: 0.5), final=True).to_json()
    assert [arm["arm"] for arm in effects["arms"]] == [arm.label for arm in design.arms]
    assert set(effects["arms"][0]["readings"]["test_accuracy"]) >= {"median", "interquartile_mean"}
