"""Designs: the arms of a study, compiled from its factors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ablations.errors import Json
from ablations.manifest import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One level for every factor that applies, and the settings that follow from them."""

    id: str
    label: str
    levels: Mapping[str, Scalar]
    settings: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A combination of levels that is left out, and the rule that caused it."""

    levels: Mapping[str, Scalar]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTrial:
    """One arm with one seed in one phase."""

    arm: Arm
    seed: int
    phase: Literal["tuning", "measuring"]
    candidate: int | None = None
    repeat: int | None = None
