"""Mean curves of a study's arms as a small picture in a page: line and band of one standard deviation."""

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 260, 58, 28, 10
MAX_ARMS = 8
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#777777", "#bb7711")
"""Told apart by people who see colours otherwise (Paul Tol's bright scheme, and one more)."""
Points = Sequence[tuple[float, float | None]]


@dataclass(frozen=True, slots=True)
class MeanCurve:
    """An arm's curve: at each step the mean over its seeds, the spread (nan for one seed), and how many."""

    label: str
    points: tuple[tuple[float, float, float, int], ...]


def mean_curve(label: str, curves: Sequence[Points]) -> MeanCurve:
    """Over curves of one metric; steps that a seed has no finite value at count without it."""
    at: dict[float, list[float]] = defaultdict(list)
    for points in curves:
        for step, value in points:
            if value is not None and math.isfinite(value):
                at[step].append(value)
    return MeanCurve(
        label,
        tuple(
            (step, statistics.fmean(some), statistics.stdev(some) if len(some) > 1 else math.nan, len(some))
            for step, some in sorted(at.items())
        ),
    )


def draw(metric: str, curves: Mapping[str, Sequence[Points]]) -> Markup:
    """An SVG of the first arms' mean curves; nothing where no arm has two points."""
    means = [mean_curve(label, some) for label, some in list(curves.items())[:MAX_ARMS]]
    means = [curve for curve in means if len(curve.points) > 1]
    if not means:
        return Markup("")
    steps = [step for curve in means for step, *_ in curve.points]
    values = [value for curve in means for _, value, _, _ in curve.points]
    across = _Scale(min(steps), max(steps), LEFT, WIDTH - 8)
    up = _Scale(min(values), max(values), HEIGHT - BOTTOM, TOP)
    parts = [_axes(across, up)]
    for curve, colour in zip(means, COLOURS, strict=False):
        parts += [_band(curve, across, up, colour), _line(curve, across, up, colour)]
    keys = Markup("").join(
        Markup('<span class="key"><i style="background:{}"></i>{}</span> ').format(colour, curve.label)
        for curve, colour in zip(means, COLOURS, strict=False)
    )
    more = len(curves) - MAX_ARMS
    rest = f" The first {MAX_ARMS} of {len(curves)} arms." if more > 0 else ""
    caption = f"{metric} by step: mean over seeds, band of one standard deviation.{rest}"
    return Markup(
        '<figure><svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
        "<figcaption>{} <span>{}</span></figcaption></figure>"
    ).format(WIDTH, HEIGHT, caption, Markup("").join(parts), keys, caption)


@dataclass(frozen=True, slots=True)
class _Scale:
    """From values to pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return round(self.start + min(max(share, 0.0), 1.0) * (self.end - self.start), 1)

    def ticks(self) -> list[float]:
        """Four or so round values."""
        if self.high <= self.low:
            return [self.low]
        rough = (self.high - self.low) / 4
        size = 10 ** math.floor(math.log10(rough))
        step = next(size * times for times in (1, 2, 5, 10) if size * times >= rough)
        first = math.ceil(self.low / step)
        return [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _axes(across: _Scale, up: _Scale) -> Markup:
    lines = [
        Markup('<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" class="left">{}</text>').format(
            LEFT, up(value), WIDTH - 8, LEFT - 6, up(value) + 4, f"{value:.4g}"
        )
        for value in up.ticks()
    ]
    lines += [
        Markup('<text x="{}" y="{}" class="below">{}</text>').format(
            across(value), HEIGHT - 8, f"{value:.4g}"
        )
        for value in across.ticks()
    ]
    return Markup("").join(lines)


def _line(curve: MeanCurve, across: _Scale, up: _Scale, colour: str) -> Markup:
    points = " ".join(f"{across(step)},{up(value)}" for step, value, _, _ in curve.points)
    return Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2"/>').format(points, colour)


def _band(curve: MeanCurve, across: _Scale, up: _Scale, colour: str) -> Markup:
    wide = [(step, value, spread) for step, value, spread, num in curve.points if num > 1]
    if len(wide) < 2:
        return Markup("")
    above = [f"{across(step)},{up(value + spread)}" for step, value, spread in wide]
    below = [f"{across(step)},{up(value - spread)}" for step, value, spread in reversed(wide)]
    return Markup('<polygon points="{}" fill="{}" opacity=".15"/>').format(" ".join(above + below), colour)
