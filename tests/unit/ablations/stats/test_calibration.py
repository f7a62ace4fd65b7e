"""What intervals and tests promise, by simulation, and the table that reports quote.

Seeds are fixed; every bound lies five standard errors away, which a sound method misses once in 1.7 million.
"""

import math
from dataclasses import fields, replace
from typing import Literal

import numpy as np
import pytest

from ablations.contrasts.contrast import Contrast, compile_contrasts
from ablations.contrasts.rows import ContrastRow
from ablations.design.reading import Reading
from ablations.effects.inference import Inference, infer
from ablations.effects.verdict import Ruling, rule
from ablations.plan.plan import make_plan
from ablations.results.results import Results
from ablations.results.scoring import score
from ablations.stats.calibration import load_calibration
from ablations.stats.paired import paired_t
from ablations.stats.power import detectable_effect, power_of
from tests.benchmarks.calibration import measure
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL, design_of, study_of

NUM_STUDIES = 20_000
TESTS: tuple[Literal["paired_t", "sign_flip", "wilcoxon"], ...] = ("paired_t", "sign_flip", "wilcoxon")
DYNAMICS = ["shared", "per_layer", "per_channel"]


@pytest.mark.parametrize("num_seeds", [3, 5, 10, 20])
def test_the_t_interval_covers_the_truth_as_often_as_it_says(num_seeds: int) -> None:
    scores = np.random.default_rng(num_seeds).normal(0.3, 2.0, (100_000, num_seeds))
    fit = paired_t(scores)
    assert 0.945 <= np.mean((fit.low <= 0.3) & (fit.high >= 0.3)) <= 0.955


def studies_of(size: int, num_seeds: int, *, effect: float = 0.0) -> tuple[Contrast, Results]:
    """Studies without an effect, or with one, of so many arms against one baseline each, side by side.

    Rows are correlated twice: they share their baseline, and every arm of a study shares its seeds.
    """
    rng = np.random.default_rng([size, num_seeds])
    shape = (NUM_STUDIES, size + 1, num_seeds)
    values = rng.normal(0, 1, shape) + rng.normal(0, 2, (NUM_STUDIES, 1, num_seeds))
    values[:, 1:] += effect
    arms = [f"{study}.{arm}" for study in range(NUM_STUDIES) for arm in range(size + 1)]
    rows = tuple(
        ContrastRow(of=arm, against=0, within={}, weights={f"{study}.{arm}": 1.0, f"{study}.0": -1.0})
        for study in range(NUM_STUDIES)
        for arm in range(1, size + 1)
    )
    reading = Reading(name="y", metric="y", kind="metric", goal="maximize", worst=0.0)
    cells = (len(arms), num_seeds)
    results = Results(
        arms=tuple(arms),
        seeds=tuple(range(num_seeds)),
        readings=(reading,),
        tables={"y": values.reshape(cells)},
        diverged=np.zeros(cells, dtype=bool),
        ended=np.ones(cells, dtype=bool),
        holes=(),
        arm_index={arm: i for i, arm in enumerate(arms)},
    )
    asked = design_of(SMALL)
    (contrast,) = compile_contrasts(asked).contrasts
    return replace(contrast, metric="y", rows=rows), results


def families(found: Inference, size: int) -> list[Inference]:
    """The same, family by family."""
    names = [field.name for field in fields(Inference) if isinstance(getattr(found, field.name), np.ndarray)]
    return [
        replace(found, **{name: getattr(found, name)[first : first + size] for name in names})
        for first in range(0, len(found.estimate), size)
    ]


def alarmed(ruling: Ruling) -> bool:
    return any(verdict != "inconclusive" for verdict in ruling.verdicts)


@pytest.mark.parametrize("size", [1, 5, 20])
def test_a_family_keeps_its_chance_of_a_false_alarm(size: int) -> None:
    """Scored, inferred, corrected and ruled by the product itself, for every test that may carry verdicts."""
    contrast, results = studies_of(size, num_seeds=8)
    found = infer(contrast, score(contrast, results), level=0.95, bootstrap=False)
    error = np.sqrt(0.05 * 0.95 / NUM_STUDIES)
    if size == 1:
        # 95 % +- 5 standard errors are 94.2 to 95.8 %; this seed lies within half of it
        covered = np.mean((found.low <= 0) & (found.high >= 0))
        assert 0.945 <= covered <= 0.955
    parts = families(found, size)
    for test in TESTS if size < 20 else TESTS[:2]:
        family = replace(contrast, test=test, rows=contrast.rows[:size])
        alarms = np.mean([alarmed(rule(family, part, alpha=0.05)) for part in parts])
        assert alarms <= 0.05 + 5 * error, test
        if test == "paired_t":
            assert alarms >= 0.02  # the test is not dead


@pytest.mark.parametrize(("num_seeds", "factors"), [(5, ["none", "shared"]), (10, [*DYNAMICS, "none"])])
def test_power_is_what_the_plan_says(num_seeds: int, factors: list[str]) -> None:
    """A plan names the difference that a row finds with 80 %, whatever its family; the product finds it."""
    study = study_of(
        SMALL,
        seeds=num_seeds,
        factors={"scalars": factors, "depth": [1, 5]},
        analysis={"spread": {"test_accuracy": math.sqrt(2)}},  # of a difference of two arms with sd 1
    )
    power = make_plan(study, MLP).power
    assert power.detectable_effect is not None and power.alpha == 0.05 / (len(factors) - 1)
    contrast, results = studies_of(1, num_seeds, effect=power.detectable_effect)
    found = infer(contrast, score(contrast, results), level=0.95, bootstrap=False)
    share = np.mean(found.paired_t <= power.alpha)
    assert share == pytest.approx(0.8, abs=0.02)
    in_sds = power.detectable_effect / math.sqrt(2)
    assert share == pytest.approx(power_of(in_sds, num_seeds=num_seeds, alpha=power.alpha), abs=0.02)


@pytest.mark.parametrize(("num_seeds", "family_size"), [(5, 1), (10, 4), (20, 20)])
def test_power_of_the_t_test_is_what_is_computed(num_seeds: int, family_size: int) -> None:
    alpha = 0.05 / family_size
    effect = detectable_effect(num_seeds=num_seeds, alpha=alpha)
    scores = np.random.default_rng(41).normal(effect, 1.0, (NUM_STUDIES, num_seeds))
    found = np.mean(paired_t(scores).p <= alpha)
    assert found == pytest.approx(power_of(effect, num_seeds=num_seeds, alpha=alpha), abs=0.02)
    assert found == pytest.approx(0.8, abs=0.02)


def test_the_table_is_what_its_command_measures() -> None:
    table = load_calibration()
    assert {row.num_seeds for row in table.rows} == {3, 5, 10, 20}
    assert table.num_studies >= 20_000
    stored = {row.errors: row for row in table.rows if row.num_seeds == 5}
    for row in measure(num_studies=2000, num_seeds=(5,)):
        known = stored[row["errors"]]
        for kind, shares in (("coverage", known.coverage), ("size", known.size)):
            assert set(row[kind]) == set(shares)
            for name, share in shares.items():
                error = np.sqrt(max(share * (1 - share), 1e-3) * (1 / 2000 + 1 / table.num_studies))
                assert abs(row[kind][name] - share) <= 5 * error, (row["errors"], name)


def test_what_the_table_teaches() -> None:
    rows = {(row.num_seeds, row.errors): row for row in load_calibration().rows}
    assert rows[3, "normal"].coverage["bootstrap"] < 0.8 < rows[3, "normal"].coverage["t"]
    assert rows[5, "normal"].size["sign_flip"] == 0.0


@pytest.mark.parametrize("num_seeds", [3, 5, 10, 20])
def test_no_exact_test_has_more_false_alarms_than_it_says(num_seeds: int) -> None:
    table = load_calibration()
    bound = 0.05 + 5 * table.standard_error
    for row in table.rows:
        if row.num_seeds == num_seeds:
            exact = ["mcnemar", "tost"] if "rates" in row.errors else ["sign_flip", "wilcoxon"]
            exact = exact if row.errors != "skewed" else []
            for name in [*exact, *(["paired_t", "tost"] if row.errors == "normal" else [])]:
                assert row.size[name] <= bound, (row.errors, name)
