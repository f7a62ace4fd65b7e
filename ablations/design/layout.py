"""Layouts: which combinations of levels each kind of design asks for, before rules and collapse.

A factor named in `baseline` is judged, every other one is a stratum. A factorial design crosses them all.
A one-factor design crosses the strata, and in each moves one judged factor at a time away from the
baseline. A leave-one-out design crosses the strata, and in each switches components off. A listed
design names its arms.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product

from ablations.design.component import FactorLayout, read_components
from ablations.design.condition import level_index
from ablations.design.factor import Factor
from ablations.design.resolution import ABSENT, Assignment, Resolver
from ablations.errors import DuplicateArm, NotEstimable, Problems, UnknownFactor
from ablations.manifest import Manifest, Scalar
from ablations.study.spec import StudySpec

MAX_COMBINATIONS = 40_000
"""A plan of so many takes a processor three to four seconds."""


def read_layout(
    study: StudySpec, manifest: Manifest, factors: tuple[Factor, ...], problems: Problems
) -> FactorLayout:
    """The layout of a study; a baseline that is no level of a factor is a problem."""
    by_name = {factor.name: factor for factor in factors}
    baseline: dict[str, Scalar] = {}
    for name, value in study.baseline.items():
        if name in by_name:
            index = level_index(by_name[name], value, f"baseline.{name}", problems)
            if index is not None:
                baseline[name] = by_name[name].names[index]
        elif name not in study.factors:  # what is wrong with a declared factor is already told
            problems.add(
                f"baseline.{name}", f"{name} is no factor", [known for known in by_name], UnknownFactor
            )
    if study.design == "one_factor" and not study.baseline:
        problems.add("baseline", "a one_factor design needs a baseline to move away from")
    if study.design != "leave_one_out":
        return FactorLayout(factors=factors, baseline=baseline)
    return read_components(study, manifest, by_name, baseline, problems)


def lay_out(study: StudySpec, layout: FactorLayout, problems: Problems) -> Iterator[Assignment]:
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


def _size(study: StudySpec, layout: FactorLayout) -> int:
    judged = [factor for factor in layout.factors if factor.name in layout.baseline]
    strata = math.prod(len(factor.levels) for factor in layout.factors if factor.name not in layout.baseline)
    if study.design == "one_factor":
        return strata * (1 + sum(len(factor.levels) - 1 for factor in judged))
    if study.design == "leave_one_out":
        return strata * (2 + len(judged) + math.comb(len(judged), 2))
    return math.prod(len(factor.levels) for factor in layout.factors)


def _move_around(
    layout: FactorLayout, centre: Mapping[str, int], moves: Sequence[Mapping[str, int]]
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


def _baseline_indices(layout: FactorLayout) -> dict[str, int]:
    return {
        factor.name: factor.names.index(layout.baseline[factor.name])
        for factor in layout.factors
        if factor.name in layout.baseline
    }


def _one_factor(layout: FactorLayout) -> Iterator[Assignment]:
    centre = _baseline_indices(layout)
    moves: list[dict[str, int]] = [{}]
    for factor in layout.factors:
        if factor.name in centre:
            moves.extend({factor.name: i} for i in range(len(factor.levels)) if i != centre[factor.name])
    return _move_around(layout, centre, moves)


def _leave_one_out(study: StudySpec, layout: FactorLayout, problems: Problems) -> Iterator[Assignment]:
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
    return _move_around(layout, on, moves)


def _pairs(pairs: bool | list[list[str]], layout: FactorLayout, problems: Problems) -> list[tuple[str, str]]:
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


def listed(
    study: StudySpec, layout: FactorLayout, resolver: Resolver, problems: Problems
) -> list[Assignment]:
    """The arms of a listed design; one that is incomplete, or there already, is a problem."""
    found: dict[Assignment, int] = {}
    known = [factor.name for factor in layout.factors]
    for i, arm in enumerate(study.arms or ()):
        for name in arm:
            if study.factors and name not in study.factors:
                problems.add(f"arms.{i}.{name}", f"{name} is no factor", list(known), UnknownFactor)
        named = [_named_level(study, factor, arm, f"arms.{i}", problems) for factor in layout.factors]
        assignment = tuple(index for index in named if index is not None)
        if len(assignment) < len(named):
            continue
        key = resolver.canonical(tuple(max(index, 0) for index in assignment))
        for name, given, applies in zip(known, assignment, key, strict=True):
            if given == ABSENT and applies != ABSENT:
                problems.add(f"arms.{i}", f"{name} applies here and is not named")
        if key in found:
            problems.add(f"arms.{i}", f"the same arm as arms.{found[key]}", kind=DuplicateArm)
        found.setdefault(key, i)
    return list(found)


def _named_level(
    study: StudySpec, factor: Factor, arm: Mapping[str, Scalar], path: str, problems: Problems
) -> int | None:
    """The level an arm names, or the only one declared; ABSENT if there is none, None if it is wrong."""
    if factor.name not in arm:
        return 0 if len(factor.levels) == 1 and factor.name in study.factors else ABSENT
    return level_index(factor, arm[factor.name], f"{path}.{factor.name}", problems)


def check_baseline(
    study: StudySpec, layout: FactorLayout, arms: Sequence[Mapping[str, Scalar]], problems: Problems
) -> None:
    """Refuse a baseline level that no arm has any more."""
    for name, level in layout.baseline.items():
        if not any(name in levels and levels[name] == level for levels in arms):
            path = f"baseline.{name}" if name in study.baseline else f"factors.{name}"
            problems.add(path, f"no arm with {name}={level!r} is left", kind=NotEstimable)
