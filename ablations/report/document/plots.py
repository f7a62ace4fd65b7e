"""Figures as data: what is drawn, in the units of the metric, without a drawing library."""

import math
import re
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from ablations.errors import Json

Numbers = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """One effect with its interval; `heading` groups rows that stand together.

    `second` is another estimate of the same effect with its ends. A `prediction` is an interval without a
    mark, where an effect not seen yet would lie; a `mean` sums up the rows above it.
    """

    label: str
    heading: str
    estimate: float | None
    low: float | None
    high: float | None
    verdict: str | None
    second: tuple[float | None, float | None, float | None] | None = None
    role: Literal["effect", "mean", "prediction"] = "effect"

    def to_json(self) -> dict[str, Json]:
        return {
            "label": self.label,
            "heading": self.heading,
            "estimate": finite(self.estimate),
            "low": finite(self.low),
            "high": finite(self.high),
            "verdict": self.verdict,
            **({} if self.role == "effect" else {"role": self.role}),
            **({} if self.second is None else {"second": [finite(end) for end in self.second]}),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Forest:
    """Effects side by side on one axis, no difference marked: 0, or 1 where they are `factors`."""

    rows: tuple[ForestRow, ...]
    x_label: str
    better: Literal["right", "left"] | None
    margin: float | None = None
    factors: bool = False

    def to_json(self) -> dict[str, Json]:
        return {"plot": "forest", "x_label": self.x_label, "rows": [row.to_json() for row in self.rows]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One line: centre, band and the single seeds behind it; `hue` and `dash` index the palette.

    `bold` points are what the figure is about.
    """

    label: str
    hue: int
    dash: int
    x: tuple[float, ...]
    centre: Numbers
    low: Numbers = ()
    high: Numbers = ()
    points: tuple[tuple[float, float], ...] = ()
    bold: bool = False

    def to_json(self) -> dict[str, Json]:
        return {
            "label": self.label,
            "x": list(self.x),
            "centre": [finite(v) for v in self.centre],
            "low": [finite(v) for v in self.low],
            "high": [finite(v) for v in self.high],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class LinePanel:
    """Lines that share axes."""

    title: str
    series: tuple[Series, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Panels of lines over one pair of axes.

    `x_ticks` are the values of x where there are few; `columns` is the number of panels in a row where
    the rows mean something; `zero` draws the line of no difference: 0, or 1 on a log scale.
    """

    panels: tuple[LinePanel, ...]
    x_label: str
    y_label: str
    x_log: bool = False
    y_log: bool = False
    percent: bool = False
    x_ticks: tuple[float, ...] = ()
    x_names: tuple[str, ...] = ()
    columns: int = 0
    zero: bool = False

    def to_json(self) -> dict[str, Json]:
        panels: list[Json] = [
            {"title": panel.title, "series": [line.to_json() for line in panel.series]}
            for panel in self.panels
        ]
        return {"plot": "lines", "x_label": self.x_label, "y_label": self.y_label, "panels": panels}


@dataclass(frozen=True, slots=True, kw_only=True)
class HeatPanel:
    """A grid of values: rows from top to bottom, `None` where there is none."""

    title: str
    values: tuple[Numbers, ...]
    x_names: tuple[str, ...]
    y_names: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """Panels of grids on one colour scale; `centre` is the value painted neutral, None = low to high.

    Where values are `factors` their logarithms are painted, and 1 is neutral.
    """

    panels: tuple[HeatPanel, ...]
    x_label: str
    y_label: str
    value_label: str
    centre: float | None
    annotate: bool
    decimals: int = 3
    factors: bool = False

    def painted(self, value: float | None) -> float | None:
        """A value on the scale of colours."""
        if self.factors and value is not None:
            return math.log(value) if value > 0 else None
        return finite(value)

    def written(self, place: float) -> float:
        """The value at a place on the scale of colours."""
        return math.exp(place) if self.factors else place

    def value_range(self) -> tuple[float, float]:
        """The ends of the scale of colours: as far below the centre as above it, where there is a centre."""
        every = (self.painted(v) for panel in self.panels for row in panel.values for v in row)
        known = [v for v in every if v is not None]
        low, high = (min(known), max(known)) if known else (0.0, 1.0)
        if self.centre is not None:
            reach = max(abs(low - self.centre), abs(high - self.centre)) or 1.0
            return self.centre - reach, self.centre + reach
        return (low, high) if high > low else (low, low + 1.0)

    def to_json(self) -> dict[str, Json]:
        panels: list[Json] = [
            {
                "title": panel.title,
                "x": list(panel.x_names),
                "y": list(panel.y_names),
                "values": [[finite(v) for v in row] for row in panel.values],
            }
            for panel in self.panels
        ]
        return {
            "plot": "heat",
            "x_label": self.x_label,
            "y_label": self.y_label,
            "value": self.value_label,
            "panels": panels,
        }


Plot = Forest | Lines | Heat


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A plot with its caption; `name` is unique in the report and names its files."""

    name: str
    caption: str
    plot: Plot

    def to_json(self) -> dict[str, Json]:
        return {"kind": "figure", "name": self.name, "caption": self.caption, **self.plot.to_json()}


def finite(value: float | None) -> float | None:
    """The value, or None where JSON has no word for it."""
    return value if value is not None and isfinite(value) else None


def slug(text: str) -> str:
    """Text as a name for figures and files.

    >>> slug("test_accuracy/5 against <b>")
    'test_accuracy-5-against-b'
    """
    return re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-")
