"""Spread: how widely paired differences scattered in earlier studies, which is what power rests on."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ablations.study.spec import StudySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The standard deviation of a metric's paired differences, and where it is known from."""

    sd: float
    basis: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierStudy:
    """A finished study of the same trainable: what it asked and the effects that it found, both as JSON."""

    id: str
    name: str
    spec: Mapping[str, Any]
    effects: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    factor: str
    metric: str
    spread: Spread


def measured_spreads(study: StudySpec, earlier: Sequence[EarlierStudy]) -> dict[str, Spread]:
    """By metric, the spread that the latest study saw; one that judged the same factor comes first.

    Assumes: `earlier` begins with the latest. Rows of one family are pooled by their degrees of freedom.
    """
    asked = {contrast.vary for contrast in study.analysis.contrasts.values()} | set(study.baseline)
    found = [measured for past in earlier for measured in _measured(past)]
    # Stable: within both halves the latest study stays first.
    found.sort(key=lambda measured: measured.factor not in asked)
    spreads: dict[str, Spread] = {}
    for measured in found:
        spreads.setdefault(measured.metric, measured.spread)
    return spreads


def _measured(past: EarlierStudy) -> Iterator[_Measured]:
    """The families of a study that tell a spread, the primary one first."""
    declared = (past.spec.get("analysis") or {}).get("contrasts") or {}
    families = sorted(past.effects.get("contrasts") or (), key=lambda family: not family["primary"])
    for family in families:
        if family.get("shape", "difference") != "difference":
            continue
        rows = [row for row in family["rows"] if row.get("sd") and row["n"] >= 2]
        pooled = _pooled((row["sd"], row["n"]) for row in rows)
        if pooled > 0:
            most = max(row["n"] for row in rows)
            basis = (
                f"measured: {len(rows)} {'row' if len(rows) == 1 else 'rows'} of {family['name']} over"
                f" {most} seeds, study {past.name} ({past.id})"
            )
            factor = (declared.get(family["name"]) or {}).get("vary", family["name"])
            yield _Measured(factor=factor, metric=family["metric"], spread=Spread(sd=pooled, basis=basis))


def _pooled(spreads: Iterable[tuple[float, int]]) -> float:
    """The root of the mean variance, weighted by degrees of freedom; 0 for none."""
    known = list(spreads)
    freedom = sum(n - 1 for _, n in known)
    return math.sqrt(sum((n - 1) * sd**2 for sd, n in known) / freedom) if freedom else 0.0
