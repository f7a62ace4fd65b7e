"""Readings: the numbers of a trial that a study asks about."""

from dataclasses import dataclass
from typing import Literal

from ablations.errors import Json, Problems
from ablations.manifest import Manifest, Metric
from ablations.study.spec import RateSpec, StudySpec
from ablations.study.spec import ReadingSpec as ReadingSpec

Goal = Literal["maximize", "minimize"]
BEST = "best_validation"
DIVERGED = "diverged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One number of a trial: a metric where it is read, or whether one lies beyond a threshold.

    `name` is what results and contrasts call it: `test_accuracy` at the end, `test_accuracy/5` after step
    5, `test_accuracy/best_validation`, or a rate's own name. A rate looks at the reading called `of`; the
    rate `diverged`, which looks at none, counts the trials that diverged.
    """

    name: str
    metric: str
    kind: Literal["metric", "rate"]
    goal: Goal
    worst: float
    at: int | Literal["end", "best_validation"] = "end"
    scale: Literal["linear", "log"] = "linear"
    unit: str = ""
    of: str | None = None
    below: float | None = None
    above: float | None = None

    def counts(self, value: float | None) -> float | None:
        """Of a rate: 1 where this value of a finished trial is beyond the threshold, else 0.

        What `diverged` counts has no value, and a finished trial has not diverged.
        """
        if self.of is None:
            return 0.0
        if value is None:
            return None
        return float(value < self.below if self.below is not None else value > (self.above or 0.0))


def read_readings(study: StudySpec, manifest: Manifest, problems: Problems) -> tuple[Reading, ...]:
    """The readings of a study, the primary one first; an unknown metric is a problem."""
    if not study.metrics:
        if not manifest.metrics:
            problems.add("metrics", f"{manifest.name} measures nothing")
            return ()
        return _read_metric(manifest.metrics[0], ReadingSpec(name=manifest.metrics[0].name))
    by_name = {metric.name: metric for metric in manifest.metrics_of(study.fixed)}
    known: list[Json] = [name for name in by_name]
    found: list[Reading] = []
    for i, spec in enumerate(study.metrics):
        if isinstance(spec, RateSpec):
            if spec.name in by_name:
                problems.add(f"metrics.{i}.name", f"{spec.name} is a metric of {manifest.name}")
            continue
        if spec.name == DIVERGED and DIVERGED not in by_name:
            found.append(_read_divergence(spec, f"metrics.{i}.at", problems))
            continue
        if spec.name not in by_name:
            detail = f"{manifest.name} does not measure {spec.name!r}"
            problems.add(f"metrics.{i}.name", detail, known)
            continue
        _check_steps(study, manifest, spec, f"metrics.{i}.at", problems)
        _check_scale(by_name[spec.name], spec, f"metrics.{i}.scale", problems)
        found.extend(_read_metric(by_name[spec.name], spec))
    return _add_rates(study, manifest, found, problems)


def _read_metric(metric: Metric, spec: ReadingSpec) -> tuple[Reading, ...]:
    points = spec.at if isinstance(spec.at, list) else [spec.at]
    return tuple(
        Reading(
            name=metric.name if at == "end" else f"{metric.name}/{at}",
            metric=metric.name,
            kind="metric",
            goal=spec.goal or metric.goal,
            worst=metric.worst,
            at=at,
            scale=spec.scale or metric.scale,
            unit=metric.unit,
        )
        for at in dict.fromkeys(points)
    )


def _check_scale(metric: Metric, spec: ReadingSpec, path: str, problems: Problems) -> None:
    if spec.scale == "log" and metric.worst <= 0:
        detail = f"{metric.name} can be {metric.worst:g}: a log scale is for numbers above 0"
        problems.add(path, detail, "linear")


def _read_divergence(spec: ReadingSpec, path: str, problems: Problems) -> Reading:
    if spec.at != "end":
        problems.add(path, "whether a trial diverged is known at its end", "end")
    goal = spec.goal or "minimize"
    return Reading(name=DIVERGED, metric=DIVERGED, kind="rate", goal=goal, worst=1.0)


def _check_steps(
    study: StudySpec, manifest: Manifest, spec: ReadingSpec, path: str, problems: Problems
) -> None:
    name = manifest.steps_setting
    if name is None or _is_varied(study, name) or not isinstance(spec.at, list) or not manifest.has(name):
        return
    steps = study.fixed.get(name, manifest.setting(name).default)
    if not isinstance(steps, int | float):
        return
    for i, at in enumerate(spec.at):
        if isinstance(at, int) and at > steps:
            problems.add(f"{path}.{i}", f"a run ends after {steps} ({name})", steps)


def _is_varied(study: StudySpec, name: str) -> bool:
    """Whether a level or the search sets it, in some arm at least."""
    bundles = [
        bundle for levels in study.factors.values() if isinstance(levels, dict) for bundle in levels.values()
    ]
    searched = study.tuning.space if study.tuning is not None else {}
    return any(name in owner for owner in (study.factors, searched, *(study.arms or ()), *bundles))


def _add_rates(
    study: StudySpec, manifest: Manifest, found: list[Reading], problems: Problems
) -> tuple[Reading, ...]:
    by_name = {metric.name: metric for metric in manifest.metrics_of(study.fixed)}
    declared = {reading.name: reading for reading in found}
    ordered: list[Reading] = []
    for i, spec in enumerate(study.metrics):
        if not isinstance(spec, RateSpec):
            ordered.extend(r for r in found if r.metric == spec.name)
            continue
        metric = declared[spec.of].metric if spec.of in declared else spec.of
        if metric not in by_name:
            allowed: list[Json] = [name for name in sorted({*by_name, *declared} - {DIVERGED})]
            problems.add(f"metrics.{i}.of", f"{spec.of!r} is no metric read here", allowed)
            continue
        ordered.append(_read_rate(spec, by_name[metric]))
    return tuple(ordered)


def _read_rate(spec: RateSpec, metric: Metric) -> Reading:
    """A rate: bad when it counts trials on the metric's bad side, and a diverged trial is on that side."""
    bad_side_low = metric.goal == "maximize"
    counts_bad = (spec.below is not None) == bad_side_low
    return Reading(
        name=spec.name,
        metric=metric.name,
        kind="rate",
        goal=spec.goal or ("minimize" if counts_bad else "maximize"),
        worst=1.0 if counts_bad else 0.0,
        of=spec.of,
        below=spec.below,
        above=spec.above,
    )
