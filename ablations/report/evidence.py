"""Everything a section of the report may look at, and the small questions all of them ask."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float

from ablations.contrasts.contrast import Contrast, compile_contrasts
from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.design.factor import Factor
from ablations.design.reading import Reading
from ablations.effects.description import ArmSummary
from ablations.effects.judge import ContrastEffects, Effects
from ablations.effects.summaries import summarise
from ablations.manifest import Metric, Scalar
from ablations.report.document.numbers import compact, listing
from ablations.results.results import Results, TrialRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One metric of the study as a reader needs to know it."""

    name: str
    goal: Literal["maximize", "minimize"]
    rate: bool
    log: bool
    unit: str
    worst: float | None
    at: str
    meaning: str

    @property
    def label(self) -> str:
        return f"{self.name} [{self.unit}]" if self.unit else self.name


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The design, what was measured, and what it was judged to mean."""

    design: Design
    effects: Effects
    results: Results
    records: Sequence[TrialRecord]

    @cached_property
    def measuring(self) -> list[TrialRecord]:
        """The records of measuring trials."""
        return [record for record in self.records if record.phase == "measuring"]

    @cached_property
    def tuning(self) -> list[TrialRecord]:
        """The records of the search, if there was one."""
        return [record for record in self.records if record.phase == "tuning"]

    @cached_property
    def primary(self) -> ContrastEffects | None:
        """The contrast that carries the verdicts."""
        return next((c for c in self.effects.contrasts if c.primary), None)

    @cached_property
    def compiled(self) -> Mapping[tuple[str, str], Contrast]:
        """The questions behind the effects, by name and metric."""
        asked = compile_contrasts(self.design)
        # A simple effect may bear the name of a declared contrast, which comes first.
        return {(c.name, c.metric): c for c in (*asked.exploratory, *asked.contrasts)}

    def question(self, judged: ContrastEffects) -> Contrast:
        """The question behind these effects."""
        return self.compiled[judged.name, judged.metric]

    @cached_property
    def judged_factor(self) -> str | None:
        """The factor the study is about, where it names one."""
        if self.primary is not None:
            return self.question(self.primary).factor
        return next(iter(self.baseline), None)

    @cached_property
    def baseline(self) -> Mapping[str, Scalar]:
        """The level every judged factor is compared with."""
        asked = {q.vary.name: q.against for q in reversed(self.design.questions) if q.shape == "difference"}
        return {**self.design.layout.baseline, **asked}

    def selection(self, contrast: str) -> Mapping[str, Sequence[Scalar]]:
        """The part of the design a contrast looks at; {} is all of it."""
        return next((q.where for q in self.design.questions if q.name == contrast), {})

    @cached_property
    def summaries(self) -> Mapping[str, ArmSummary]:
        """Every arm by itself, by its id."""
        return {found.arm_id: found for found in summarise(self.design.arms, self.results)}

    @cached_property
    def varying(self) -> tuple[Factor, ...]:
        """Factors with more than one level."""
        return tuple(f for f in self.design.factors if len(f.levels) > 1)

    def factor(self, name: str) -> Factor:
        return next(f for f in self.design.factors if f.name == name)

    @cached_property
    def measures(self) -> tuple[Measure, ...]:
        """The readings of the study in its order, the primary one first."""
        known = self.design.manifest.metrics_of(self.design.study.fixed)
        return tuple(_measure(reading, known) for reading in self.design.readings)

    @property
    def main(self) -> Measure:
        """The primary metric."""
        return self.measures[0]

    def measure(self, name: str) -> Measure:
        """What is known about a reading."""
        return next(m for m in self.measures if m.name == name)

    def seeds_mean(self, metric: str, arms: Sequence[Arm]) -> Float[np.ndarray, " seeds"]:
        """One value a seed: the mean over these arms, holes left out; NaN where all are holes."""
        rows = [self.results.arm_index[arm.id] for arm in arms]
        return mean_over_arms(self.results.values(metric)[rows])


def _measure(reading: Reading, known: Sequence[Metric]) -> Measure:
    meaning = next((m.help for m in known if m.name == reading.metric), "")
    if reading.kind == "rate" and reading.of is None:
        meaning = "share of seeds that diverged"
    elif reading.kind == "rate":
        below = reading.below is not None
        threshold = compact(reading.below if below else reading.above)
        meaning = f"share of seeds with {reading.of} {'below' if below else 'above'} {threshold}"
    return Measure(
        name=reading.name,
        goal=reading.goal,
        rate=reading.kind == "rate",
        log=reading.scale == "log",
        unit=reading.unit,
        worst=None if reading.kind == "rate" else reading.worst,
        at=str(reading.at),
        meaning=meaning,
    )


def mean_over_arms(values: Float[np.ndarray, "arms seeds"]) -> Float[np.ndarray, " seeds"]:
    """Column means without the holes.

    >>> mean_over_arms(np.array([[1.0, np.nan], [3.0, np.nan]]))
    array([ 2., nan])
    """
    known = ~np.isnan(values)
    num_known = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    return np.where(num_known > 0, total / np.maximum(num_known, 1), np.nan)


def levels_text(levels: Mapping[str, Scalar]) -> str:
    """Levels as `base = relu, depth = 10`.

    >>> levels_text({"base": "relu", "depth": 10})
    'base = relu, depth = 10'
    """
    return ", ".join(f"{name} = {compact(value)}" for name, value in levels.items())


def selection_text(selection: Mapping[str, Sequence[Scalar]]) -> str:
    """A part of the design as `depth = 10 or 25`.

    >>> selection_text({"depth": (10, 25), "base": ("relu",)})
    'depth = 10 or 25 and base = relu'
    """
    return " and ".join(
        f"{name} = {listing([compact(v) for v in values], last='or')}" for name, values in selection.items()
    )
