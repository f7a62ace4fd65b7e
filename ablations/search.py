"""The search before the measurement: its space, budget and metric, checked against the manifest."""

import math

from ablations.errors import Json, Problems, UnknownFactor
from ablations.factor import Factor
from ablations.manifest import Manifest, Metric, Setting, coerce
from ablations.resolution import read_settings
from ablations.spec import Range, Study, Tuning


def check_tuning(study: Study, manifest: Manifest, factors: tuple[Factor, ...], problems: Problems) -> None:
    """Refuse what the search could not do, or must not."""
    tuning = study.tuning
    if tuning is None:
        return
    owners = {name: factor.name for factor in factors for name in factor.settings}
    for field, names in (("space", list(tuning.space)), ("fixed", list(tuning.fixed))):
        for name in names:
            if name in owners:
                detail = f"{name} is set by the factor {owners[name]}"
                problems.add(f"tuning.{field}.{name}", detail)
    for name in tuning.space:
        if name in tuning.fixed:
            problems.add(f"tuning.fixed.{name}", f"{name} is searched")
        _check_dimension(name, tuning, manifest, problems)
    read_settings(tuning.fixed, manifest, "tuning.fixed", problems)
    _check_start(tuning, manifest, problems)
    _check_metric(tuning, manifest, problems)
    if tuning.per is not None:
        for i, name in enumerate(tuning.per):
            if name not in {factor.name for factor in factors}:
                allowed: list[Json] = [factor.name for factor in factors]
                problems.add(f"tuning.per.{i}", f"{name} is no factor", allowed, UnknownFactor)


def _check_dimension(name: str, tuning: Tuning, manifest: Manifest, problems: Problems) -> None:
    path, space = f"tuning.space.{name}", tuning.space[name]
    if not manifest.has(name):
        problems.add(
            path, f"{manifest.name} has no setting {name!r}", manifest.setting_names(), UnknownFactor
        )
        return
    setting = manifest.setting(name)
    if isinstance(space, Range):
        _check_range(setting, space, path, problems)
        return
    for i, value in enumerate(space):
        with problems.noting():
            coerce(setting, value, f"{path}.{i}")


def _check_range(setting: Setting, space: Range, path: str, problems: Problems) -> None:
    if not setting.numeric or setting.choices is not None:
        problems.add(path, f"{setting.name} is no range of numbers: list its values", setting.allowed)
        return
    for end, value in (("low", space.low), ("high", space.high)):
        with problems.noting():
            coerce(setting, value, f"{path}.{end}")


def _check_start(tuning: Tuning, manifest: Manifest, problems: Problems) -> None:
    for i, point in enumerate(tuning.start):
        path = f"tuning.start.{i}"
        for name in set(point) - set(tuning.space):
            problems.add(f"{path}.{name}", f"{name} is not searched", [n for n in sorted(tuning.space)])
        for name, value in read_settings(point, manifest, path, problems).items():
            space = tuning.space.get(name)
            if isinstance(space, Range):
                if isinstance(value, int | float) and not space.low <= value <= space.high:
                    problems.add(
                        f"{path}.{name}", "outside the space", {"low": space.low, "high": space.high}
                    )
            elif space is not None and value not in space:
                problems.add(f"{path}.{name}", "outside the space", list(space))
    if len(tuning.start) > tuning.candidates:
        problems.add("tuning.start", f"more points than the {tuning.candidates} candidates")


def _check_metric(tuning: Tuning, manifest: Manifest, problems: Problems) -> None:
    usable: list[Json] = [metric.name for metric in manifest.metrics if not metric.reads_test]
    if tuning.metric is None:
        if _default_metric(manifest) is None:
            problems.add("tuning.metric", "name the metric that the search is judged by", usable)
        return
    known = {metric.name: metric for metric in manifest.metrics}
    path = "tuning.metric.name"
    if tuning.metric.name not in known:
        problems.add(path, f"{manifest.name} does not measure {tuning.metric.name!r}", usable)
    elif known[tuning.metric.name].reads_test:
        problems.add(path, "test data is never used for a choice", usable)


def _default_metric(manifest: Manifest) -> Metric | None:
    validation = [metric for metric in manifest.metrics if metric.reads_validation]
    same_goal = [metric for metric in validation if metric.goal == manifest.metrics[0].goal]
    return next(iter(same_goal + validation), None)


def tuning_metric(study: Study, manifest: Manifest) -> tuple[str, str]:
    """The name and goal of the metric that the search is judged by, read at the end."""
    spec = study.tuning.metric if study.tuning is not None else None
    if spec is None:
        metric = _default_metric(manifest)
        assert metric is not None  # compile_design refuses such a study
        return metric.name, metric.goal
    return spec.name, spec.goal or manifest.metric(spec.name).goal


def grid_size(tuning: Tuning) -> float:
    """How many different candidates the space holds; infinite if a range is continuous."""
    sizes = [math.inf if isinstance(space, Range) else len(space) for space in tuning.space.values()]
    return math.prod(sizes)
