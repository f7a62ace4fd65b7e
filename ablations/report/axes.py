"""Plots drawn onto matplotlib axes: effects, lines with bands, grids of values."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator
from matplotlib.transforms import ScaledTranslation

from ablations.report.numbers import MINUS, compact, difference, number
from ablations.report.palette import DASHES, DIVERGING, SEQUENTIAL, VERDICT_COLOUR, Dash, Theme
from ablations.report.plots import Forest, Heat, HeatPanel, LinePanel, Lines, Series

MARKERS = {"better": "^", "worse": "v", "equivalent": "s", "inconclusive": "o"}
MAX_VECTOR_CELLS = 600
FEW = 12  # values of x that are marked one by one
LETTER = 5.9  # points a letter takes at the size of labels, on average
INDENT = 2 * "\N{NO-BREAK SPACE}"
DODGE = 2.6  # points between the seeds of neighbouring lines


def forest_slots(plot: Forest) -> int:
    """Lines of text a forest needs: its rows and one for every heading."""
    return len(plot.rows) + len({row.heading for row in plot.rows if row.heading})


def forest(ax: Axes, plot: Forest, theme: Theme) -> None:
    """Effects as points with intervals under their headings, the best read along one zero line."""
    slot, labels, headings = 0, [], []
    heading = ""
    for row in plot.rows:
        if row.heading != heading:
            heading = row.heading
            headings.append((slot, heading))
            slot += 1
        labels.append((slot, f"{INDENT}{row.label}" if row.heading else row.label))
        _whisker(ax, slot, row.estimate, row.low, row.high, row.verdict, theme)
        slot += 1
    _plain_axes(ax, theme, grid="x")
    ax.axvline(0, color=theme["muted"], linewidth=1, zorder=1)
    ax.set_ylim(slot - 0.4, -0.6)
    ticks = sorted([*labels, *headings])
    ax.yaxis.set_major_locator(FixedLocator([position for position, _ in ticks]))
    ax.set_yticklabels([text for _, text in ticks])
    heading_slots = {at for at, _ in headings}
    for (position, _), label in zip(ticks, ax.get_yticklabels(), strict=True):
        label.set(ha="left", color=theme["ink"], fontweight="bold" if position in heading_slots else "normal")
    ax.tick_params(axis="y", pad=max(len(text) for _, text in ticks) * LETTER + 14)
    ax.xaxis.set_major_locator(MaxNLocator(7))
    _even_ticks(ax.xaxis, signed=True)
    ax.set_xlabel(plot.x_label, color=theme["muted"], labelpad=6)
    if plot.better is not None:
        left, right = ("worse", "better") if plot.better == "right" else ("better", "worse")
        _corner(ax, 0.0, f"\N{LEFTWARDS ARROW} {left}", theme)
        _corner(ax, 1.0, f"{right} \N{RIGHTWARDS ARROW}", theme)


def _corner(ax: Axes, at: float, text: str, theme: Theme) -> None:
    """A word at one end of the axis, on the line of its label."""
    ax.annotate(
        text,
        (at, 0),
        (0, -22),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="left" if at == 0.0 else "right",
        va="top",
        color=theme["muted"],
    )


def _whisker(
    ax: Axes,
    slot: float,
    estimate: float | None,
    low: float | None,
    high: float | None,
    verdict: str | None,
    theme: Theme,
) -> None:
    colour = theme[VERDICT_COLOUR.get(verdict or "", "muted")]
    if low is not None and high is not None:
        ax.plot([low, high], [slot, slot], color=colour, linewidth=2, solid_capstyle="round", zorder=3)
    if estimate is not None:
        marker = MARKERS.get(verdict or "", "o")
        fill = theme["surface"] if verdict in (None, "inconclusive") else colour
        ax.plot(
            [estimate], [slot], marker=marker, markersize=7.5, color=colour, markerfacecolor=fill, zorder=4
        )


def lines(ax: Axes, plot: Lines, panel: LinePanel, theme: Theme) -> None:
    """Lines with bands and the seeds behind them; all panels of a plot share their limits."""
    for index, series in enumerate(panel.series):
        _series(ax, series, theme, dodge=(index - (len(panel.series) - 1) / 2) * DODGE)
    _plain_axes(ax, theme, grid="y")
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
    if plot.percent:
        ax.yaxis.set_major_locator(FixedLocator([0, 0.25, 0.5, 0.75, 1]))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value * 100:.0f} %"))
    elif not plot.y_log:
        ax.yaxis.set_major_locator(MaxNLocator(5))
        _even_ticks(ax.yaxis)


def _series(ax: Axes, series: Series, theme: Theme, *, dodge: float) -> None:
    """One line; where x takes few values, neighbours step aside so that equal values stay visible."""
    colour = theme.hue(series.hue)
    few = len(series.x) <= FEW
    aside = ax.transData + ScaledTranslation(dodge / 72 if few else 0, 0, ax.figure.dpi_scale_trans)
    x, centre = np.array(series.x, dtype=float), _array(series.centre)
    if series.low and series.high:
        low, high = _array(series.low), _array(series.high)
        ax.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0, zorder=2)
    if series.points:
        px, py = zip(*series.points, strict=True)
        ax.scatter(px, py, s=8, color=colour, alpha=0.4, linewidths=0, zorder=3, transform=aside)
    dash = _dash(series)
    marker = "o" if few else None
    ax.plot(x, centre, color=colour, lw=1.9, ls=dash, marker=marker, markersize=4, zorder=4, transform=aside)


def _dash(series: Series) -> Dash | Literal["solid"]:
    dash = DASHES[series.dash % len(DASHES)]
    return dash if dash[1] else "solid"


def _x_axis(ax: Axes, plot: Lines) -> None:
    if plot.x_log:
        ax.set_xscale("log")
    if plot.x_ticks:
        ticks = _thinned(plot.x_ticks, log=plot.x_log)
        ax.xaxis.set_major_locator(FixedLocator(list(ticks)))
        ax.xaxis.set_minor_locator(NullLocator())
        names = dict(zip(plot.x_ticks, plot.x_names, strict=False))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: names.get(value, compact(float(value)))))
    elif not plot.x_log:
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        ax.xaxis.set_major_formatter(FuncFormatter(_tick))
    else:
        ax.xaxis.set_minor_formatter(NullFormatter())


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


def heat(ax: Axes, plot: Heat, panel: HeatPanel, theme: Theme) -> None:
    """A grid of coloured cells, with their values where they are few."""
    values = np.array([_array(row) for row in panel.values], dtype=float)
    scale, colours = colour_scale(plot)
    if values.size <= MAX_VECTOR_CELLS:
        ax.pcolormesh(values, cmap=colours, norm=scale, edgecolors=theme["surface"], linewidth=1)
        ax.set_ylim(len(panel.values), 0)
        offset = 0.5
    else:
        ax.imshow(values, cmap=colours, norm=scale, aspect="auto", interpolation="none")
        offset = 0.0
    _plain_axes(ax, theme, grid=None)
    _names(ax.xaxis, panel.x_names, offset, at_most=12)
    _names(ax.yaxis, panel.y_names, offset, at_most=12)
    if plot.annotate:
        _annotate(ax, plot, values, scale, colours)
    if panel.title:
        ax.set_title(panel.title, loc="left", color=theme["ink"], fontweight="bold")
    ax.set_xlabel(plot.x_label, color=theme["muted"])
    ax.set_ylabel(plot.y_label, color=theme["muted"])
    for spine in ax.spines.values():
        spine.set_visible(False)


def _annotate(
    ax: Axes, plot: Heat, values: np.ndarray, scale: Normalize, colours: LinearSegmentedColormap
) -> None:
    write = difference if plot.centre is not None else number
    for (row, column), value in np.ndenumerate(values):
        if math.isfinite(value):
            red, green, blue, _ = colours(scale(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
            ax.text(
                column + 0.5,
                row + 0.5,
                write(float(value), plot.decimals),
                color="#ffffff" if dark else "#1f2328",
                ha="center",
                va="center",
            )


def colour_scale(plot: Heat) -> tuple[Normalize, LinearSegmentedColormap]:
    """One scale for all panels: symmetric about the centre where there is one."""
    low, high = value_range(plot)
    stops = SEQUENTIAL if plot.centre is None else DIVERGING
    colours = LinearSegmentedColormap.from_list("report", list(stops))
    colours.set_bad((0, 0, 0, 0))
    return Normalize(low, high), colours


def value_range(plot: Heat) -> tuple[float, float]:
    """The ends of the colour scale."""
    every = [v for p in plot.panels for row in p.values for v in row if v is not None and math.isfinite(v)]
    low, high = (min(every), max(every)) if every else (0.0, 1.0)
    if plot.centre is not None:
        reach = max(abs(low - plot.centre), abs(high - plot.centre)) or 1.0
        return plot.centre - reach, plot.centre + reach
    return (low, high) if high > low else (low, low + 1.0)


def colour_bar(canvas: Canvas, panels: Sequence[Axes], plot: Heat) -> None:
    """The colour scale beside the panels."""
    scale, colours = colour_scale(plot)
    bar = canvas.colorbar(ScalarMappable(scale, colours), ax=list(panels), shrink=0.8)
    bar.set_label(plot.value_label)
    bar.outline.set_visible(False)


def _names(axis: Axis, names: Sequence[str], offset: float, *, at_most: int) -> None:
    step = max(1, math.ceil(len(names) / at_most))
    chosen = range(0, len(names), step)
    axis.set_major_locator(FixedLocator([i + offset for i in chosen]))
    axis.set_ticklabels([names[i] for i in chosen])


def _plain_axes(ax: Axes, theme: Theme, *, grid: str | None) -> None:
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(theme["grid"])
    ax.tick_params(colors=theme["muted"], length=0)
    ax.set_axisbelow(True)
    ax.patch.set_visible(False)
    if grid is not None:
        ax.grid(axis="x" if grid == "x" else "y", color=theme["grid"], linewidth=0.8)


def _array(values: Sequence[float | None]) -> np.ndarray:
    return np.array([math.nan if v is None else v for v in values], dtype=float)


def _tick(value: float, _: object = None) -> str:
    return f"{value:.6g}".replace("-", MINUS)


def _even_ticks(axis: Axis, *, signed: bool = False) -> None:
    """All ticks of an axis with as many decimals as its step needs."""

    def text(value: float, _: object = None) -> str:
        ticks = axis.get_majorticklocs()
        step = float(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
        decimals = max(0, -math.floor(math.log10(step) + 1e-9))
        if round(step, decimals) != round(step, 12):
            decimals += 1
        value = 0.0 if abs(value) < step / 1000 else value
        return difference(value, decimals) if signed else number(value, decimals)

    axis.set_major_formatter(FuncFormatter(text))
