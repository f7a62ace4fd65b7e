"""Grids of coloured cells, drawn onto axes."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FixedLocator, FuncFormatter

from ablations.report.document.numbers import difference, number
from ablations.report.document.plots import Heat, HeatPanel
from ablations.report.drawing.axes import array, plain_axes
from ablations.report.drawing.palette import DIVERGING, SEQUENTIAL, Theme


def heat(ax: Axes, plot: Heat, panel: HeatPanel, theme: Theme) -> None:
    """A grid of coloured cells, with their values where they are few."""
    values = np.array([array([plot.painted(v) for v in row]) for row in panel.values], dtype=float)
    scale, colours = colour_scale(plot)
    if plot.annotate:
        ax.pcolormesh(values, cmap=colours, norm=scale, edgecolors=theme["surface"], linewidth=1)
        ax.set_ylim(len(panel.values), 0)
        offset = 0.5
    else:
        ax.imshow(values, cmap=colours, norm=scale, aspect="auto", interpolation="none")
        offset = 0.0
    plain_axes(ax, theme, grid=None)
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
    write = difference if plot.centre is not None and not plot.factors else number
    for (row, column), value in np.ndenumerate(values):
        if math.isfinite(value):
            red, green, blue, _ = colours(scale(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.55
            ax.text(
                column + 0.5,
                row + 0.5,
                write(plot.written(float(value)), plot.decimals),
                color="#ffffff" if dark else "#1f2328",
                ha="center",
                va="center",
            )


def colour_scale(plot: Heat) -> tuple[Normalize, LinearSegmentedColormap]:
    """One scale for all panels: symmetric about the centre where there is one."""
    low, high = plot.value_range()
    stops = SEQUENTIAL if plot.centre is None else DIVERGING
    colours = LinearSegmentedColormap.from_list("report", list(stops))
    return Normalize(low, high), colours


def colour_bar(canvas: Canvas, panels: Sequence[Axes], plot: Heat) -> None:
    """The colour scale beside the panels."""
    scale, colours = colour_scale(plot)
    bar = canvas.colorbar(ScalarMappable(scale, colours), ax=list(panels), shrink=0.8)
    bar.set_label(plot.value_label)
    if plot.factors:
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda at, _: number(plot.written(at), plot.decimals)))
    bar.outline.set_visible(False)


def _names(axis: Axis, names: Sequence[str], offset: float, *, at_most: int) -> None:
    step = max(1, math.ceil(len(names) / at_most))
    chosen = range(0, len(names), step)
    axis.set_major_locator(FixedLocator([i + offset for i in chosen]))
    axis.set_ticklabels([names[i] for i in chosen])
