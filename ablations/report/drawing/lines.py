"""Lines with bands and seeds, drawn onto axes."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from ablations.report.document.numbers import compact
from ablations.report.document.plots import LinePanel, Lines, Series
from ablations.report.drawing.axes import array, even_ticks, plain_axes, tick
from ablations.report.drawing.palette import DASHES, Dash, Theme

FEW = 12  # values of x that are marked one by one
DODGE = 2.6  # points between the seeds of neighbouring lines


def lines(ax: Axes, plot: Lines, panel: LinePanel, theme: Theme) -> None:
    """Lines with bands and the seeds behind them; all panels of a plot share their limits."""
    for index, series in enumerate(panel.series):
        _series(ax, series, theme, dodge=(index - (len(panel.series) - 1) / 2) * DODGE)
    plain_axes(ax, theme, grid="y")
    if plot.zero:
        ax.axhline(1 if plot.y_log else 0, color=theme["muted"], linewidth=1, zorder=1)
    if panel.title:
        ax.set_title(panel.title, loc="left", color=theme["ink"], fontweight="bold")
    ax.set_xlabel(plot.x_label, color=theme["muted"])
    ax.set_ylabel(plot.y_label, color=theme["muted"])
    _x_axis(ax, plot)
    if plot.y_log:
        ax.set_yscale("log")
    limits = y_limits(plot)
    if limits is not None:
        ax.set_ylim(*limits)
    if plot.y_log:
        _log_ticks(ax.yaxis)
    if plot.percent:
        ax.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.0f} %"))
    elif not plot.y_log:
        ax.yaxis.set_major_locator(MaxNLocator(5))
        even_ticks(ax.yaxis)


def _series(ax: Axes, series: Series, theme: Theme, *, dodge: float) -> None:
    """One line; where x takes few values, neighbours step aside so that equal values stay visible."""
    colour = theme.hue(series.hue)
    few = len(series.x) <= FEW
    aside = ax.transData + ScaledTranslation(dodge / 72 if few else 0, 0, ax.figure.dpi_scale_trans)
    x, centre = np.array(series.x, dtype=float), array(series.centre)
    if series.low and series.high:
        low, high = array(series.low), array(series.high)
        ax.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0, zorder=2)
    if series.points:
        px, py = zip(*series.points, strict=True)
        size, alpha = (20, 0.65) if series.bold else (8, 0.4)
        ax.scatter(px, py, s=size, color=colour, alpha=alpha, linewidths=0, zorder=3, transform=aside)
    dash = _dash(series)
    marker = "o" if few else None
    ax.plot(x, centre, color=colour, lw=1.9, ls=dash, marker=marker, markersize=4, zorder=4, transform=aside)


def _dash(series: Series) -> Dash | Literal["solid"]:
    dash = DASHES[series.dash % len(DASHES)]
    return dash if dash[1] else "solid"


def _x_axis(ax: Axes, plot: Lines) -> None:
    if plot.x_log:
        ax.set_xscale("log")
    if limits := x_limits(plot):
        ax.set_xlim(*limits)
    if plot.x_ticks:
        ticks = _thinned(plot.x_ticks, log=plot.x_log)
        ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
        ax.xaxis.set_minor_locator(NullLocator())
        names = dict(zip(plot.x_ticks, plot.x_names, strict=False))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: names.get(value, compact(float(value)))))
    elif not plot.x_log:
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.xaxis.set_major_formatter(FuncFormatter(tick))
    else:
        _log_ticks(ax.xaxis)


def _log_ticks(axis: Axis) -> None:
    """Powers of ten as plain numbers; of a short range also two and five times each."""
    low, high = sorted(axis.get_view_interval())
    axis.set_major_locator(LogLocator(subs=(1.0,) if high / low >= 30 else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: compact(float(value))))
    axis.set_minor_formatter(NullFormatter())


def _thinned(ticks: Sequence[float], *, log: bool) -> list[float]:
    """The ticks that have room for their text, first and last always among them."""
    place = [math.log(t) if log else t for t in ticks]
    span = (place[-1] - place[0]) or 1.0
    kept = [0]
    for i in range(1, len(ticks)):
        if (place[i] - place[kept[-1]]) / span >= 0.08:
            kept.append(i)
    if kept[-1] != len(ticks) - 1:
        kept[-1 if len(kept) > 1 else 0] = len(ticks) - 1
    return [ticks[i] for i in kept]


def x_limits(plot: Lines) -> tuple[float, float] | None:
    """Limits that hold every line of every panel, with a little air."""
    every = [x for p in plot.panels for s in p.series for x in (*s.x, *(at for at, _ in s.points))]
    if not every:
        return None
    low, high = min(every), max(every)
    if plot.x_log:
        air = (high / low) ** 0.05 if high > low else 1.5
        return low / air, high * air
    air = 0.05 * (high - low) or 1.0
    return low - air, high + air


def y_limits(plot: Lines) -> tuple[float, float] | None:
    """Limits that hold every band, centre and seed of every panel, with a little air."""
    if plot.percent:
        return -0.04, 1.04
    every = [
        value
        for panel in plot.panels
        for s in panel.series
        for value in (*s.centre, *s.low, *s.high, *(y for _, y in s.points))
        if value is not None and math.isfinite(value) and (value > 0 or not plot.y_log)
    ]
    if not every:
        return None
    low, high = min(every), max(every)
    if plot.zero:
        none = 1.0 if plot.y_log else 0.0
        low, high = min(low, none), max(high, none)
    if plot.y_log:
        return low / 1.15, high * 1.15
    air = 0.05 * (high - low) or abs(high) * 0.05 or 1.0
    return low - air, high + air


def legend(canvas: Canvas, plot: Lines, theme: Theme) -> None:
    """One legend for all panels, under them."""
    known: dict[str, Series] = {}
    for panel in plot.panels:
        for series in panel.series:
            known.setdefault(series.label, series)
    handles = [
        Line2D([], [], color=theme.hue(s.hue), linestyle=_dash(s), marker="o", markersize=3)
        for s in known.values()
    ]
    canvas.legend(
        handles, list(known), loc="outside lower center", ncols=min(4, len(known)), frameon=False, fontsize=8
    )
