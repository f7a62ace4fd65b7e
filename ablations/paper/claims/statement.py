"""What a claim says, and how a study of its preset is asked about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from ablations.manifest import Scalar

LARGEST = "largest"
SMALLEST = "smallest"
FIRST = "first"
Kind = Literal["level", "difference", "change", "gain"]
"""What is estimated: a mean or a difference in points; of / against - 1 or against / of - 1 in percent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtLeast:
    """Levels from this number on."""

    value: float


Where = Mapping[str, Scalar | tuple[Scalar, ...] | AtLeast]
"""Which arms, by the levels of factors; `largest` and `smallest` stand for such a level of the study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What the estimate must be for the claim to hold: one number, or beyond a bound.

    An interval that includes `about` speaks for the claim only if it excludes `otherwise`, which is what
    there would be to see if the claim were wrong. `above` and `below` are met by a whole interval.
    """

    about: float | None = None
    otherwise: float = 0.0
    above: float | None = None
    below: float | None = None

    @property
    def number(self) -> float:
        """The number claimed."""
        return next(value for value in (self.about, self.above, self.below) if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One way to put a claim to a study.

    `of` and `against` choose arms; arms of one side count alike within a seed. `at` is the end, or the
    first of the steps at which the study reads the metric. With `each`, one row for every combination of
    these factors' levels. `weakest` names a factor at all of whose levels the claim must hold, `strongest`
    one at any of whose levels it may: the row is that of the level that speaks least, or most, for it.
    `contrast` names the contrast of the preset that stands nearest. A claim that names its data `needs`
    them: other data leave it open.
    """

    label: str
    kind: Kind
    metric: str
    of: Where
    against: Where | None = None
    at: Literal["end", "first"] = "end"
    each: tuple[str, ...] = ()
    weakest: str | None = None
    strongest: str | None = None
    contrast: str = ""
    needs: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One sentence of the abstract with its number.

    `reading` says how we understand what the abstract leaves open. The first of `asked` is the headline.
    """

    id: str
    sentence: str
    claimed: str
    target: Target
    preset: str
    reading: str
    asked: tuple[Asked, ...]
