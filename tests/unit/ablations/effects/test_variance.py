"""Shares of variance against statsmodels' tables, and what is left out of them."""

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.effects.description import VarianceShares
from ablations.effects.judge import judge
from ablations.results.results import Results
from ablations.stats.variance import partition, residual_variance
from tests.unit.ablations.studies import EXAMPLE, SMALL, design_of
from tests.unit.ablations.trials import planted, results_of

CROSS: dict[str, Any] = {
    **SMALL,
    "factors": {"scalars": ["none", "shared"], "base": ["relu", "mish", "gelu"], "depth": [1, 5, 10, 25]},
}


def shares(design: Design, results: Results) -> VarianceShares:
    return judge(compile_contrasts(design), results, final=True).variance[0]


def by_factors(found: VarianceShares) -> dict[tuple[str, ...], float]:
    return {term.factors: term.share for term in found.terms}


def uneven(arm: Arm) -> float:
    return 0.5 + 0.01 * math.sin(hash_of(arm)) + 0.002 * int(str(arm.levels["depth"]))


def hash_of(arm: Arm) -> float:
    return float(int(arm.id[:6], 16))


def test_shares_agree_with_statsmodels() -> None:
    design = design_of(CROSS)
    results = results_of(design, uneven)
    frame = pd.DataFrame([dict(arm.levels) for arm in design.arms])
    frame["mean"] = results.values("test_accuracy").mean(axis=1)
    model = "mean ~ (C(scalars) + C(base) + C(depth)) ** 2"
    table = anova_lm(ols(model, frame).fit(), typ=2)["sum_sq"]
    expected = table / table.sum()
    found = by_factors(shares(design, results))
    for name, share in expected.items():
        factors = tuple(part[2:-1] for part in str(name).split(":"))
        key = ("scalars", "base", "depth") if name == "Residual" else factors
        assert found[key] == pytest.approx(share, abs=1e-10)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-12)


def test_a_factor_that_applies_to_some_arms_only_stands_apart() -> None:
    design = design_of(EXAMPLE)

    def value(arm: Arm) -> float:
        return 0.5 + 0.1 * (arm.levels.get("beta_init") == 0.5)

    found = shares(design, results_of(design, value, noise=0.0, block=0.0))
    terms = {(term.kind, term.factors): term.share for term in found.terms}
    # cells of dynamic arms lie at 0.55 and spread by 0.05 within; a third of the cells is static, at 0.5
    between, within = 0.05**2 * (2 / 3) * (1 / 3), 0.05**2 * 2 / 3
    assert terms["nested", ("beta_init",)] == pytest.approx(within / (between + within))
    assert terms["main", ("scalars",)] == pytest.approx(between / (between + within))
    assert terms["main", ("base",)] == pytest.approx(0.0, abs=1e-12)
    assert (found.num_arms, found.of_arms, found.notes) == (40, 40, ())


def test_levels_with_gaps_are_left_out_and_told() -> None:
    design = design_of(CROSS, exclude=[{"scalars": "shared", "depth": 25}])
    found = shares(design, results_of(design, uneven))
    # half the combinations of `depth = 25` are missing, a quarter of those of `shared`
    assert (found.num_arms, found.of_arms) == (18, 21)
    assert found.notes == ("levels left out, as their combinations are incomplete: depth = 25",)


def test_an_exclusion_of_one_cell_drops_the_level_with_most_gaps() -> None:
    design = design_of(CROSS, exclude=[{"scalars": "shared", "base": "gelu", "depth": 25}])
    found = shares(design, results_of(design, uneven))
    # one of 12 combinations of `shared` is missing, of 8 of `gelu`, of 6 of `depth = 25`
    assert found.notes == ("levels left out, as their combinations are incomplete: depth = 25",)
    assert (found.num_arms, found.of_arms) == (18, 23)


def test_an_arm_without_a_value_is_a_gap_and_a_lost_seed_is_told() -> None:
    design = design_of(CROSS)
    records = planted(design, uneven)
    gone = next(a for a in design.arms if a.levels == {"scalars": "none", "base": "relu", "depth": 1})
    kept = [r for r in records if r.arm_id != gone.id]
    found = shares(design, Results.build(design, kept))
    assert found.num_arms == 18 and "depth = 1" in found.notes[0]
    found = shares(design, Results.build(design, [r for r in records if (r.arm_id, r.seed) != (gone.id, 0)]))
    assert found.num_arms == 24 and "1 of these arms lacks seeds" in found.notes[0]


def test_a_design_that_crosses_nothing_has_no_shares() -> None:
    one_at_a_time = design_of(
        CROSS, design="one_factor", baseline={"scalars": "none", "base": "relu", "depth": 1}
    )
    found = shares(one_at_a_time, results_of(one_at_a_time, uneven))
    assert found.terms == () and found.noise is None and "no complete cross" in found.notes[-1]
    flat = design_of(SMALL)
    found = shares(flat, results_of(flat, lambda _: 0.5, noise=0.0, block=0.0))
    assert found.terms == () and "the same mean" in found.notes[-1]
    single = design_of(SMALL, factors={"scalars": ["none", "shared"]})
    assert judge(compile_contrasts(single), results_of(single, lambda _: 0.5), final=True).variance == ()


def test_noise_is_what_the_spread_over_seeds_would_give() -> None:
    """A hundred studies without effects: five standard errors of their mean variance are 15 %."""
    design = design_of(CROSS, seeds=5)
    expected, seen = [], []
    for seed in range(100):
        results = results_of(design, lambda _: 0.5, seed=seed)
        values = results.values("test_accuracy")
        noise = residual_variance(values)
        assert noise is not None
        expected.append(noise / 5 * (1 - 1 / 24))
        seen.append(values.mean(axis=1).var())
        share = min(1.0, expected[-1] / seen[-1])
        assert shares(design, results).noise == pytest.approx(share, rel=1e-9)
    assert np.mean(seen) / np.mean(expected) == pytest.approx(1.0, abs=0.15)


def test_what_arms_and_seeds_leave_agrees_with_statsmodels() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(size=(6, 5)) + rng.normal(size=(6, 1)) + 3 * rng.normal(size=(1, 5))
    for holes in ([], [(0, 1), (3, 1), (5, 4)]):
        for hole in holes:
            values[hole] = np.nan
        frame = pd.DataFrame(
            [(i, j, v) for (i, j), v in np.ndenumerate(values) if np.isfinite(v)],
            columns=["arm", "seed", "y"],
        )
        fit = ols("y ~ C(arm) + C(seed)", frame).fit()
        assert residual_variance(values) == pytest.approx(fit.mse_resid, abs=1e-10)
    assert residual_variance(values[:1]) is None


def test_the_parts_of_a_cross_sum_to_its_variance() -> None:
    cells = np.random.default_rng(9).normal(size=(2, 3, 1, 4))
    parts = partition(cells, order=4)
    assert set(parts) == {(0,), (1,), (3,), (0, 1), (0, 3), (1, 3), (0, 1, 3)}
    assert sum(parts.values()) == pytest.approx(cells.var(), abs=1e-12)
