"""Spread: how widely paired differences scattered in earlier studies that asked a comparable question."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ablations.contrasts.contrast import Contrast, compile_contrasts
from ablations.design.design import Design
from ablations.errors import InvalidStudy
from ablations.manifest import Manifest
from ablations.plan.compile import compile_design
from ablations.plan.experience import PILOT, EarlierStudy
from ablations.plan.likeness import build_of, data_of
from ablations.stats.blinding import spread_bounds
from ablations.study.parsing import parse_study

LIKE = "same data and metric, and the same factor or networks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The standard deviation of a metric's paired differences, and where it is known from.

    `study` is the name and id of the study that measured it, None where it was stated.
    """

    sd: float
    basis: str
    study: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What a contrast is about: the judged factor, the metric, and the data and networks of its arms."""

    factor: str
    metric: str
    data: frozenset[str]
    networks: frozenset[str]

    @classmethod
    def read(cls, contrast: Contrast, design: Design) -> "_Subject":
        asked = {arm for row in contrast.rows for arm in row.weights}
        settings = [arm.settings for arm in design.arms if arm.id in asked]
        return cls(
            factor=contrast.factor,
            metric=contrast.metric,
            data=frozenset(map(data_of, settings)),
            networks=frozenset(build_of(one, design.manifest) for one in settings),
        )

    def likeness(self, other: "_Subject") -> int:
        """0 where the other question is not comparable; 1 the networks are alike, 2 the factor, 3 both."""
        if self.metric != other.metric or self.data != other.data:
            return 0
        return 2 * (self.factor == other.factor) + (self.networks == other.networks)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredFamily:
    """The rows of a contrast of an earlier study, with the spread that they saw."""

    subject: _Subject
    spread: Spread


def measured_families(earlier: Sequence[EarlierStudy], manifest: Manifest) -> tuple[MeasuredFamily, ...]:
    """The families of earlier studies that tell a spread, in their order; rows of one are pooled.

    What this version does not understand any more is passed over.
    """
    return tuple(family for past in earlier for family in _measured(past, manifest))


def comparable_spread(
    contrast: Contrast, design: Design, families: Sequence[MeasuredFamily]
) -> Spread | None:
    """The spread of the question that is most like this one; of equals the first.

    Comparable are questions on the same data and metric that judge the same factor or compare networks of
    the same kind and sizes. None where there is none: other studies say nothing about this one.
    """
    if not families:
        return None
    subject = _Subject.read(contrast, design)
    likeness = [subject.likeness(family.subject) for family in families]
    best = max(likeness, default=0)
    if best == 0:
        return None
    spread = families[likeness.index(best)].spread
    alike = {1: "the same networks", 2: "the same factor", 3: "the same factor and networks"}[best]
    return Spread(sd=spread.sd, basis=f"{spread.basis}, {alike}", study=spread.study)


def pilot_words() -> str:
    """What a pilot would tell where nothing is known.

    >>> pilot_words()
    'a pilot of 3 seeds would tell it to between 0.57 and 3.7 times what they show'
    """
    low, high = spread_bounds(PILOT, level=0.95)
    return f"a pilot of {PILOT} seeds would tell it to between {low:.2g} and {high:.2g} times what they show"


def _measured(past: EarlierStudy, manifest: Manifest) -> Iterator[MeasuredFamily]:
    families = sorted(past.effects.get("contrasts") or (), key=lambda family: not family["primary"])
    if not families:
        return
    try:
        design = compile_design(parse_study(dict(past.spec)), manifest)
        asked = {(one.name, one.metric): one for one in compile_contrasts(design).contrasts}
    except InvalidStudy:
        return
    for family in families:
        contrast = asked.get((family["name"], family["metric"]))
        if contrast is None or contrast.shape != "difference":
            continue
        rows = [row for row in family["rows"] if row.get("sd") and row["n"] >= 2]
        pooled = _pooled((row["sd"], row["n"]) for row in rows)
        if pooled > 0:
            most, study = max(row["n"] for row in rows), f"{past.name} ({past.id})"
            basis = (
                f"measured: {len(rows)} {'row' if len(rows) == 1 else 'rows'} of {family['name']} over"
                f" {most} seeds, study {study}"
            )
            yield MeasuredFamily(
                subject=_Subject.read(contrast, design), spread=Spread(sd=pooled, basis=basis, study=study)
            )


def _pooled(spreads: Iterable[tuple[float, int]]) -> float:
    """The root of the mean variance, weighted by degrees of freedom; 0 for none."""
    known = list(spreads)
    freedom = sum(n - 1 for _, n in known)
    return math.sqrt(sum((n - 1) * sd**2 for sd, n in known) / freedom) if freedom else 0.0
