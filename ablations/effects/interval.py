"""An estimate and its interval."""

import math
from dataclasses import dataclass

from ablations.errors import Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A number and how far it may be off."""

    estimate: float | None
    low: float | None
    high: float | None

    def exponential(self) -> "Interval":
        """Of a difference of logarithms: the factor."""
        ends = (self.estimate, self.low, self.high)
        estimate, low, high = (None if end is None else math.exp(end) for end in ends)
        return Interval(estimate=estimate, low=low, high=high)

    def hundredfold(self) -> "Interval":
        """Of a difference of rates: in points."""
        ends = (self.estimate, self.low, self.high)
        estimate, low, high = (None if end is None else 100 * end for end in ends)
        return Interval(estimate=estimate, low=low, high=high)

    def to_json(self) -> dict[str, Json]:
        """The interval as clients read it."""
        return {"estimate": self.estimate, "low": self.low, "high": self.high}
