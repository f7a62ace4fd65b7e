"""Plans: what a study will do, what it will cost, and what it can show, computed without doing it."""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ablations.contrasts.contrast import Contrast, Contrasts, compile_contrasts
from ablations.contrasts.rows import ContrastRow
from ablations.design.arm import text_of
from ablations.design.design import Design, num_trials, num_tuning_trials
from ablations.design.factor import name_many
from ablations.design.reading import Reading
from ablations.errors import Json
from ablations.manifest import Manifest
from ablations.plan.cautions import warnings_of
from ablations.plan.compile import compile_design
from ablations.plan.cost import Cost, estimate_cost
from ablations.plan.experience import EarlierStudy, TimedTrial
from ablations.plan.resizing import PlannedResize, plan_resize
from ablations.plan.spread import LIKE, Spread, comparable_spread, measured_families, pilot_words
from ablations.results.scoring import worst_score
from ablations.stats import reach
from ablations.stats.correction import share_of
from ablations.stats.power import POWER
from ablations.stats.rarity import not_excluded, seeds_to_exclude
from ablations.stats.reach import Test, detectable_with
from ablations.study.spec import StudySpec

LARGEST = sys.float_info.max
TEST_NAMES: Mapping[Test, str] = {
    "paired_t": "the t test",
    "sign_flip": "the sign-flip test",
    "wilcoxon": "the signed-rank test",
    "mcnemar": "McNemar's test",
    "hartung_knapp": "Hartung and Knapp's t test",
}


Key = tuple[str, str]
"""A contrast: its name and its metric."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedContrast:
    """One family before its results: its rows, and what this many seeds can show.

    `smallest_p` is the smallest adjusted p that the test can give, None for the t test, which has no
    smallest. `detectable_effect` is found by this `test` with a chance of 80 % at `alpha`, a look's share,
    divided by the family's size. Its `unit` is the metric's, or standard deviations of the paired difference
    unless `spread` is known; None where no size could be significant. With a random factor they are those
    of the effects that its levels show.
    """

    contrast: Contrast
    test: Test
    alpha: float
    smallest_p: float | None
    detectable_effect: float | None
    num_seeds: int
    unit: Literal["sd", "metric"] = "sd"
    spread: Spread | None = None

    def to_json(self) -> dict[str, Json]:
        """The family as it stands in a plan."""
        contrast = self.contrast
        return {
            "name": contrast.name,
            "primary": contrast.primary,
            "factor": contrast.factor,
            "metric": contrast.metric,
            "kind": contrast.kind,
            "shape": contrast.shape,
            "within": list(contrast.within),
            "over": list(contrast.over),
            "random": contrast.random,
            "test": self.test,
            "correction": contrast.correction,
            "alpha": self.alpha,
            "family_size": len(contrast.rows),
            "smallest_p": self.smallest_p,
            "detectable_effect": self.detectable_effect,
            "unit": self.unit,
            "spread": None if self.spread is None else self.spread.sd,
            "spread_from": None if self.spread is None else self.spread.study,
            "rows": [_row_json(row, self.num_seeds) for row in contrast.rows],
        }


def _row_json(row: ContrastRow, num_seeds: int) -> dict[str, Json]:
    return {
        "of": row.of,
        "against": row.against,
        "within": dict(row.within),
        "strata": row.num_strata,
        "matched_pairs": row.num_pairs * num_seeds,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Power:
    """What the primary contrast can show.

    `detectable_effect` is in the metric's unit where a spread is known, else in standard deviations of the
    paired difference; `seeds_for_margin` is the number of seeds that would show each margin named.
    """

    detectable_effect: float | None
    basis: str
    alpha: float | None = None
    num_seeds: int = 0
    seeds_for_margin: Mapping[str, int | None] = field(default_factory=dict)
    spread: Spread | None = None

    def to_json(self) -> dict[str, Json]:
        """The power as it stands in a plan."""
        return {
            "detectable_effect": self.detectable_effect,
            "basis": self.basis,
            "power": POWER,
            "alpha": self.alpha,
            "num_seeds": self.num_seeds,
            "seeds_for_margin": dict(self.seeds_for_margin),
            "spread": None if self.spread is None else self.spread.sd,
            "spread_from": None if self.spread is None else self.spread.study,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CollapseRisk:
    """What the seeds can say about collapse if they see none, where the judged metric has a worst value.

    Rates up to `not_excluded` stay possible; `seeds_for_tenth` exclude a rate above 10 %.
    """

    metric: str
    num_seeds: int
    not_excluded: float
    seeds_for_tenth: int

    def to_json(self) -> dict[str, Json]:
        """The figures as they stand in a plan."""
        return {
            "metric": self.metric,
            "num_seeds": self.num_seeds,
            "not_excluded": self.not_excluded,
            "seeds_for_tenth": self.seeds_for_tenth,
        }


def _collapse_risk(design: Design, compiled: Contrasts) -> CollapseRisk | None:
    primary = next((contrast for contrast in compiled.contrasts if contrast.primary), None)
    readings = {reading.name: reading for reading in design.readings}
    if primary is None or primary.kind == "rate" or worst_score(readings[primary.metric]) is None:
        return None
    num_seeds = len(design.seeds)
    return CollapseRisk(
        metric=primary.metric,
        num_seeds=num_seeds,
        not_excluded=not_excluded(num_seeds),
        seeds_for_tenth=seeds_to_exclude(0.1),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a study will do."""

    design: Design
    contrasts: tuple[PlannedContrast, ...]
    num_exploratory: int
    cost: Cost
    power: Power
    collapse: CollapseRisk | None
    resize: PlannedResize | None
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Json]:
        """The plan as clients read it."""
        design = self.design
        return {
            "name": design.study.name,
            "design": design.study.design,
            "factors": {factor.name: list(factor.names) for factor in design.factors},
            "arms": [{"id": arm.id, "label": arm.label, "levels": dict(arm.levels)} for arm in design.arms],
            "num_arms": len(design.arms),
            "num_seeds": len(design.seeds),
            "num_trials": num_trials(design),
            "num_tuning_trials": num_tuning_trials(design),
            "excluded": [{"levels": dict(x.levels), "reason": x.reason} for x in design.excluded],
            "collapsed": design.collapsed,
            "conditional": dict(conditions_of(design)),
            "contrasts": [contrast.to_json() for contrast in self.contrasts],
            "num_exploratory_rows": self.num_exploratory,
            "cost": self.cost.to_json(),
            "power": self.power.to_json(),
            "collapse": self.collapse.to_json() if self.collapse else None,
            "resize": self.resize.to_json() if self.resize else None,
            "warnings": list(self.warnings),
        }


def conditions_of(design: Design) -> Iterable[tuple[str, str]]:
    """The factors that some arms are without, which is why combinations collapsed, and where they apply."""
    for factor in design.factors:
        if all(factor.name in arm.levels for arm in design.arms):
            continue
        gates = [
            f"{name} is {' or '.join(text_of(value) for value in values)}"
            for name, values in factor.when.items()
        ]
        yield factor.name, "applies where " + (" and ".join(gates) or "one of its settings does")


def make_plan(
    study: StudySpec,
    manifest: Manifest,
    *,
    rates: Sequence[TimedTrial] | None = None,
    earlier: Sequence[EarlierStudy] = (),
) -> Plan:
    """The plan of a study: `rates` are timed trials and `earlier` finished studies of the same trainable.

    Of both only what is comparable counts, as `estimate_cost` and `comparable_spread` say. Where a pilot is
    still to set the number of seeds, contrasts and power are those of the most that there may be.

    Raises: InvalidStudy.
    """
    design = compile_design(study, manifest)
    compiled = compile_contrasts(design)
    spreads = _spreads(compiled, design, earlier)
    looks = compiled.num_looks
    most = design.largest
    planned = tuple(_planned(contrast, most, spreads, looks) for contrast in compiled.contrasts)
    return Plan(
        design=design,
        contrasts=planned,
        num_exploratory=sum(len(contrast.rows) for contrast in compiled.exploratory),
        cost=estimate_cost(design, rates or ()),
        power=_power(most, compiled, spreads),
        collapse=_collapse_risk(most, compiled),
        resize=plan_resize(design, rates or ()),
        warnings=warnings_of(most, compiled) + _hopeless(planned),
    )


def _spreads(compiled: Contrasts, design: Design, earlier: Sequence[EarlierStudy]) -> dict[Key, Spread]:
    """The spread of every contrast where one is known: stated, or that of a comparable question."""
    families, stated = measured_families(earlier, design.manifest), design.study.analysis.spread
    found: dict[Key, Spread] = {}
    for contrast in compiled.contrasts:
        spread = comparable_spread(contrast, design, families)
        if contrast.metric in stated:
            spread = Spread(sd=stated[contrast.metric], basis="stated in analysis.spread")
        if spread is not None:
            found[contrast.name, contrast.metric] = spread
    return found


def _planned(
    contrast: Contrast, design: Design, spreads: Mapping[Key, Spread], num_looks: int
) -> PlannedContrast:
    num_seeds, test = len(design.seeds), contrast.carried_by
    alpha = contrast.alpha / num_looks
    known = None if test in ("mcnemar", "hartung_knapp") else spreads.get((contrast.name, contrast.metric))
    share = _share(contrast, num_seeds, alpha)
    if test == "hartung_knapp":
        effect = detectable_with("paired_t", num_seeds=_num_strata(contrast), alpha=share)
    else:
        effect = detectable_with(test, num_seeds=num_seeds, alpha=share)
    return PlannedContrast(
        contrast=contrast,
        test=test,
        alpha=alpha,
        smallest_p=smallest_p(contrast, num_seeds),
        # A spread near the largest number there is gives an effect beyond it, which JSON has no word for.
        detectable_effect=None if effect is None else min(effect * (known.sd if known else 1.0), LARGEST),
        num_seeds=num_seeds,
        unit="sd" if known is None and test != "mcnemar" else "metric",
        spread=known,
    )


def _num_strata(contrast: Contrast) -> int:
    """The fewest levels of the random factor that a row has."""
    return min(len(row.strata) for row in contrast.rows)


def _share(contrast: Contrast, num_seeds: int, alpha: float) -> float:
    """The level at which one row of a family must be significant, at worst.

    Benjamini and Hochberg's lets more rows pass the more are clear: as many as the test's smallest p needs.
    """
    num_rows = len(contrast.rows)
    if contrast.correction != "bh":
        return share_of(alpha, num_rows, contrast.correction)
    best = reach.smallest_p(contrast.carried_by, num_seeds)
    return alpha * min(num_rows, max(1, math.ceil(num_rows * best / alpha - 1e-9))) / num_rows


def smallest_p(contrast: Contrast, num_seeds: int) -> float | None:
    """The smallest adjusted p of a row, where every row is as clear as can be; None for the t tests."""
    if contrast.carried_by in ("paired_t", "hartung_knapp"):
        return None
    each = [num_seeds] * len(contrast.rows)
    return float(reach.smallest_adjusted(contrast.carried_by, each, contrast.correction).max(initial=0.0))


def _power(design: Design, compiled: Contrasts, spreads: Mapping[Key, Spread]) -> Power:
    primary = next((contrast for contrast in compiled.contrasts if contrast.primary), None)
    if primary is None:
        return Power(detectable_effect=None, basis="the study asks no question", num_seeds=len(design.seeds))
    planned = _planned(primary, design, spreads, compiled.num_looks)
    return Power(
        detectable_effect=planned.detectable_effect,
        basis=_basis(planned, compiled.num_looks, design),
        alpha=_share(primary, planned.num_seeds, planned.alpha),
        num_seeds=planned.num_seeds,
        spread=planned.spread,
        seeds_for_margin={
            contrast.metric: seeds
            for contrast in compiled.contrasts
            if contrast.name == primary.name and contrast.margin is not None
            for seeds in _seeds_for_margin(contrast, design, spreads, compiled.num_looks)
        },
    )


def _basis(planned: PlannedContrast, num_looks: int, design: Design) -> str:
    """What the detectable effect rests on: the test, its level at a look, the seeds and the spread."""
    metric, test = planned.contrast.metric, TEST_NAMES[planned.test]
    at = f" at each of {num_looks} looks" if num_looks > 1 else ""
    pending = design.resize is not None and design.resize.pending
    at = f" with {planned.num_seeds} seeds, the most there may be" if pending else at
    if planned.detectable_effect is None:
        return f"no result of {planned.num_seeds} seeds can be significant by {test}{at}"
    if planned.contrast.random is not None:
        num, many = _num_strata(planned.contrast), name_many(planned.contrast.random)
        return (
            f"by {test}{at} over {num} {many}, in standard deviations of the effects that {many} show; more"
            f" seeds help only as far as these differ by chance, then only more {many} do"
        )
    if planned.test == "mcnemar":
        return f"by {test}{at}, where all seeds that disagree on {metric} do so on one side"
    if planned.spread is None:
        return (
            f"by {test}{at}, in standard deviations of the paired difference; how large one is on {metric}"
            f" is unknown, as no earlier study asked a comparable question ({LIKE});"
            f" {'the pilot will tell it' if pending else pilot_words()}"
        )
    seen = planned.spread
    return f"by {test}{at}; {metric}, whose paired differences spread by {seen.sd:g}: {seen.basis}"


def _seeds_for_margin(
    contrast: Contrast, design: Design, spreads: Mapping[Key, Spread], num_looks: int
) -> Iterable[int | None]:
    """The seeds that would find a difference as large as the margin, where its spread is known."""
    reading = next(r for r in design.readings if r.name == contrast.metric)
    seen, margin = spreads.get((contrast.name, contrast.metric)), contrast.margin
    assert margin is not None
    alpha = share_of(contrast.alpha / num_looks, len(contrast.rows), contrast.correction)
    if contrast.random is not None:
        return
    if contrast.carried_by == "mcnemar":
        yield reach.seeds_with("mcnemar", margin, alpha=alpha)
    elif seen is not None:
        yield reach.seeds_with(contrast.carried_by, _scale_margin(margin, reading) / seen.sd, alpha=alpha)


def _scale_margin(margin: float, reading: Reading) -> float:
    """A margin on the scale of the scores: on a log scale it is a share."""
    return math.log1p(margin) if reading.scale == "log" else margin


def _hopeless(planned: Sequence[PlannedContrast]) -> tuple[str, ...]:
    return tuple(
        f"{p.contrast.name} on {p.contrast.metric}: no effect could ever be significant, as the smallest "
        f"adjusted p of {TEST_NAMES[p.test]} with {p.num_seeds} seeds and {_rows(p)} is "
        f"{text_of(round(p.smallest_p, 6))}, above {text_of(round(p.alpha, 6))}; {_enough(p)} would do"
        for p in planned
        if p.smallest_p is not None and p.smallest_p > p.alpha
    )


def _rows(planned: PlannedContrast) -> str:
    num_rows = len(planned.contrast.rows)
    return "1 row" if num_rows == 1 else f"{num_rows} rows"


def _enough(planned: PlannedContrast) -> str:
    contrast = planned.contrast
    found = reach.enough_seeds(planned.test, len(contrast.rows), contrast.correction, alpha=planned.alpha)
    return "no number of seeds" if found is None else f"{found} seeds"
