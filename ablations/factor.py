"""Factors: what may vary, over which levels."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ablations.errors import Json
from ablations.manifest import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of a factor: its name and the settings it stands for."""

    name: Scalar
    settings: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One thing that may vary.

    A `numeric` factor can be compared with ge, le, gt and lt; an `ordered` one has its levels in the
    order of their size. `when` is the condition of the setting behind it; {} means always.
    """

    name: str
    levels: tuple[Level, ...]
    numeric: bool = False
    ordered: bool = False
    when: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[Scalar, ...]:
        """The names of its levels, in order."""
        return tuple(level.name for level in self.levels)
