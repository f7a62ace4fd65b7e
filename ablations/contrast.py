"""Contrasts: questions about factors, compiled to weights over arms."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ablations.arm import Arm, text_of
from ablations.errors import NotEstimable, Problems
from ablations.layout import Layout
from ablations.manifest import Scalar
from ablations.pairing import Stratum, match, weights
from ablations.question import Question, Trend
from ablations.reading import Reading
from ablations.spec import Study

Shape = Literal["difference", "interaction", "trend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastRow:
    """One question: the score of a seed is the sum of weight times value over the arms named here.

    In a difference the weights of the `of` arms sum to 1, those of the `against` arms to -1. An
    interaction is one difference minus another, a trend a slope; both are named in `of` and `within`.
    """

    of: Scalar
    against: Scalar
    within: Mapping[str, Scalar]
    weights: Mapping[str, float]
    num_strata: int = 1
    num_pairs: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One question on one metric; its rows are one family."""

    name: str
    primary: bool
    factor: str
    metric: str
    kind: Literal["metric", "rate"]
    goal: Literal["maximize", "minimize"]
    within: tuple[str, ...]
    over: tuple[str, ...]
    rows: tuple[ContrastRow, ...]
    test: Literal["paired_t", "sign_flip", "wilcoxon"]
    correction: Literal["holm", "bh", "none"]
    alpha: float
    post_hoc: bool = False
    shape: Shape = "difference"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrasts:
    """What a study asks, and beside it, without verdict, the simple effects in every stratum.

    `interactions` asks, of every judged factor, how each other factor changes its effect.
    """

    contrasts: tuple[Contrast, ...]
    exploratory: tuple[Contrast, ...]
    interactions: tuple[Contrast, ...] = ()


class Asking(Protocol):
    """A compiled design, as far as contrasts need it."""

    @property
    def study(self) -> Study: ...
    @property
    def layout(self) -> Layout: ...
    @property
    def readings(self) -> tuple[Reading, ...]: ...
    @property
    def questions(self) -> tuple[Question, ...]: ...
    @property
    def arms(self) -> tuple[Arm, ...]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answerable:
    """A question with the rows that the arms allow, before it is asked of a metric."""

    question: Question
    within: tuple[str, ...]
    over: tuple[str, ...]
    rows: tuple[ContrastRow, ...]


def compile_contrasts(design: Asking) -> Contrasts:
    """All contrasts of a design on all of its readings.

    Raises: NotEstimable if a contrast has not a single matched pair; InvalidStudy if a varying factor is
    neither within nor over.
    """
    problems = Problems()
    asked = [_answer(question, design.arms, problems) for question in design.questions]
    problems.raise_if_any()
    simple = [
        found
        for question in _judged(design.questions)
        if (found := _simple_effects(question, design.arms, asked)) is not None
    ]
    crossed = list(_interactions(design))
    return Contrasts(
        contrasts=tuple(_on_readings(asked, design)),
        exploratory=tuple(_on_readings(simple, design, exploratory=True)),
        interactions=tuple(_on_readings(crossed, design, exploratory=True)),
    )


def _on_readings(
    asked: Iterable[Answerable], design: Asking, exploratory: bool = False
) -> Iterable[Contrast]:
    analysis = design.study.analysis
    for answerable in asked:
        for i, reading in enumerate(design.readings):
            yield Contrast(
                name=answerable.question.name,
                primary=answerable.question.primary and i == 0 and not exploratory,
                factor=answerable.question.vary.name,
                metric=reading.name,
                kind=reading.kind,
                goal=reading.goal,
                within=answerable.within,
                over=answerable.over,
                rows=answerable.rows,
                test=analysis.test,
                correction="none" if exploratory else analysis.correction,
                alpha=analysis.alpha,
                shape=answerable.question.shape,
            )


def _answer(question: Question, arms: Sequence[Arm], problems: Problems) -> Answerable:
    chosen = _selected(question, arms)
    asked_about = {question.vary.name, question.by.name if question.by else None}
    varying = [name for name in varying_names(chosen) if name not in asked_about]
    over = tuple(varying) if question.over is None else question.over
    for name in varying:
        if name not in over and name not in question.within:
            detail = f"{name} varies here and is neither within nor over"
            problems.add(f"{question.path}.over", detail, [n for n in varying if n not in question.within])
    rows = tuple(_rows(question, chosen))
    if not rows:
        detail = f"no two arms match: {question.vary.name} never changes alone"
        problems.add(question.path, detail, kind=NotEstimable)
    return Answerable(question=question, within=question.within, over=over, rows=rows)


def _selected(question: Question, arms: Sequence[Arm]) -> list[Arm]:
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


def _rows(question: Question, arms: Sequence[Arm]) -> Iterable[ContrastRow]:
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
            vary=question.vary.name,
            within=question.within,
            where=question.where,
        )
        for key, strata in found.items():
            yield _row(of, question.against, dict(key), weights(strata), strata)


def _row(
    of: Scalar,
    against: Scalar,
    within: Mapping[str, Scalar],
    weight: Mapping[str, float],
    strata: Sequence[Stratum],
) -> ContrastRow:
    return ContrastRow(
        of=of,
        against=against,
        within=within,
        weights=weight,
        num_strata=len(strata),
        num_pairs=sum(stratum.num_pairs for stratum in strata),
    )


Cells = Mapping[tuple[tuple[str, Scalar], ...], Mapping[frozenset[tuple[str, Scalar]], dict[Scalar, Stratum]]]
"""For each row and each stratum of it, the comparison at each level of an axis."""


def _interaction_rows(question: Question, sides: Mapping[Scalar, list[Arm]]) -> Iterable[ContrastRow]:
    by = question.by
    assert by is not None
    levels = [level for level in by.names if level in question.where.get(by.name, by.names)]
    for of in question.of:
        found = match(
            sides[of],
            sides[question.against],
            vary=question.vary.name,
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


def _along(axis: str, found: Mapping[tuple[tuple[str, Scalar], ...], Sequence[Stratum]]) -> Cells:
    cells: dict[tuple[tuple[str, Scalar], ...], dict[frozenset[tuple[str, Scalar]], dict[Scalar, Stratum]]]
    cells = defaultdict(lambda: defaultdict(dict))
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
        yield _row(of, against, {**dict(row), axis: name}, dict(total), strata)


def _trend_rows(question: Question, sides: Mapping[Scalar, list[Arm]]) -> Iterable[ContrastRow]:
    assert question.trend is not None
    levels = [level for level in question.vary.names if level in question.levels and sides[level]]
    if len(levels) < 2:
        return
    first, axis = levels[0], question.vary.name
    cells: dict[tuple[tuple[str, Scalar], ...], dict[frozenset[tuple[str, Scalar]], dict[Scalar, Stratum]]]
    cells = defaultdict(lambda: defaultdict(dict))
    for level in levels[1:]:
        found = match(sides[level], sides[first], vary=axis, within=question.within, where=question.where)
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


def _judged(questions: Sequence[Question]) -> list[Question]:
    """One question for each judged factor and level compared with, whatever it is asked within."""
    found: dict[tuple[str, str], list[Question]] = {}
    for question in questions:
        if question.shape == "difference":
            found.setdefault((question.vary.name, text_of(question.against)), []).append(question)
    return [
        Question(
            name=group[0].vary.name,
            path=group[0].path,
            primary=False,
            vary=group[0].vary,
            of=tuple(dict.fromkeys(level for question in group for level in question.of)),
            against=group[0].against,
            where={},
        )
        for group in found.values()
    ]


def _simple_effects(
    question: Question, arms: Sequence[Arm], asked: Sequence[Answerable]
) -> Answerable | None:
    """The effect in every stratum; None if a declared contrast already says as much."""
    chosen = _selected(question, arms)
    varying = set(varying_names(chosen)) - {question.vary.name}
    sides = {
        level: [arm for arm in chosen if arm.levels[question.vary.name] == level] for level in question.levels
    }
    told = [row.weights for answerable in asked for row in answerable.rows]
    rows = []
    for of in question.of:
        found = match(sides[of], sides[question.against], vary=question.vary.name, where={})
        for stratum in found.get((), []):
            within = {name: level for name, level in stratum.shared.items() if name in varying}
            row = _row(of, question.against, within, weights([stratum]), [stratum])
            if len(told) > 100 or row.weights not in told:
                rows.append(row)
    if not rows:
        return None
    named = tuple(sorted({name for row in rows for name in row.within}))
    return Answerable(question=question, within=named, over=(), rows=tuple(rows))


def _interactions(design: Asking) -> Iterable[Answerable]:
    """How each factor that varies on both sides changes the effect of each judged factor."""
    by_name = {factor.name: factor for factor in design.layout.factors}
    for judged in _judged(design.questions):
        chosen = _selected(judged, design.arms)
        for name in varying_names(chosen):
            if name == judged.vary.name:
                continue
            by = by_name[name]
            question = Question(
                name=f"{judged.name} x {name}",
                path=judged.path,
                primary=False,
                vary=judged.vary,
                of=judged.of,
                against=judged.against,
                where={},
                by=by,
                by_against=design.layout.baseline.get(name, by.names[0]),
            )
            rows = tuple(_rows(question, chosen))
            if rows:
                over = tuple(n for n in varying_names(chosen) if n not in (judged.vary.name, name))
                yield Answerable(question=question, within=(), over=over, rows=rows)
