"""The search before the measurement: its space, budget and metric, checked against the manifest."""

import math
from collections.abc import Iterable, Mapping

from ablations.design.arm import Arm
from ablations.design.factor import Factor, Level
from ablations.design.resolution import read_settings
from ablations.errors import Json, Problems, UnknownFactor
from ablations.identity import canonical
from ablations.manifest import Manifest, Metric, Scalar, Setting, coerce
from ablations.study.spec import MAX_CANDIDATES, Range, StudySpec, TuningSpec, num_points

MIN_CMAES = 2  # with one it would draw at random
MAX_CONFIRMED = 1000
RANK = "rank_in_search"


def confirmed(study: StudySpec, problems: Problems) -> tuple[Factor, ...]:
    """The factor that stands for the best candidates of a plain search, where more than one is measured.

    Its levels set nothing: each becomes an arm with the settings that the search ranks there.
    """
    tuning = study.tuning
    if tuning is None or tuning.confirm == 1:
        return ()
    path = "tuning.confirm"
    if study.factors or study.arms or study.design != "factorial":
        problems.add(path, "only a search without factors confirms more than its best candidate", 1)
        return ()
    if tuning.confirm > tuning.candidates:
        problems.add(path, f"more than the {tuning.candidates} candidates", {"high": tuning.candidates})
    levels = tuple(Level(name=rank, settings={}) for rank in range(1, min(tuning.confirm, MAX_CONFIRMED) + 1))
    if tuning.confirm > MAX_CONFIRMED:
        problems.add(path, f"at most {MAX_CONFIRMED} are measured", {"high": MAX_CONFIRMED})
    return (Factor(name=RANK, levels=levels, numeric=True, ordered=True),)


def num_repeats(study: StudySpec) -> int:
    """How many searches an arm has: one, or one for each seed it is measured with."""
    return study.tuning.repeats if study.tuning is not None else 1


def rank_of(arm: Arm) -> int:
    """Which of a search's candidates the arm is measured with: 1 for the best."""
    return int(str(arm.levels.get(RANK, 1)))


def searched_arms(arms: Iterable[Arm]) -> tuple[Arm, ...]:
    """The arms that candidates are tried in."""
    return tuple(arm for arm in arms if rank_of(arm) == 1)


def check_tuning(
    study: StudySpec, manifest: Manifest, factors: tuple[Factor, ...], problems: Problems
) -> None:
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
    _check_sampler(tuning, problems)
    read_settings(tuning.fixed, manifest, "tuning.fixed", problems)
    _check_start(tuning, manifest, problems)
    _check_metric(tuning, manifest, problems)
    if tuning.repeats not in (1, num_seeds := len(study.seed_list())):
        detail = "one search whose best is measured with every seed, or a search for each seed"
        problems.add("tuning.repeats", detail, list({1, num_seeds}))
    if tuning.per is not None:
        for i, name in enumerate(tuning.per):
            if name not in {factor.name for factor in factors}:
                allowed: list[Json] = [factor.name for factor in factors]
                problems.add(f"tuning.per.{i}", f"{name} is no factor", allowed, UnknownFactor)


def _check_sampler(tuning: TuningSpec, problems: Problems) -> None:
    """Refuse a space that this sampler cannot search."""
    ranges = [name for name, space in tuning.space.items() if isinstance(space, Range)]
    lists = [name for name in tuning.space if name not in ranges]
    if tuning.sampler == "cmaes":
        for name in lists:
            problems.add(f"tuning.space.{name}", "cmaes searches ranges of numbers, not lists")
        if len(tuning.space) < MIN_CMAES:
            problems.add("tuning.space", f"cmaes needs {MIN_CMAES} settings or more")
    if tuning.sampler != "grid":
        return
    for name in ranges:
        problems.add(f"tuning.space.{name}", "a grid needs a list of values")
    if ranges:
        return
    size = num_points(tuning.space)
    if size > MAX_CANDIDATES:
        problems.add("tuning.space", f"the grid has {size} points; at most {MAX_CANDIDATES} are tried")
    elif tuning.candidates != size:
        problems.add("tuning.candidates", f"the grid has {size} points: leave this out", [size])
    if tuning.start:
        problems.add("tuning.start", "a grid tries every point anyway")


def _check_dimension(name: str, tuning: TuningSpec, manifest: Manifest, problems: Problems) -> None:
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


def _check_start(tuning: TuningSpec, manifest: Manifest, problems: Problems) -> None:
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


def _check_metric(tuning: TuningSpec, manifest: Manifest, problems: Problems) -> None:
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


def tuning_metric(study: StudySpec, manifest: Manifest) -> tuple[str, str]:
    """The name and goal of the metric that the search is judged by, read at the end."""
    spec = study.tuning.metric if study.tuning is not None else None
    if spec is None:
        metric = _default_metric(manifest)
        assert metric is not None  # compile_design refuses such a study
        return metric.name, metric.goal
    return spec.name, spec.goal or manifest.metric(spec.name).goal


def space_shown(tuning: TuningSpec, manifest: Manifest) -> dict[str, dict[str, Json]]:
    """What could be drawn: `choices` of a list; `low`, `high`, `log` and `kind` (int or float) of a range."""
    shown: dict[str, dict[str, Json]] = {}
    for name, domain in tuning.space.items():
        if isinstance(domain, Range):
            kind = "int" if manifest.setting(name).kind == "int" else "float"
            shown[name] = {"kind": kind, "low": domain.low, "high": domain.high, "log": domain.log}
        else:
            shown[name] = {"kind": "choice", "choices": list(domain)}
    return shown


def grid_size(tuning: TuningSpec) -> float:
    """How many different candidates the space holds; infinite if a range is continuous."""
    if any(isinstance(space, Range) for space in tuning.space.values()):
        return math.inf
    return num_points(tuning.space)


def trials_an_arm(tuning: TuningSpec) -> int:
    """How many trials the search takes in each of its arms."""
    return tuning.repeats * tuning.candidates * tuning.seeds


def shared_levels(arm: Arm, tuning: TuningSpec) -> Mapping[str, Scalar]:
    """The levels that the arms of one search have in common: all of them, unless `per` names some."""
    names = arm.levels if tuning.per is None else tuning.per
    return {name: arm.levels[name] for name in names if name in arm.levels and name != RANK}


def search_of(arm: Arm, tuning: TuningSpec) -> str:
    """A name for the arm's search: its own id where it is searched for alone.

    Arms that differ in the rank of their candidate belong to one search.
    """
    alone = tuning.per is None and RANK not in arm.levels
    return arm.id if alone else canonical(dict(shared_levels(arm, tuning)))


def searches(arms: Iterable[Arm], tuning: TuningSpec) -> dict[str, tuple[Arm, ...]]:
    """The arms of every search by its name.

    A candidate of a search is tried in each of its arms, so that an arm gets the same budget whether or not
    it shares one; its score is the mean over them.
    """
    found: dict[str, list[Arm]] = {}
    for arm in arms:
        found.setdefault(search_of(arm, tuning), []).append(arm)
    return {name: tuple(own) for name, own in found.items()}
