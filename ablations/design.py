"""Designs: a study and a manifest, compiled to arms and trials."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ablations.analysis import check_analysis
from ablations.arm import Arm, Exclusion, build_arms, read_rules
from ablations.component import Layout
from ablations.contrast import check_questions
from ablations.errors import Json, NotEstimable, Problem, Problems, TooFewSeeds
from ablations.factor import Factor, read_factors
from ablations.layout import check_baseline, lay_out, listed, read_layout
from ablations.manifest import Manifest
from ablations.question import Question, read_questions
from ablations.reading import Reading, read_readings
from ablations.resolution import Resolver, read_settings
from ablations.search import check_tuning, confirmed, num_repeats, searched_arms, trials_an_arm
from ablations.spec import FIRST_TUNING_SEED, Study
from ablations.support import refuse_unbuilt

__all__ = [
    "Arm",
    "Design",
    "Exclusion",
    "PlannedTrial",
    "compile_design",
    "num_trials",
    "num_tuning_trials",
    "planned_trials",
]

MAX_TRIALS = 1_000_000
MIN_SEEDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """A study compiled against the manifest of its trainable."""

    study: Study
    manifest: Manifest
    layout: Layout
    arms: tuple[Arm, ...]
    excluded: tuple[Exclusion, ...]
    collapsed: int
    seeds: tuple[int, ...]
    readings: tuple[Reading, ...]
    questions: tuple[Question, ...]

    @property
    def factors(self) -> tuple[Factor, ...]:
        """Its factors, the judged ones first."""
        return self.layout.factors

    @property
    def pack(self) -> int | Literal["auto"]:
        """How many trials share a worker; one where a metric is the time or memory that a trial takes."""
        return 1 if _costly(self.study, self.manifest, self.readings) else self.study.resources.pack

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


def compile_design(study: Study, manifest: Manifest) -> Design:
    """The arms, readings and questions of a study.

    Raises: InvalidStudy with everything that is wrong, by path.
    """
    problems = Problems()
    refuse_unbuilt(study, problems)
    factors = (*read_factors(study, manifest, problems), *confirmed(study, problems))
    layout = read_layout(study, manifest, factors, problems)
    fixed = read_settings(study.fixed, manifest, "fixed", problems)
    rules = read_rules(study, layout.factors, problems)
    readings = read_readings(study, manifest, problems)
    questions = read_questions(study, layout, problems)
    check_analysis(study, readings, problems)
    check_tuning(study, manifest, layout.factors, problems)
    _check_analysis(study, readings, problems)
    _check_resources(study, manifest, readings, problems)
    if questions and len(study.seed_list()) < MIN_SEEDS:
        problems.add("seeds", f"an interval needs {MIN_SEEDS} seeds", MIN_SEEDS, TooFewSeeds)
    resolver = Resolver(manifest, layout.factors, fixed)
    assignments = lay_out(study, layout, problems)
    if study.design == "listed":
        assignments = iter(listed(study, layout, resolver, problems))
    problems.raise_if_any()
    table = build_arms(assignments, resolver, rules, problems)
    if not table.arms:
        path = "exclude" if study.exclude else "require" if study.require else "factors"
        raise NotEstimable(Problem(path=path, detail=f"every arm is excluded: {table.excluded[0].reason}"))
    check_baseline(study, layout, [arm.levels for arm in table.arms], problems)
    _check_size(study, table.arms, problems)
    problems.raise_if_any()
    design = Design(
        study=study,
        manifest=manifest,
        layout=layout,
        arms=table.arms,
        excluded=table.excluded,
        collapsed=table.collapsed,
        seeds=study.seed_list(),
        readings=readings,
        questions=questions,
    )
    check_questions(design)
    return design


def _check_analysis(study: Study, readings: tuple[Reading, ...], problems: Problems) -> None:
    names: list[Json] = [reading.name for reading in readings]
    for field in ("margin", "spread"):
        for name in getattr(study.analysis, field):
            if name not in names:
                problems.add(f"analysis.{field}.{name}", f"{name} is no metric of this study", names)
    looks = study.analysis.looks
    if looks != sorted(set(looks)):
        problems.add("analysis.looks", "looks are numbers of seeds, each larger than the one before")


def _check_resources(
    study: Study, manifest: Manifest, readings: tuple[Reading, ...], problems: Problems
) -> None:
    pack = study.resources.pack
    if pack in ("auto", 1):
        return
    allowed: Json = ["auto", 1]
    for name in _costly(study, manifest, readings):
        detail = f"{name} measures time or memory, which a trial must not share: pack must be 1"
        problems.add("resources.pack", detail, allowed)
    if not manifest.packs:
        detail = f"{manifest.name} trains one trial at a time: pack must be 1"
        problems.add("resources.pack", detail, allowed)


def _costly(study: Study, manifest: Manifest, readings: tuple[Reading, ...]) -> list[str]:
    """The metrics of time and memory that the study reads, for its answer or for its search."""
    read = [reading.metric for reading in readings]
    if study.tuning is not None and study.tuning.metric is not None:
        read.append(study.tuning.metric.name)
    costly = {metric.name for metric in manifest.metrics if metric.costly}
    return [name for name in dict.fromkeys(read) if name in costly]


def _check_size(study: Study, arms: Sequence[Arm], problems: Problems) -> None:
    size = _num_trials(study, arms)
    if size > MAX_TRIALS:
        problems.add("seeds", f"{size} trials; at most {MAX_TRIALS} are planned", MAX_TRIALS)


def _num_tuning(study: Study, arms: Sequence[Arm]) -> int:
    return len(searched_arms(arms)) * trials_an_arm(study.tuning) if study.tuning is not None else 0


def _num_trials(study: Study, arms: Sequence[Arm]) -> int:
    return _num_tuning(study, arms) + len(arms) * len(study.seed_list())


def num_tuning_trials(design: Design) -> int:
    """How many trials the design plans before anything is measured."""
    return _num_tuning(design.study, design.arms)


def num_trials(design: Design) -> int:
    """How many trials the design plans, without listing them."""
    return _num_trials(design.study, design.arms)


def planned_trials(design: Design) -> list[PlannedTrial]:
    """Every trial: tuning first, then measuring; each time one seed of every arm first."""
    trials: list[PlannedTrial] = []
    tuning = design.study.tuning
    repeats = num_repeats(design.study)
    if tuning is not None:
        trials.extend(
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
    trials.extend(
        PlannedTrial(arm=arm, seed=seed, phase="measuring", repeat=place if repeats > 1 else None)
        for place, seed in enumerate(design.seeds)
        for arm in design.arms
    )
    return trials
