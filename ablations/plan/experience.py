"""What a plan may learn from: finished studies, and how long trials took."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ablations.errors import Json

PILOT = 3
"""So many seeds tell what nothing else does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlierStudy:
    """A finished study of the same trainable: what it asked and the effects that it found, both as JSON."""

    id: str
    name: str
    spec: Mapping[str, Any]
    effects: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedTrial:
    """A finished trial of the same trainable: its settings, how long it took, on what, and in which study."""

    settings: Mapping[str, Json]
    seconds: float
    study: str = ""
    gpu: bool = False
