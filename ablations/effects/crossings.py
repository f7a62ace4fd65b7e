"""Crossings: where along a numeric factor, such as depth, a rate crosses one half. Described, not judged."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from ablations.contrasts.rows import varying_names
from ablations.design.arm import Arm
from ablations.design.factor import Factor
from ablations.effects.description import RateCrossing
from ablations.manifest import Scalar
from ablations.results.results import Results
from ablations.stats.crossing import crossing
from ablations.stats.paired import MIN_SEEDS

LEVEL = 0.5
MIN_PLACES = 3
MAX_CROSSINGS = 1000

Course = list[tuple[float, str]]


def crossings_of(
    arms: Sequence[Arm], factors: Sequence[Factor], results: Results, *, alpha: float
) -> tuple[RateCrossing, ...]:
    """For each rate and each numeric factor of three levels or more, one for each level of the other factors.

    Seeds that lack a value anywhere along the way are left out; below two there is no crossing.
    """
    rates = [reading.name for reading in results.readings if reading.kind == "rate"]
    if not rates:
        return ()
    found: list[RateCrossing] = []
    for factor in sorted(factors, key=lambda f: -len(f.levels)):  # the longest courses before the limit
        if not factor.numeric or len(factor.levels) < MIN_PLACES:
            continue
        for within, course in _courses(arms, factor):
            for metric in rates:
                if len(found) == MAX_CROSSINGS:
                    return tuple(found)
                one = _crossing(metric, factor.name, within, course, results, alpha)
                found += [] if one is None else [one]
    return tuple(found)


def _courses(arms: Sequence[Arm], factor: Factor) -> Iterator[tuple[dict[str, Scalar], Course]]:
    """The arms that differ in the factor alone, in its order."""
    found: dict[tuple[tuple[str, Scalar], ...], Course] = defaultdict(list)
    others = [name for name in varying_names(arms) if name != factor.name]
    for arm in arms:
        if factor.name in arm.levels:
            rest = tuple((name, arm.levels[name]) for name in others if name in arm.levels)
            found[rest].append((float(str(arm.levels[factor.name])), arm.id))
    for rest, course in found.items():
        if len(course) >= MIN_PLACES:
            yield dict(rest), sorted(course)


def _crossing(
    metric: str,
    factor: str,
    within: dict[str, Scalar],
    course: Course,
    results: Results,
    alpha: float,
) -> RateCrossing | None:
    values = results.values(metric)[[results.arm_index[arm] for _, arm in course]]
    complete = values[:, np.isfinite(values).all(axis=0)]
    if complete.shape[1] < MIN_SEEDS:
        return None
    places = np.array([place for place, _ in course])
    one = crossing(places, complete, level=LEVEL, confidence=1 - alpha)
    first, last = float(places[0]), float(places[-1])
    return RateCrossing(
        metric=metric,
        factor=factor,
        within=within,
        level=one.level,
        rising=one.rising,
        course="crosses" if math.isfinite(one.at) else "before" if one.at < 0 else "never",
        at=_inside(one.at),
        low=last if one.low == math.inf else _inside(one.low),
        high=first if one.high == -math.inf else _inside(one.high),
        confidence=1 - alpha,
        first=first,
        last=last,
        n=complete.shape[1],
        num_seeds=len(results.seeds),
    )


def _inside(place: float) -> float | None:
    return place if math.isfinite(place) else None
