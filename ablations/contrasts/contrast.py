"""Contrasts: questions about factors, compiled to weights over arms."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal

from ablations.contrasts.pairing import match, weights
from ablations.contrasts.rows import ContrastRow, row_of, rows_of, selected, varying_names
from ablations.design.arm import Arm, text_of
from ablations.design.design import Design
from ablations.design.factor import Factor
from ablations.design.margin import read_margin
from ablations.design.question import Question
from ablations.design.resize import Resize
from ablations.errors import NotEstimable, Problems
from ablations.manifest import Scalar
from ablations.stats.populations import MIN_STRATA

COMPONENTS = "components"
RECIPE = "recipe"
FULL, BARE = "full", "bare"
Shape = Literal["difference", "interaction", "trend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One question on one metric; its rows are one family.

    Differences below `margin` do not matter; on a log scale it is a share, 0.01 being 1 %. The levels of
    `random`, one of the factors in `over`, are a sample of those that the verdict is about.
    """

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
    margin: float | None = None
    missing: Literal["related", "unrelated"] = "related"
    random: str | None = None

    @property
    def of_rates(self) -> bool:
        """Whether every row compares the rates of two arms, which McNemar's test does."""
        pairs = all(sorted(row.weights.values()) == [-1.0, 1.0] for row in self.rows)
        return self.kind == "rate" and bool(self.rows) and pairs and self.random is None

    @property
    def carried_by(self) -> Literal["paired_t", "sign_flip", "wilcoxon", "mcnemar", "hartung_knapp"]:
        """The test that carries the verdicts."""
        if self.random is not None:
            return "hartung_knapp"
        return "mcnemar" if self.of_rates else self.test

    def by_stratum(self) -> "tuple[Contrast, ...]":
        """For each row the same question within each level of the random factor; none without one."""
        if self.random is None:
            return ()
        return tuple(
            replace(
                self,
                random=None,
                rows=tuple(
                    replace(row, within={**row.within, self.random: level}, weights=weights, strata={})
                    for level, weights in row.strata.items()
                ),
            )
            for row in self.rows
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrasts:
    """What a study asks, and beside it, without verdict, the simple effects in every stratum.

    `interactions` asks, of every judged factor, how each other factor changes its effect. `looks` are the
    numbers of seeds at which verdicts may be given, `resize` the rule by which a pilot sets their number;
    `tuned_once` says that settings were searched for, once.
    `arms` and `factors` are those of the design, which effects describe too.
    """

    contrasts: tuple[Contrast, ...]
    exploratory: tuple[Contrast, ...]
    interactions: tuple[Contrast, ...] = ()
    looks: tuple[int, ...] = ()
    resize: Resize | None = None
    tuned_once: bool = False
    arms: tuple[Arm, ...] = ()
    factors: tuple[Factor, ...] = ()
    alpha: float = 0.05

    @property
    def num_looks(self) -> int:
        """Between how many looks alpha is split."""
        return max(1, len(self.looks))


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A question with the rows that the arms allow, before it is asked of a metric."""

    name: str
    factor: str
    primary: bool
    shape: Shape
    within: tuple[str, ...]
    over: tuple[str, ...]
    rows: tuple[ContrastRow, ...]
    random: str | None = None


def compile_contrasts(design: Design) -> Contrasts:
    """All contrasts of a design on all of its readings.

    Raises: NotEstimable if a contrast has not a single matched pair; InvalidStudy if a varying factor is
    neither within nor over.
    """
    asked = _families(design, whole=True)
    if design.layout.components and not design.study.analysis.contrasts:
        asked = list(_ask_components(asked, design))
    told = {_weights_key(row) for family in asked for row in family.rows}
    judged = _judged(design.questions)
    return Contrasts(
        contrasts=tuple(_ask_each_reading(asked, design)),
        exploratory=tuple(_ask_each_reading(_simple_effects(judged, design.arms, told), design, apart=True)),
        interactions=tuple(_ask_each_reading(_interactions(judged, design), design, apart=True)),
        looks=tuple(sorted(design.study.analysis.looks)),
        resize=design.resize,
        tuned_once=design.study.tuning is not None and design.study.tuning.repeats == 1,
        arms=design.arms,
        factors=design.layout.factors,
        alpha=design.study.analysis.alpha,
    )


def mark_post_hoc(asked: Contrasts, declared: Contrasts) -> Contrasts:
    """The contrasts asked now, those that were not declared just so before the results marked post hoc."""
    marked = (replace(c, post_hoc=c.post_hoc or c not in declared.contrasts) for c in asked.contrasts)
    return replace(asked, contrasts=tuple(marked))


def check_questions(design: Design) -> None:
    """Whether the declared or default questions of a design can be asked.

    Raises: as `compile_contrasts`.
    """
    _families(design, whole=False)


def _families(design: Design, *, whole: bool) -> list[Family]:
    """The questions with their rows; if not `whole`, with as many as tell whether they can be asked."""
    problems = Problems()
    asked = [
        _family(question, design.arms, problems, None if whole or question.random is not None else 1)
        for question in design.questions
    ]
    problems.raise_if_any()
    return asked


def _ask_each_reading(families: Iterable[Family], design: Design, apart: bool = False) -> Iterable[Contrast]:
    """Each family on each reading; those that stand `apart` are neither primary nor corrected."""
    analysis = design.study.analysis
    for family in families:
        for i, reading in enumerate(design.readings):
            yield Contrast(
                name=family.name,
                primary=family.primary and i == 0 and not apart,
                factor=family.factor,
                metric=reading.name,
                kind=reading.kind,
                goal=reading.goal,
                within=family.within,
                over=family.over,
                rows=family.rows,
                test=analysis.test,
                correction="none" if apart else analysis.correction,
                alpha=analysis.alpha,
                shape=family.shape,
                margin=read_margin(analysis.margin[reading.name], reading)
                if reading.name in analysis.margin
                else None,
                missing=analysis.missing,
                random=family.random,
            )


def _family(question: Question, arms: Sequence[Arm], problems: Problems, num_rows: int | None) -> Family:
    chosen = selected(question, arms)
    asked_about = {question.vary.name, question.by.name if question.by else None}
    varying = [name for name in varying_names(chosen) if name not in asked_about]
    over = tuple(varying) if question.over is None else question.over
    for name in varying:
        if name not in over and name not in question.within:
            detail = f"{name} varies here and is neither within nor over"
            problems.add(f"{question.path}.over", detail, [n for n in varying if n not in question.within])
    rows = tuple(islice(rows_of(question, chosen), num_rows))
    if not rows:
        detail = f"no two arms match: {question.vary.name} never changes alone"
        if question.by is not None:
            detail += f" at two levels of {question.by.name}"
        problems.add(question.path, detail, kind=NotEstimable)
    _check_strata(question, rows, chosen, problems)
    return Family(
        name=question.name,
        factor=question.vary.name,
        primary=question.primary,
        shape=question.shape,
        within=question.within,
        over=over,
        rows=rows,
        random=question.random,
    )


def _check_strata(
    question: Question, rows: Iterable[ContrastRow], arms: Sequence[Arm], problems: Problems
) -> None:
    """Note rows whose random effect rests on too few levels, or on arms to which it does not apply."""
    factor = question.random
    if factor is None:
        return
    here = f"{question.path}.random"
    if any(factor not in arm.levels for arm in arms):
        problems.add(here, f"{factor} does not apply to all arms that are compared", kind=NotEstimable)
        return
    for row in rows:
        if len(row.strata) < MIN_STRATA:
            both = ", ".join([text_of(row.of), text_of(row.against), *map(text_of, row.within.values())])
            detail = (
                f"{len(row.strata)} of {factor} have both sides of the row {both}: {MIN_STRATA} are needed"
            )
            problems.add(here, detail, kind=NotEstimable)


def _ask_components(asked: Sequence[Family], design: Design) -> Iterable[Family]:
    """The components of a leave-one-out design as one family: the full recipe minus it without each."""
    rows = tuple(
        replace(row, of=FULL, against=f"without {family.factor}") for family in asked for row in family.rows
    )
    over = tuple(dict.fromkeys(name for family in asked for name in family.over))
    family = replace(asked[0], name=COMPONENTS, factor=COMPONENTS, primary=True, rows=rows, over=over)
    yield family
    options = design.study.leave_one_out
    if options is not None and options.anchor:
        anchor = _recipe(design)
        if anchor.num_strata:
            yield replace(family, name=RECIPE, factor=RECIPE, primary=False, rows=(anchor,))


def _recipe(design: Design) -> ContrastRow:
    """The full recipe minus the bare anchor, over all strata."""
    components = design.layout.components
    off = {name: design.layout.baseline[name] for name in components}
    full: list[Arm] = []
    bare: list[Arm] = []
    for arm in design.arms:
        switched_off = [name for name in components if arm.levels.get(name, off[name]) == off[name]]
        if not switched_off:
            full.append(arm)
        elif len(switched_off) == len(components):
            bare.append(arm)
    strata = match(full, bare, vary=components, where={}).get((), [])
    return row_of(FULL, BARE, {}, weights(strata), strata)


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
    judged: Iterable[Question], arms: Sequence[Arm], told: set[frozenset[tuple[str, float]]]
) -> Iterable[Family]:
    """The effect in every stratum, except where a declared contrast says as much."""
    for question in judged:
        chosen, factor = selected(question, arms), question.vary.name
        varying = set(varying_names(chosen)) - {factor}
        sides: dict[Scalar, list[Arm]] = {level: [] for level in question.levels}
        for arm in chosen:
            sides[arm.levels[factor]].append(arm)
        rows = []
        for of in question.of:
            found = match(sides[of], sides[question.against], vary=(factor,), where={})
            for stratum in found.get((), []):
                within = {name: level for name, level in stratum.shared.items() if name in varying}
                row = row_of(of, question.against, within, weights([stratum]), [stratum])
                if _weights_key(row) not in told:
                    rows.append(row)
        if rows:
            named = tuple(sorted({name for row in rows for name in row.within}))
            yield _compile_apart(question, name=factor, within=named, over=(), rows=rows)


def _weights_key(row: ContrastRow) -> frozenset[tuple[str, float]]:
    return frozenset(row.weights.items())


def _compile_apart(
    question: Question,
    *,
    name: str,
    within: tuple[str, ...],
    over: tuple[str, ...],
    rows: Iterable[ContrastRow],
) -> Family:
    return Family(
        name=name,
        factor=question.vary.name,
        primary=False,
        shape=question.shape,
        within=within,
        over=over,
        rows=tuple(rows),
    )


def _interactions(judged: Iterable[Question], design: Design) -> Iterable[Family]:
    """How each other factor that varies changes the effect of each judged factor."""
    by_name = {factor.name: factor for factor in design.layout.factors}
    done: set[frozenset[str]] = set()
    for question in judged:
        factor, chosen = question.vary.name, selected(question, design.arms)
        varying = [name for name in varying_names(chosen) if name != factor]
        for name in varying:
            if frozenset((factor, name)) in done:
                continue
            by = by_name[name]
            reference = design.layout.baseline.get(name, by.names[0])
            crossed = replace(question, name=f"{factor} x {name}", by=by, by_against=reference)
            rows = tuple(rows_of(crossed, chosen))
            if rows:
                done.add(frozenset((factor, name)))
                over = tuple(other for other in varying if other != name)
                yield _compile_apart(crossed, name=crossed.name, within=(), over=over, rows=rows)
