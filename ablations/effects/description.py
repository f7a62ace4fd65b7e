"""What is described and not judged: arms by themselves, shares of variance, where rates cross a level."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ablations.errors import Json
from ablations.manifest import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingSummary:
    """One reading of one arm over its seeds; `n` of them have a value."""

    n: int
    mean: float | None
    sd: float | None
    median: float | None
    interquartile_mean: float | None

    def to_json(self) -> dict[str, Json]:
        """The numbers as clients read them."""
        return {
            "n": self.n,
            "mean": self.mean,
            "sd": self.sd,
            "median": self.median,
            "interquartile_mean": self.interquartile_mean,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """An arm by itself: each of its readings, by name."""

    arm_id: str
    arm: str
    readings: Mapping[str, ReadingSummary]

    def to_json(self) -> dict[str, Json]:
        """The arm as clients read it."""
        found: dict[str, Json] = {name: summary.to_json() for name, summary in self.readings.items()}
        return {"arm_id": self.arm_id, "arm": self.arm, "readings": found}


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceTerm:
    """What one source contributes to the variance between arms.

    `main` is a factor by itself, `interaction` what two factors add together, `higher` what three or more
    do; `nested` is what factors contribute that apply to some arms only, with all of their interactions.
    """

    kind: Literal["main", "interaction", "higher", "nested"]
    factors: tuple[str, ...]
    share: float

    def to_json(self) -> dict[str, Json]:
        """The term as clients read it."""
        return {"kind": self.kind, "factors": list(self.factors), "share": self.share}


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceShares:
    """How the variance of an arm's mean splits between the factors; the shares sum to 1.

    It rests on `num_arms` arms of `of_arms`: those of the balanced part of the design. `noise` is the share
    that the spread over seeds would be expected to give if all arms were alike. No terms where there is no
    such part, or nothing varies; `notes` say what was left out, and why.
    """

    metric: str
    terms: tuple[VarianceTerm, ...]
    noise: float | None
    num_arms: int
    of_arms: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The shares as clients read them."""
        return {
            "metric": self.metric,
            "terms": [term.to_json() for term in self.terms],
            "noise": self.noise,
            "num_arms": self.num_arms,
            "of_arms": self.of_arms,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RateCrossing:
    """Where along a numeric factor a rate crosses a level, with the other factors `within`.

    `course` is `crosses`, or `before` where the rate is beyond the level from the first place on, or `never`
    where it stays short of it; then `at` is None. An end of the interval is None where it lies outside the
    places measured, `first` to `last`. `n` seeds had a value at all of them.
    """

    metric: str
    factor: str
    within: Mapping[str, Scalar]
    level: float
    rising: bool
    course: Literal["crosses", "before", "never"]
    at: float | None
    low: float | None
    high: float | None
    confidence: float
    first: float
    last: float
    n: int
    num_seeds: int

    def to_json(self) -> dict[str, Json]:
        """The crossing as clients read it."""
        return {
            "metric": self.metric,
            "factor": self.factor,
            "within": dict(self.within),
            "level": self.level,
            "rising": self.rising,
            "course": self.course,
            "at": self.at,
            "low": self.low,
            "high": self.high,
            "confidence": self.confidence,
            "first": self.first,
            "last": self.last,
            "n": self.n,
            "num_seeds": self.num_seeds,
        }
