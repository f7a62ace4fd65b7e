"""What the publisher knows of a study's experiment while it fills it."""

from dataclasses import dataclass, field
from typing import Protocol

from ablations.design.reading import Reading
from ablations.manifest import Manifest


class Manifests(Protocol):
    """What the trainables of studies declare."""

    def manifest(self, name: str) -> Manifest:
        """The manifest of a trainable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """What is known of a study's experiment: which trials have runs, and what these show."""

    id: str
    runs: dict[str, str]
    setting_names: tuple[str, ...]
    readings: tuple[Reading, ...]
    arms_sent: set[str] = field(default_factory=set)
