"""Figures drawn with matplotlib: one SVG a panel for the page, one file a figure for paper."""

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Literal

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas

from ablations.report.document.plots import Figure, Forest, Lines, Plot
from ablations.report.drawing import forest as forest_axes
from ablations.report.drawing import heat as heat_axes
from ablations.report.drawing import lines as line_axes
from ablations.report.drawing import svg
from ablations.report.drawing.axes import fit
from ablations.report.drawing.palette import PAGE, PAPER, Theme, use_variables

PaperFormat = Literal["pdf", "svg"]
POINTS = 72.0
PAPER_WIDTH = 6.75  # inches: the text width of the usual two-column styles
PAGE_TYPE, PAPER_TYPE = 10.5, 8.0


def page_panels(figure: Figure) -> list[str]:
    """The figure as inline SVGs, one for each panel, coloured by CSS variables.

    A forest comes twice: for a desk, and narrow for a phone.
    """
    label = escape(figure.caption, quote=True)
    drawn = []
    for index in range(2 if isinstance(figure.plot, Forest) else len(figure.plot.panels)):
        prefix = f"{figure.name}-{index}"
        with _settings(PAGE_TYPE, prefix):
            width, height = _page_size(figure.plot, index)
            canvas = Canvas(figsize=(width / POINTS, height / POINTS))
            ax = canvas.subplots()
            _draw(ax, figure.plot, index, PAGE)
            fit(canvas, ax, PAGE_TYPE, room=_label_room(figure.plot, index))
            text = _save(canvas, "svg").decode()
        drawn.append(svg.inline(use_variables(text), prefix=prefix, label=label))
    return drawn


def paper(figure: Figure) -> dict[PaperFormat, bytes]:
    """The whole figure, panels and legend, on white, as files ready for a paper."""
    with _settings(PAPER_TYPE, figure.name), _outlines_alone():
        canvas = _paper_canvas(figure.plot)
        pdf = _save(canvas, "pdf")
        canvas.set_layout_engine("none")  # everything has its place by now
        return {"pdf": pdf, "svg": _save(canvas, "svg")}


@contextmanager
def _outlines_alone() -> Iterator[None]:
    """Fonts are embedded without the tables that lay text out: reading those took half of the time."""
    # Here and not above: pages are drawn without it, and it takes a quarter of a second to load.
    from fontTools import subset

    before = subset.Options._drop_tables_default
    subset.Options._drop_tables_default = [*before, "GSUB", "GPOS", "GDEF", "kern"]
    try:
        yield
    finally:
        subset.Options._drop_tables_default = before


@contextmanager
def _settings(size: float, salt: str) -> Iterator[None]:
    """Text as text, names never read as formulas, ids that depend on the figure alone."""
    style = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "pdf.fonttype": 42,
        "text.parse_math": False,
        "font.size": size,
        "axes.titlesize": size,
        "axes.labelsize": size,
        "xtick.labelsize": size - 0.5,
        "ytick.labelsize": size - 0.5,
    }
    with matplotlib.style.context(style), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def _draw(ax: Axes, plot: Plot, index: int, theme: Theme) -> None:
    if isinstance(plot, Forest):
        forest_axes.forest(ax, plot, theme, narrow=index == 1)
    elif isinstance(plot, Lines):
        line_axes.lines(ax, plot, plot.panels[index], theme)
    else:
        heat_axes.heat(ax, plot, plot.panels[index], theme)


def _label_room(plot: Plot, index: int) -> float | None:
    return forest_axes.label_room(plot) if isinstance(plot, Forest) and index == 0 else None


def _page_size(plot: Plot, index: int) -> tuple[float, float]:
    if isinstance(plot, Forest):
        slots = forest_axes.forest_slots(plot)
        return (340, 64 + 34 * slots) if index == 1 else (720, 58 + 27 * slots)
    if isinstance(plot, Lines):
        return (640, 300) if len(plot.panels) == 1 else (328, 226)
    if not plot.annotate:
        return 328, 226
    panel = plot.panels[index]
    return min(640, max(328, 90 + 62 * len(panel.x_names))), 64 + 26 * len(panel.y_names)


def _paper_canvas(plot: Plot) -> Canvas:
    if isinstance(plot, Forest):
        canvas = _canvas(PAPER_WIDTH, 0.7 + 0.22 * forest_axes.forest_slots(plot))
        forest_axes.forest(canvas.subplots(), plot, PAPER)
        return canvas
    num_panels = len(plot.panels)
    wished = plot.columns if isinstance(plot, Lines) else 0
    num_columns = min(num_panels, wished or (3 if num_panels != 4 else 2))
    num_rows = math.ceil(num_panels / num_columns)
    canvas = _canvas(PAPER_WIDTH if num_columns > 1 else PAPER_WIDTH / 2, 2.0 * num_rows + 0.4)
    flat = list(canvas.subplots(num_rows, num_columns, squeeze=False).flat)
    for index, ax in enumerate(flat):
        if index < num_panels:
            _draw(ax, plot, index, PAPER)
        else:
            ax.set_visible(False)
    if isinstance(plot, Lines):
        line_axes.legend(canvas, plot, PAPER)
    else:
        heat_axes.colour_bar(canvas, flat[:num_panels], plot)
    return canvas


def _canvas(width: float, height: float) -> Canvas:
    return Canvas(figsize=(width, height), layout="constrained")


def _save(canvas: Canvas, file_format: str) -> bytes:
    target = io.BytesIO()
    nothing = {"Creator": None, "Producer": None, "CreationDate": None}
    if file_format == "svg":
        nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    canvas.savefig(target, format=file_format, transparent=file_format == "svg", metadata=nothing)
    return target.getvalue()
