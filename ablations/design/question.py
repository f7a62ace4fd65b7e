"""Questions: the contrasts a study declares, or has by default, checked against its factors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ablations.design.component import FactorLayout
from ablations.design.condition import Selection, level_index, select
from ablations.design.factor import Factor
from ablations.errors import Json, NotEstimable, Problems, UnknownFactor
from ablations.manifest import Scalar
from ablations.stats.populations import MIN_STRATA
from ablations.study.analysis import ContrastSpec
from ablations.study.spec import StudySpec

Trend = Literal["linear", "log", "order"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One contrast before it meets the arms; `over` is None where it is all that varies."""

    name: str
    path: str
    primary: bool
    vary: Factor
    of: tuple[Scalar, ...]
    against: Scalar
    where: Selection
    within: tuple[str, ...] = ()
    over: tuple[str, ...] | None = None
    by: Factor | None = None
    by_against: Scalar = None
    trend: Trend | None = None
    random: str | None = None

    @property
    def levels(self) -> tuple[Scalar, ...]:
        """The levels of the judged factor that take part."""
        return (self.against, *self.of)

    @property
    def shape(self) -> Literal["difference", "interaction", "trend"]:
        """What a row is: a difference, a difference of differences, or a slope."""
        if self.by is not None:
            return "interaction"
        return "difference" if self.trend is None else "trend"


def read_questions(study: StudySpec, layout: FactorLayout, problems: Problems) -> tuple[Question, ...]:
    """The declared contrasts, or else one for each judged factor; what they name wrongly is a problem."""
    if study.analysis.contrasts:
        found = [
            _declared(name, spec, study, layout, problems) for name, spec in study.analysis.contrasts.items()
        ]
        return tuple(question for question in found if question is not None)
    return tuple(_defaults(study, layout, problems))


def _defaults(study: StudySpec, layout: FactorLayout, problems: Problems) -> Iterable[Question]:
    by_name = {factor.name: factor for factor in layout.factors}
    judged = [name for name in study.baseline if name in layout.baseline]
    judged += [name for name in layout.baseline if name not in judged]
    primary = study.analysis.primary or (judged[0] if judged else None)
    for name in judged:
        factor, against = by_name[name], layout.baseline[name]
        of = tuple(level for level in factor.names if level != against)
        if not of:
            path = f"baseline.{name}"
            problems.add(path, f"{name} does not vary: it has one level", kind=NotEstimable)
            continue
        yield Question(
            name=name,
            path=f"baseline.{name}" if name in study.baseline else f"factors.{name}",
            primary=name == primary,
            vary=factor,
            of=of,
            against=against,
            where=others_on(layout, by_name, name),
        )


def others_on(layout: FactorLayout, by_name: Mapping[str, Factor], name: str) -> Selection:
    """In a leave-one-out design a component is judged where all the others are on."""
    return {
        other: tuple(level for level in by_name[other].names if level != layout.baseline[other])
        for other in layout.components
        if other != name
    }


def _declared(
    name: str, spec: ContrastSpec, study: StudySpec, layout: FactorLayout, problems: Problems
) -> Question | None:
    path = f"analysis.contrasts.{name}"
    factor = varying_factor(spec.vary, layout.factors, f"{path}.vary", problems)
    where = select(spec.where, layout.factors, f"{path}.where", problems)
    _check_lists(spec, layout.factors, path, problems)
    by = None
    if spec.interaction is not None:
        by = varying_factor(spec.interaction, layout.factors, f"{path}.interaction", problems)
        if spec.interaction == spec.vary:
            problems.add(f"{path}.interaction", f"{spec.vary} cannot change its own effect")
    if factor is None or (spec.interaction is not None and by is None):
        return None
    _check_trend(spec, by or factor, path, problems)
    _check_random(spec, layout.factors, where, path, problems)
    chosen = _sides(spec, factor, where, layout, path, problems)
    if chosen is None:
        return None
    primary = study.analysis.primary or next(iter(study.analysis.contrasts))
    return Question(
        name=name,
        path=path,
        primary=name == primary,
        vary=factor,
        of=chosen[1:],
        against=chosen[0],
        where={key: levels for key, levels in where.items() if key != factor.name},
        within=tuple(spec.within),
        over=tuple(spec.over),
        by=by,
        by_against=None if by is None else _reference(by, where, layout),
        trend=spec.trend,
        random=spec.random,
    )


def varying_factor(name: str, factors: Sequence[Factor], path: str, problems: Problems) -> Factor | None:
    """The factor of this name; a problem and None if it does not vary."""
    for factor in factors:
        if factor.name == name and len(factor.levels) > 1:
            return factor
    allowed: list[Json] = [factor.name for factor in factors if len(factor.levels) > 1]
    problems.add(path, f"{name} does not vary in this study", allowed, NotEstimable)
    return None


def _check_lists(spec: ContrastSpec, factors: Sequence[Factor], path: str, problems: Problems) -> None:
    known = [factor.name for factor in factors]
    for field, names in (("within", spec.within), ("over", spec.over)):
        for i, name in enumerate(names):
            here = f"{path}.{field}.{i}"
            if name not in known:
                problems.add(here, f"{name} is no factor of this study", list(known), UnknownFactor)
            elif name in (spec.vary, spec.interaction):
                problems.add(here, f"{name} is what this contrast asks about")
            elif field == "over" and name in spec.within:
                problems.add(here, f"{name} is already in within")


def _check_trend(spec: ContrastSpec, axis: Factor, path: str, problems: Problems) -> None:
    if spec.trend is None:
        return
    if not axis.ordered or (spec.trend != "order" and not axis.numeric):
        problems.add(f"{path}.trend", f"the levels of {axis.name} are no numbers", list(axis.names))
    elif spec.trend == "log" and any(not isinstance(x, int | float) or x <= 0 for x in axis.names):
        problems.add(f"{path}.trend", f"a log trend needs levels of {axis.name} above 0", list(axis.names))
    if spec.interaction is None and {"of", "against"} & spec.model_fields_set:
        problems.add(f"{path}.trend", "a trend has no of and against: choose levels by where")


def _check_random(
    spec: ContrastSpec, factors: Sequence[Factor], where: Selection, path: str, problems: Problems
) -> None:
    if spec.random is None:
        return
    here, name = f"{path}.random", spec.random
    factor = next((factor for factor in factors if factor.name == name), None)
    if factor is None:
        known: list[Json] = [each.name for each in factors]
        problems.add(here, f"{name} is no factor of this study", known, UnknownFactor)
    elif name in (spec.vary, spec.interaction):
        problems.add(here, f"{name} is what this contrast asks about: it cannot be random as well")
    elif name not in spec.over:
        problems.add(
            here, f"{name} is not in over: a random effect is one that is averaged over", [*spec.over]
        )
    elif (num := len(where.get(name, factor.names))) < MIN_STRATA:
        detail = f"{num} of {name} tell nothing of others: a random effect needs {MIN_STRATA} levels or more"
        problems.add(here, detail, kind=NotEstimable)
    if spec.trend is not None or spec.interaction is not None:
        problems.add(here, "a random effect is asked of differences: leave out trend and interaction")


def _sides(
    spec: ContrastSpec, factor: Factor, where: Selection, layout: FactorLayout, path: str, problems: Problems
) -> tuple[Scalar, ...] | None:
    """The level compared with, then the levels compared; None after a problem."""
    possible = where.get(factor.name, factor.names)
    if spec.trend is not None and spec.interaction is None:
        if len(possible) < 2:
            problems.add(f"{path}.where.{factor.name}", f"{factor.name} does not vary here")
            return None
        return possible
    if "against" in spec.model_fields_set:
        index = level_index(factor, spec.against, f"{path}.against", problems)
        if index is None:
            return None
        against = factor.names[index]
    elif factor.name in layout.baseline:
        against = layout.baseline[factor.name]
    else:
        detail = f"no level of {factor.name} to compare with: name one here or in baseline"
        problems.add(f"{path}.against", detail, list(factor.names))
        return None
    of = _judged_levels(spec, factor, possible, against, path, problems)
    return None if of is None else (against, *of)


def _judged_levels(
    spec: ContrastSpec,
    factor: Factor,
    possible: Sequence[Scalar],
    against: Scalar,
    path: str,
    problems: Problems,
) -> tuple[Scalar, ...] | None:
    if "of" not in spec.model_fields_set:
        of = tuple(level for level in possible if level != against)
        if not of:
            problems.add(f"{path}.where.{factor.name}", f"nothing is left to compare with {against!r}")
        return of or None
    named = spec.of if isinstance(spec.of, list) else [spec.of]
    indices = [level_index(factor, level, f"{path}.of", problems) for level in named]
    of = tuple(factor.names[i] for i in dict.fromkeys(indices) if i is not None)
    if against in of:
        problems.add(f"{path}.of", f"{against!r} would be compared with itself")
        return None
    return of if len(indices) == len(named) and None not in indices else None


def _reference(by: Factor, where: Selection, layout: FactorLayout) -> Scalar:
    """The level of an interacting factor from which changes are counted."""
    possible = where.get(by.name, by.names)
    reference = layout.baseline.get(by.name, possible[0] if possible else None)
    return reference if reference in possible else possible[0] if possible else None
