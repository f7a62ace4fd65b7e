"""Effects with intervals, drawn onto axes."""

import math
from collections.abc import Sequence
from dataclasses import replace

from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullLocator

from ablations.report.document.plots import Forest, ForestRow
from ablations.report.drawing.axes import even_ticks, plain_axes
from ablations.report.drawing.palette import VERDICT_COLOUR, Theme

Label = tuple[float, str, bool]  # slot, text, whether it is a heading
MARKERS = {"better": "^", "worse": "v", "equivalent": "s", "not worse": "D", "inconclusive": "o"}
LETTER = 5.9  # points a letter takes at the size of labels, on average
BESIDE = 0.26  # of a slot, below a row
INDENT = 2 * "\N{NO-BREAK SPACE}"


def forest_slots(plot: Forest) -> int:
    """Lines of text a forest needs: its rows and one for every heading."""
    return len(plot.rows) + len({row.heading for row in plot.rows if row.heading})


def label_room(plot: Forest) -> float:
    """Points that labels beside their rows take."""
    longest = max(
        (max(len(row.label) + 2 * bool(row.heading), len(row.heading)) for row in plot.rows), default=0
    )
    return longest * LETTER + 14


def forest(ax: Axes, plot: Forest, theme: Theme, *, narrow: bool = False) -> None:
    """Effects as points with intervals, grouped under headings, read along one zero line.

    `narrow` sets the labels above their intervals instead of beside them.
    """
    slot, labels, heading = 0, [], ""
    for row in plot.rows:
        if row.heading != heading:
            heading = row.heading
            labels.append((slot, heading, True))
            slot += 1
        labels.append((slot, f"{INDENT}{row.label}" if row.heading and not narrow else row.label, False))
        _whisker(ax, slot, _placed(row) if plot.factors else row, theme)
        slot += 1
    plain_axes(ax, theme, grid="x")
    if plot.margin is not None:
        reach = math.log1p(plot.margin) if plot.factors else plot.margin
        ax.axvspan(-reach, reach, color=theme["blue"], alpha=0.1, linewidth=0, zorder=0)
    ax.axvline(0, color=theme["muted"], linewidth=1, zorder=1)
    ax.set_ylim(slot - 0.4, -0.6)
    if narrow:
        _labels_above(ax, labels, theme)
    else:
        _labels_beside(ax, plot, labels, theme)
    num_ticks = 4 if narrow else 7
    if plot.factors:
        _factor_ticks(ax, num_ticks)
    else:
        ax.xaxis.set_major_locator(MaxNLocator(num_ticks))
        even_ticks(ax.xaxis, signed=True)
    ax.set_xlabel(plot.x_label, color=theme["muted"], labelpad=6)
    if plot.better is not None:
        left, right = ("worse", "better") if plot.better == "right" else ("better", "worse")
        _corner(ax, 0.0, f"\N{LEFTWARDS ARROW} {left}", theme)
        _corner(ax, 1.0, f"{right} \N{RIGHTWARDS ARROW}", theme)


def _placed(row: ForestRow) -> ForestRow:
    """A factor where it stands on the axis: as far from 1 as its inverse on the other side."""
    second = None
    if row.second is not None:
        second = (_log(row.second[0]), _log(row.second[1]), _log(row.second[2]))
    return replace(row, estimate=_log(row.estimate), low=_log(row.low), high=_log(row.high), second=second)


def _log(factor: float | None) -> float | None:
    return math.log(factor) if factor is not None and 0 < factor < math.inf else None


def _factor_ticks(ax: Axes, num_ticks: int) -> None:
    """Round factors along the axis, 1 among them."""
    low, high = (math.exp(end) for end in ax.get_xlim())
    if high > low * 20:  # more than an order of magnitude: powers of ten, or of a hundred and so on
        step = max(1, math.ceil(math.log10(high / low) / num_ticks))
        ticks = [10.0**k for k in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)][::step]
    else:
        ticks = [float(tick) for tick in MaxNLocator(num_ticks).tick_values(low, high)]
    shown = [tick for tick in ticks if low <= tick <= high]
    ax.xaxis.set_major_locator(FixedLocator([math.log(tick) for tick in shown]))
    ax.xaxis.set_major_formatter(FixedFormatter([f"{tick:.6g}" for tick in shown]))


def _labels_beside(ax: Axes, plot: Forest, labels: Sequence[Label], theme: Theme) -> None:
    ax.yaxis.set_major_locator(FixedLocator([slot for slot, _, _ in labels]))
    ax.set_yticklabels([text for _, text, _ in labels])
    for (_, _, is_heading), tick in zip(labels, ax.get_yticklabels(), strict=True):
        tick.set(ha="left", color=theme["ink"], fontweight="bold" if is_heading else "normal")
    ax.tick_params(axis="y", pad=label_room(plot))


def _labels_above(ax: Axes, labels: Sequence[Label], theme: Theme) -> None:
    ax.yaxis.set_major_locator(NullLocator())
    for slot, text, is_heading in labels:
        ax.text(
            0,
            slot if is_heading else slot - 0.42,
            text,
            transform=ax.get_yaxis_transform(),
            color=theme["ink"],
            fontweight="bold" if is_heading else "normal",
            va="center",
            bbox={"facecolor": theme["surface"], "edgecolor": "none", "pad": 1},
        )


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


def _whisker(ax: Axes, slot: float, row: ForestRow, theme: Theme) -> None:
    colour = theme[VERDICT_COLOUR.get(row.verdict or "", "muted")]
    if row.second is not None:
        _second(ax, slot + BESIDE, *row.second, theme)
    if row.role == "prediction" and row.low is not None and row.high is not None:
        ax.plot([row.low, row.high], [slot, slot], color=colour, lw=1.6, ls=(0, (4, 2)), marker="|", ms=9)
        return
    if row.low is not None and row.high is not None:
        width = 3.2 if row.role == "mean" else 2
        ax.plot([row.low, row.high], [slot, slot], color=colour, lw=width, solid_capstyle="round", zorder=3)
    if row.estimate is not None:
        marker = MARKERS.get(row.verdict or "", "D" if row.role == "mean" else "o")
        fill = theme["surface"] if row.verdict in (None, "inconclusive") else colour
        ax.plot([row.estimate], [slot], marker=marker, ms=7.5, color=colour, mfc=fill, zorder=4)


def _second(
    ax: Axes, slot: float, estimate: float | None, low: float | None, high: float | None, theme: Theme
) -> None:
    """Another estimate of the same effect, thinner and below it."""
    if low is not None and high is not None:
        ax.plot([low, high], [slot, slot], color=theme["blue"], lw=1.2, zorder=3)
    if estimate is not None:
        ax.plot([estimate], [slot], marker="D", ms=3.6, color=theme["blue"], zorder=4)
