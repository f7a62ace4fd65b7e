"""Margins: differences too small to matter, as a study writes them and as they are computed with."""

import math
import re

from ablations.design.reading import Reading
from ablations.errors import Json

FORMS: dict[str, list[Json]] = {
    "linear": ["0.01: a difference in the metric's own unit, for a rate between 0 and 1"],
    "log": ["5 %: factors from 1/1.05 to 1.05", "factor 1.05: the same"],
}
_PERCENT = re.compile(r"^\s*([0-9.]+(?:e-?[0-9]+)?)\s*%\s*$")
_FACTOR = re.compile(r"^\s*factor\s+([0-9.]+(?:e-?[0-9]+)?)\s*$")


def read_margin(written: float | str, reading: Reading) -> float:
    """The margin as a number: a difference on a linear scale, on a log scale a share, 0.05 for factor 1.05.

    Raises: ValueError where the form does not fit the scale, which each has its own.
    """
    share = _share(written)
    if reading.scale == "linear":
        if isinstance(written, str) or not written > 0:
            raise ValueError(f"{written} is no margin of {reading.name}, whose scale is linear")
        return float(written)
    if share is None or not 0 < share < math.inf:
        raise ValueError(
            f"{written} is no margin of {reading.name}, which is compared by factors (log scale)"
        )
    return share


def margin_text(margin: float, *, log: bool, rate: bool = False, unit: str = "") -> str:
    """A margin in words: a factor, points of a rate, or a difference in its unit.

    >>> margin_text(0.01, log=False), margin_text(0.05, log=True), margin_text(0.1, log=False, rate=True)
    ('0.01', 'factor 1.05', '10 points')
    """
    if log:
        return f"factor {1 + margin:.6g}"
    return f"{100 * margin:.6g} points" if rate else f"{margin:.6g} {unit}".rstrip()


def _share(written: float | str) -> float | None:
    """How far a factor lies above 1; None where no factor is written."""
    if not isinstance(written, str):
        return None
    try:
        if found := _PERCENT.match(written):
            return float(found[1]) / 100
        if found := _FACTOR.match(written):
            return float(found[1]) - 1
    except ValueError:  # 1.2.3
        return None
    return None
