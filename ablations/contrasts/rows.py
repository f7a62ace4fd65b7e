"""Rows: the differences, interactions and slopes that a question asks for, as weights over arms."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ablations.contrasts.pairing import Key, Stratum, match, weights
from ablations.design.arm import Arm, text_of
from ablations.design.question import Question, Trend
from ablations.manifest import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastRow:
    """One question: the score of a seed is the sum of weight times value over the arms named here.

    In a difference the weights of the `of` arms sum to 1, those of the `against` arms to -1. An
    interaction is one difference minus another, a trend a slope; both are named in `of` and `within`.
    `strata` has the weights of the same difference within each level of a random factor, where there is one.
    """

    of: Scalar
    against: Scalar
    within: Mapping[str, Scalar]
    weights: Mapping[str, float]
    num_strata: int = 1
    num_pairs: int = 1
    strata: Mapping[Scalar, Mapping[str, float]] = field(default_factory=dict)


def selected(question: Question, arms: Sequence[Arm]) -> list[Arm]:
    """The arms that can take part; a condition on a factor that does not apply to an arm lets it pass."""
    name, levels = question.vary.name, question.levels
    return [
        arm
        for arm in arms
        if name in arm.levels
        and arm.levels[name] in levels
        and all(
            key not in arm.levels or arm.levels[key] in allowed for key, allowed in question.where.items()
        )
    ]


def varying_names(arms: Iterable[Arm]) -> tuple[str, ...]:
    """The factors that take more than one level among these arms, in the order of the design."""
    found: dict[str, set[Scalar]] = {}
    for arm in arms:
        for name, level in arm.levels.items():
            found.setdefault(name, set()).add(level)
    return tuple(name for name, levels in found.items() if len(levels) > 1)


def rows_of(question: Question, arms: Sequence[Arm]) -> Iterable[ContrastRow]:
    """The rows of a question over the arms selected for it; none where no two arms match."""
    sides: dict[Scalar, list[Arm]] = {level: [] for level in question.levels}
    for arm in arms:
        sides[arm.levels[question.vary.name]].append(arm)
    if question.by is not None:
        return _interaction_rows(question, sides)
    if question.trend is not None:
        return _trend_rows(question, sides)
    return _difference_rows(question, sides)


def _difference_rows(question: Question, sides: Mapping[Scalar, list[Arm]]) -> Iterable[ContrastRow]:
    for of in question.of:
        found = match(
            sides[of],
            sides[question.against],
            vary=(question.vary.name,),
            within=question.within,
            where=question.where,
        )
        for key, strata in found.items():
            row = row_of(of, question.against, dict(key), weights(strata), strata)
            yield row if question.random is None else _split(row, strata, question.random)


def _split(row: ContrastRow, strata: Sequence[Stratum], factor: str) -> ContrastRow:
    """The row with its difference within each level of a factor; levels count alike in it."""
    by_level: dict[Scalar, list[Stratum]] = defaultdict(list)
    for stratum in strata:
        if factor in stratum.shared:
            by_level[stratum.shared[factor]].append(stratum)
    found = {level: weights(members) for level, members in by_level.items()}
    total: dict[str, float] = defaultdict(float)
    for level_weights in found.values():
        for arm, weight in level_weights.items():
            total[arm] += weight / len(found)
    return replace(row, weights=dict(total), strata=found)


def row_of(
    of: Scalar,
    against: Scalar,
    within: Mapping[str, Scalar],
    weight: Mapping[str, float],
    strata: Sequence[Stratum],
) -> ContrastRow:
    """A row with these weights, and the counts of what it compares."""
    return ContrastRow(
        of=of,
        against=against,
        within=within,
        weights=weight,
        num_strata=len(strata),
        num_pairs=sum(stratum.num_pairs for stratum in strata),
    )


Cells = dict[Key, dict[frozenset[tuple[str, Scalar]], dict[Scalar, Stratum]]]
"""For each row and each stratum of it, the comparison at each level of an axis."""


def _interaction_rows(question: Question, sides: Mapping[Scalar, list[Arm]]) -> Iterable[ContrastRow]:
    by = question.by
    assert by is not None
    levels = [level for level in by.names if level in question.where.get(by.name, by.names)]
    for of in question.of:
        found = match(
            sides[of],
            sides[question.against],
            vary=(question.vary.name,),
            within=(by.name, *question.within),
            where=question.where,
        )
        cells = _along(by.name, found)
        if question.trend is not None:
            name = _slope_name(question.trend, by.name)
            yield from _combined(cells, of, question.against, by.name, name, _slope(levels, question.trend))
            continue
        for level in levels:
            if level != question.by_against:
                name = f"{text_of(level)} vs {text_of(question.by_against)}"
                signs = {level: 1.0, question.by_against: -1.0}
                yield from _combined(cells, of, question.against, by.name, name, signs)


def _along(axis: str, found: Mapping[Key, Sequence[Stratum]]) -> Cells:
    cells: Cells = defaultdict(lambda: defaultdict(dict))
    for key, strata in found.items():
        known = dict(key)
        if axis not in known:
            continue
        row = tuple(item for item in key if item[0] != axis)
        for stratum in strata:
            rest = frozenset(item for item in stratum.shared.items() if item[0] != axis)
            cells[row][rest][known[axis]] = stratum
    return cells


def _combined(
    cells: Cells, of: Scalar, against: Scalar, axis: str, name: str, signs: Mapping[Scalar, float]
) -> Iterable[ContrastRow]:
    """One row for each row of cells, over the strata that are there at every level it needs."""
    for row, by_stratum in cells.items():
        complete = [found for found in by_stratum.values() if all(level in found for level in signs)]
        if not complete:
            continue
        total: dict[str, float] = defaultdict(float)
        for level, sign in signs.items():
            for arm, weight in weights([found[level] for found in complete]).items():
                total[arm] += sign * weight
        strata = [found[level] for found in complete for level in signs]
        yield row_of(of, against, {**dict(row), axis: name}, dict(total), strata)


def _trend_rows(question: Question, sides: Mapping[Scalar, list[Arm]]) -> Iterable[ContrastRow]:
    assert question.trend is not None
    levels = [level for level in question.vary.names if level in question.levels and sides[level]]
    if len(levels) < 2:
        return
    first, axis = levels[0], question.vary.name
    cells: Cells = defaultdict(lambda: defaultdict(dict))
    for level in levels[1:]:
        found = match(sides[level], sides[first], vary=(axis,), within=question.within, where=question.where)
        for key, strata in found.items():
            for stratum in strata:
                cells[key][frozenset(stratum.shared.items())][level] = stratum
    slope = {level: sign for level, sign in _slope(levels, question.trend).items() if level != first}
    for row in _combined(cells, _slope_name(question.trend, axis), None, axis, "", slope):
        within = {name: level for name, level in row.within.items() if name != axis}
        yield ContrastRow(
            of=row.of,
            against=None,
            within=within,
            weights=row.weights,
            num_strata=row.num_strata,
            num_pairs=row.num_pairs,
        )


def _slope(levels: Sequence[Scalar], trend: Trend) -> dict[Scalar, float]:
    """The weights that turn values at these levels into their least-squares slope."""
    positions = [_position(level, i, trend) for i, level in enumerate(levels)]
    mean = sum(positions) / len(positions)
    spread = sum((x - mean) ** 2 for x in positions)
    return {level: (x - mean) / spread for level, x in zip(levels, positions, strict=True)}


def _position(level: Scalar, index: int, trend: Trend) -> float:
    if trend == "order" or not isinstance(level, int | float):
        return float(index)
    return math.log2(level) if trend == "log" else float(level)


def _slope_name(trend: Trend, axis: str) -> str:
    step = {"linear": "unit", "log": "doubling", "order": "step"}[trend]
    return f"slope per {step} of {axis}"
