"""The candidates of a search: what each scored, and which of them are the best.

The driver measures the winners and the report names them: both ask here.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.design.search import tuning_metric
from ablations.errors import Json
from ablations.identity import canonical

Outcome = tuple[str, float | None]
"""How a trial ended, and its value of the metric that the search is judged by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One point of the space: its number within the search, from 0 on, and its settings."""

    number: int
    settings: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A candidate with its score."""

    candidate: Candidate
    score: float


def mean_score(outcomes: Iterable[Outcome], worst: float) -> float | None:
    """A candidate's score over its arms and tuning seeds; None where a trial of it has no value, or none yet.

    A diverged trial counts as the worst value, as does one without a finite value. The sum is rounded once,
    so that the order of the trials makes no difference.

    >>> mean_score([("done", 0.5), ("diverged", None)], 0.0), mean_score([("failed", None)], 0.0)
    (0.25, None)
    """
    values: list[float] = []
    for state, value in outcomes:
        if state not in ("done", "diverged"):
            return None
        known = state == "done" and value is not None and math.isfinite(value)
        values.append(float(value) if known and value is not None else worst)
    return _mean(values) if values else None


def _mean(values: Sequence[float]) -> float:
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)


def rank(
    design: Design, arms: Sequence[Arm], candidates: Iterable[Candidate], scores: Mapping[int, float | None]
) -> Iterator[Scored]:
    """The candidates of a search that have a score, best first; of two equals the earlier one is first.

    Each training once: of candidates that come to the same settings in all arms of the search, as what they
    differ in applies to none, the first.
    """
    rising = tuning_metric(design.study, design.manifest)[1] == "maximize"
    scored = [
        Scored(candidate=candidate, score=score)
        for candidate in candidates
        if (score := scores.get(candidate.number)) is not None
    ]
    scored.sort(key=lambda one: (-one.score if rising else one.score, one.candidate.number))
    seen: set[str] = set()
    for one in scored:
        training = canonical([design.resolve(arm, one.candidate.settings) for arm in arms])
        if training not in seen:
            seen.add(training)
            yield one
