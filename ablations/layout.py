"""Layouts: which combinations of levels each kind of design asks for, before rules and collapse.

A factor named in `baseline` is judged, every other one is a stratum. A factorial design crosses them all.
A one-factor design crosses the strata, and in each moves one judged factor at a time away from the
baseline. A leave-one-out design crosses the strata, and in each switches components off. A listed
design names its arms.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from ablations.condition import level_index
from ablations.errors import DuplicateArm, Json, NotEstimable, Problems, UnknownFactor
from ablations.factor import Factor, Level, with_level
from ablations.manifest import Manifest, Scalar, coerce
from ablations.resolution import ABSENT, Assignment, Resolver
from ablations.spec import Study

MAX_COMBINATIONS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The factors of a design, completed, and the level that each judged factor is compared with.

    `components` are the judged factors of a leave-one-out design; their baseline level is off.
    """

    factors: tuple[Factor, ...]
    baseline: Mapping[str, Scalar]
    components: tuple[str, ...] = ()


def read_layout(study: Study, manifest: Manifest, factors: tuple[Factor, ...], problems: Problems) -> Layout:
    """The layout of a study; a baseline that is no level of a factor is a problem."""
    by_name = {factor.name: factor for factor in factors}
    baseline: dict[str, Scalar] = {}
    components = _components(study, by_name, problems) if study.design == "leave_one_out" else ()
    for name in components:
        by_name[name] = _with_off_level(study, by_name[name], manifest, problems)
    for name, value in study.baseline.items():
        if name not in by_name:
            if name not in study.factors:  # what is wrong with a declared factor is already told
                allowed: list[Json] = [known for known in by_name]
                problems.add(f"baseline.{name}", f"{name} is no factor", allowed, UnknownFactor)
            continue
        index = level_index(by_name[name], value, f"baseline.{name}", problems)
        if index is not None:
            baseline[name] = by_name[name].names[index]
    for name in components:
        baseline.setdefault(name, by_name[name].names[-1])
        _check_component(study, by_name[name], problems)
    if study.design == "one_factor" and not study.baseline:
        problems.add(
            "baseline", "a one_factor design moves away from a baseline: name the levels it is made of"
        )
    ordered = tuple(by_name[factor.name] for factor in factors)
    return Layout(factors=ordered, baseline=baseline, components=components)


def _components(study: Study, by_name: Mapping[str, Factor], problems: Problems) -> tuple[str, ...]:
    named = study.leave_one_out.components if study.leave_one_out is not None else None
    if named is None:
        return tuple(name for name in by_name if not study.baseline or name in study.baseline)
    for i, name in enumerate(named):
        if name not in by_name:
            path = f"leave_one_out.components.{i}"
            problems.add(path, f"{name} is no factor", list(by_name), UnknownFactor)
    return tuple(name for name in by_name if name in named or name in study.baseline)


def _with_off_level(study: Study, factor: Factor, manifest: Manifest, problems: Problems) -> Factor:
    """The factor with its off-level last, taken from the trainable where the study names none."""
    if factor.name in study.baseline:
        return factor
    off = _declared_off(factor, manifest)
    if off is None:
        detail = f"{manifest.name} declares no off-level for {factor.name}: name it in baseline"
        problems.add(f"factors.{factor.name}", detail)
        return factor
    index = factor.index(off.name)
    rest = tuple(level for i, level in enumerate(factor.levels) if i != index)
    return with_level(Factor(name=factor.name, levels=rest, numeric=factor.numeric, when=factor.when), off)


def _declared_off(factor: Factor, manifest: Manifest) -> Level | None:
    index = factor.index("off")
    if index is not None:
        return factor.levels[index]
    settings: dict[str, Json] = {}
    for name in factor.settings:
        setting = manifest.setting(name)
        if setting.off is None:
            return None
        settings[name] = coerce(setting, setting.off, f"factors.{factor.name}")
    alone = set(settings) == {factor.name}
    return Level(name=manifest.setting(factor.name).off if alone else "off", settings=settings)


def _check_component(study: Study, factor: Factor, problems: Problems) -> None:
    if len(factor.levels) != 2 and not problems:
        where = "its level in the full recipe" + (
            " and its off-level" if factor.name in study.baseline else ""
        )
        detail = f"a component has two levels, on and off: list {where}"
        problems.add(f"factors.{factor.name}", detail, list(factor.names))


def lay_out(study: Study, layout: Layout, problems: Problems) -> Iterator[Assignment]:
    """The combinations that the design asks for; none if they are too many, which is a problem.

    A listed design's arms come from `listed`, since whether they are complete depends on what applies.
    """
    size = _size(study, layout)
    if size > MAX_COMBINATIONS:
        detail = f"{size} combinations of levels; at most {MAX_COMBINATIONS} are compiled"
        problems.add("factors", detail, MAX_COMBINATIONS)
        return iter(())
    if study.design == "one_factor":
        return _one_factor(layout)
    if study.design == "leave_one_out":
        return _leave_one_out(study, layout, problems)
    return product(*(range(len(factor.levels)) for factor in layout.factors))


def _size(study: Study, layout: Layout) -> int:
    judged = [factor for factor in layout.factors if factor.name in layout.baseline]
    strata = math.prod(len(factor.levels) for factor in layout.factors if factor.name not in layout.baseline)
    if study.design == "one_factor":
        return strata * (1 + sum(len(factor.levels) - 1 for factor in judged))
    if study.design == "leave_one_out":
        return strata * (2 + len(judged) + math.comb(len(judged), 2))
    return math.prod(len(factor.levels) for factor in layout.factors)


def _around(
    layout: Layout, centre: Mapping[str, int], moves: Sequence[Mapping[str, int]]
) -> Iterator[Assignment]:
    """For each stratum, the centre with each of these moves."""
    strata = [
        (centre[factor.name],) if factor.name in layout.baseline else tuple(range(len(factor.levels)))
        for factor in layout.factors
    ]
    names = [factor.name for factor in layout.factors]
    for cell in product(*strata):
        for move in moves:
            yield tuple(move.get(name, index) for name, index in zip(names, cell, strict=True))


def _baseline_indices(layout: Layout) -> dict[str, int]:
    return {
        factor.name: factor.names.index(layout.baseline[factor.name])
        for factor in layout.factors
        if factor.name in layout.baseline
    }


def _one_factor(layout: Layout) -> Iterator[Assignment]:
    centre = _baseline_indices(layout)
    moves: list[dict[str, int]] = [{}]
    for factor in layout.factors:
        if factor.name in centre:
            moves.extend({factor.name: i} for i in range(len(factor.levels)) if i != centre[factor.name])
    return _around(layout, centre, moves)


def _leave_one_out(study: Study, layout: Layout, problems: Problems) -> Iterator[Assignment]:
    off = _baseline_indices(layout)
    on = {name: 1 - index for name, index in off.items()}
    moves: list[dict[str, int]] = [{}]
    moves.extend({name: off[name]} for name in layout.components)
    options = study.leave_one_out
    if options is not None:
        for first, second in _pairs(options.pairs, layout, problems):
            moves.append({first: off[first], second: off[second]})
        if options.anchor:
            moves.append(dict(off))
    return _around(layout, on, moves)


def _pairs(pairs: bool | list[list[str]], layout: Layout, problems: Problems) -> list[tuple[str, str]]:
    if isinstance(pairs, bool):
        return list(combinations(layout.components, 2)) if pairs else []
    found = []
    for i, (first, second) in enumerate(pairs):
        if first == second or not {first, second} <= set(layout.components):
            path, detail = f"leave_one_out.pairs.{i}", "a pair is made of two components"
            problems.add(path, detail, list(layout.components))
        else:
            found.append((first, second))
    return found


def listed(study: Study, layout: Layout, resolver: Resolver, problems: Problems) -> list[Assignment]:
    """The arms of a listed design; one that is incomplete, or there already, is a problem."""
    found: dict[Assignment, int] = {}
    known = [factor.name for factor in layout.factors]
    for i, arm in enumerate(study.arms or ()):
        for name in arm:
            if name not in known and name not in study.factors and study.factors:
                problems.add(f"arms.{i}.{name}", f"{name} is no factor", list(known), UnknownFactor)
        assignment = tuple(_named_level(factor, arm, f"arms.{i}", problems) for factor in layout.factors)
        key = resolver.canonical(tuple(max(index, 0) for index in assignment))
        for name, given, applies in zip(known, assignment, key, strict=True):
            if given == ABSENT and applies != ABSENT:
                problems.add(f"arms.{i}", f"{name} applies here and is not named")
        if key in found:
            problems.add(f"arms.{i}", f"the same arm as arms.{found[key]}", kind=DuplicateArm)
        found.setdefault(key, i)
    return list(found)


def _named_level(factor: Factor, arm: Mapping[str, Json], path: str, problems: Problems) -> int:
    if factor.name not in arm:
        return 0 if len(factor.levels) == 1 else ABSENT
    index = level_index(factor, arm[factor.name], f"{path}.{factor.name}", problems)
    return 0 if index is None else index


def check_baseline(
    study: Study, layout: Layout, arms: Sequence[Mapping[str, Scalar]], problems: Problems
) -> None:
    """Refuse a baseline level that no arm has any more."""
    for name, level in layout.baseline.items():
        if not any(name in levels and levels[name] == level for levels in arms):
            path = f"baseline.{name}" if name in study.baseline else f"factors.{name}"
            problems.add(path, f"no arm with {name}={level!r} is left", kind=NotEstimable)
