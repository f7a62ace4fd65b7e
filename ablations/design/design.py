"""Designs: what a study comes to under the manifest of its trainable, and the trials it plans."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ablations.design.arm import Arm, Exclusion
from ablations.design.component import FactorLayout
from ablations.design.factor import Factor
from ablations.design.question import Question
from ablations.design.reading import Reading
from ablations.design.resize import Resize
from ablations.design.resolution import Resolver
from ablations.design.search import num_repeats, searched_arms, trials_an_arm
from ablations.errors import Json
from ablations.manifest import Manifest
from ablations.study.spec import FIRST_TUNING_SEED, StudySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A study compiled against the manifest of its trainable."""

    study: StudySpec
    manifest: Manifest
    layout: FactorLayout
    arms: tuple[Arm, ...]
    excluded: tuple[Exclusion, ...]
    collapsed: int
    seeds: tuple[int, ...]
    readings: tuple[Reading, ...]
    questions: tuple[Question, ...]
    resize: Resize | None
    resolver: Resolver = field(repr=False, compare=False)

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Its factors, the judged ones first."""
        return self.layout.factors

    @property
    def pack(self) -> int | Literal["auto"]:
        """How many trials share a worker; one where a metric is the time or memory that a trial takes."""
        return 1 if costly_metrics(self.study, self.manifest, self.readings) else self.study.resources.pack

    @property
    def largest(self) -> "Design":
        """The design with the most seeds that it may come to, where a pilot is still to set their number."""
        if self.resize is None or not self.resize.pending:
            return self
        return replace(self, seeds=tuple(range(self.resize.most)))

    def resolve(self, arm: Arm, chosen: Mapping[str, Json]) -> dict[str, Json]:
        """What a trial of an arm trains with, where a search, or a person, has chosen some settings.

        From the arm's levels, not from its settings: these lack what did not apply before the choice.

        Raises: InvalidStudy for a setting or a value that the trainable does not have.
        """
        return self.resolver.resolve(self.resolver.assign(arm.levels), chosen)

    def possible(self, arm: Arm, chosen: Mapping[str, Json] | None = None) -> dict[str, Json]:
        """The settings of an arm that apply with one choice of the search or another."""
        return self.resolver.possible(self.resolver.assign(arm.levels), chosen)

    def arm(self, arm_id: str) -> Arm:
        """The arm of this id.

        Raises: KeyError.
        """
        for arm in self.arms:
            if arm.id == arm_id:
                return arm
        raise KeyError(arm_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTrial:
    """One arm with one seed in one phase; `repeat` is its search, where each seed has one of its own."""

    arm: Arm
    seed: int
    phase: Literal["tuning", "measuring"]
    candidate: int | None = None
    repeat: int | None = None


def costly_metrics(study: StudySpec, manifest: Manifest, readings: tuple[Reading, ...]) -> list[str]:
    """The metrics of time and memory that the study reads, for its answer or for its search."""
    read = [reading.metric for reading in readings]
    if study.tuning is not None and study.tuning.metric is not None:
        read.append(study.tuning.metric.name)
    costly = {metric.name for metric in manifest.metrics if metric.costly}
    return [name for name in dict.fromkeys(read) if name in costly]


def tuning_trials_of(study: StudySpec, arms: Sequence[Arm]) -> int:
    return len(searched_arms(arms)) * trials_an_arm(study.tuning) if study.tuning is not None else 0


def trials_of(study: StudySpec, arms: Sequence[Arm], *, at_most: bool = False) -> int:
    """How many trials these arms take; `at_most` counts those that a pilot may still ask for."""
    resize, num_seeds = study.analysis.resize, len(study.seed_list())
    if at_most and resize is not None and resize.found is None:
        num_seeds = resize.max
    return tuning_trials_of(study, arms) + len(arms) * num_seeds


def num_tuning_trials(design: Design) -> int:
    """How many trials the design plans before anything is measured."""
    return tuning_trials_of(design.study, design.arms)


def num_trials(design: Design, *, at_most: bool = False) -> int:
    """How many trials the design plans, without listing them; `at_most` counts what a pilot may ask for."""
    return trials_of(design.study, design.arms, at_most=at_most)


def planned_trials(design: Design) -> list[PlannedTrial]:
    """Every trial: tuning first, then measuring; each time one seed of every arm first."""
    return list(each_trial(design))


def each_trial(design: Design) -> Iterator[PlannedTrial]:
    """The same, one by one: a large design's trials take more memory than all the rest of it."""
    tuning = design.study.tuning
    repeats = num_repeats(design.study)
    if tuning is not None:
        yield from (
            PlannedTrial(
                arm=arm,
                seed=FIRST_TUNING_SEED + repeat * tuning.seeds + seed,
                phase="tuning",
                candidate=candidate,
                repeat=repeat if repeats > 1 else None,
            )
            for repeat in range(repeats)
            for candidate in range(tuning.candidates)
            for seed in range(tuning.seeds)
            for arm in searched_arms(design.arms)
        )
    yield from (
        PlannedTrial(arm=arm, seed=seed, phase="measuring", repeat=place if repeats > 1 else None)
        for place, seed in enumerate(design.seeds)
        for arm in design.arms
    )
