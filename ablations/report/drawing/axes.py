"""What all plots share: quiet axes, even ticks, arrays with holes."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import FuncFormatter

from ablations.report.document.numbers import MINUS, difference, number
from ablations.report.drawing.palette import Theme

LETTER = 0.57  # widths of a letter, as a share of the size of type


def plain_axes(ax: Axes, theme: Theme, *, grid: str | None) -> None:
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(theme["grid"])
    ax.tick_params(colors=theme["muted"], length=0)
    ax.set_axisbelow(True)
    ax.patch.set_visible(False)
    if grid is not None:
        ax.grid(axis="x" if grid == "x" else "y", color=theme["grid"], linewidth=0.8)


def fit(canvas: Canvas, ax: Axes, size: float, *, room: float | None = None) -> None:
    """Margins for the text that stands there, in one reckoning; `room` is that of the labels of rows.

    matplotlib's own layouts draw everything twice, which is most of the time a page takes.
    """
    width, height = (float(inches) * 72 for inches in canvas.get_size_inches())
    if room is None:
        ticks = ax.yaxis.get_major_formatter().format_ticks(list(ax.yaxis.get_majorticklocs()))
        room = 4 + LETTER * size * max((len(tick.strip()) for tick in ticks), default=0)
    left = room + (1.7 if ax.get_ylabel() else 0.3) * size
    bottom = (3.3 if ax.get_xlabel() else 1.8) * size
    top = (1.9 if ax.get_title(loc="left") else 0.8) * size
    canvas.subplots_adjust(left / width, bottom / height, 1 - 1.2 * size / width, 1 - top / height)


def array(values: Sequence[float | None]) -> np.ndarray:
    return np.array([math.nan if v is None else v for v in values], dtype=float)


def tick(value: float, _: object = None) -> str:
    return f"{value:.6g}".replace("-", MINUS)


def even_ticks(axis: Axis, *, signed: bool = False) -> None:
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
