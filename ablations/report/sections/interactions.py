"""How the effect of the judged factor changes with the others: a heat map, lines, and the rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from ablations.contrasts.pairing import match, weights
from ablations.design.factor import Factor
from ablations.effects.wording import FACTOR
from ablations.manifest import Scalar
from ablations.report.document.document import Block, Fold, Paragraph
from ablations.report.document.numbers import compact, count, decimals_for
from ablations.report.document.plots import Figure, Heat, HeatPanel, LinePanel, Lines, Series, slug
from ablations.report.evidence import Evidence, Measure
from ablations.report.sections.comparisons import effects_table, named_with_unit
from ablations.report.sections.curves import band
from ablations.report.sections.facets import Line, x_factor
from ablations.stats.resolution import logarithms

MAX_ROWS = 16
MAX_COLUMNS = 40
MAX_ANNOTATED = 12
MAX_PANELS = 6
MEANS = "means over seeds of paired differences"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Effects of one level by the levels of one or two other factors: one score a seed in each cell.

    Scores are differences, in points of a rate; of a log metric differences of logarithms.
    """

    of: Scalar
    rows: tuple[Scalar, ...]
    columns: tuple[Scalar, ...]
    scores: Float[np.ndarray, "rows columns seeds"]

    @property
    def means(self) -> list[list[float | None]]:
        """The estimate of each cell, over the seeds that have a score."""
        return [[_mean(cell) for cell in row] for row in self.scores]


def interactions(evidence: Evidence) -> list[Block]:
    """The effect of the judged factor by the levels of the other factors; descriptive."""
    judged = evidence.judged_factor
    if judged is None or judged not in evidence.baseline:
        return []
    columns, rows = _axes(evidence, judged)
    if columns is None:
        return _too_long(evidence, judged)
    grids = _grids(evidence, evidence.factor(judged), rows, columns)
    if not grids:
        return []
    what = f"the effect of {judged} on {evidence.main.name}"
    kind = FACTOR + "s" if evidence.main.log else "differences"
    note = f"How {what} changes with the other factors: {kind} within a seed, averaged over the rest."
    blocks: list[Block] = [Paragraph(phrases=(f"{note} Descriptive, without verdict.",))]
    blocks.append(_heat(evidence, judged, rows, columns, grids))
    if len(columns.levels) > 1:
        blocks.append(_lines(evidence, judged, rows, columns, grids))
    return [
        *blocks,
        *_left_out(evidence, judged, [f for f in (rows, columns) if f is not None]),
        *_tables(evidence),
    ]


def _too_long(evidence: Evidence, judged: str) -> list[Block]:
    """Why nothing is drawn, where there is something to draw against."""
    others = [f for f in evidence.varying if f.name != judged and not f.when]
    if not others:
        return []
    listed = ", ".join(f"{f.name} ({count(len(f.levels), 'level')})" for f in others)
    text = f"Not drawn: {listed} would take more than the {MAX_COLUMNS} columns that can be read."
    return [Paragraph(phrases=(text,)), *_tables(evidence)]


def _left_out(evidence: Evidence, judged: str, drawn: Sequence[Factor]) -> list[Block]:
    """What the figures do not show, so that nobody takes them for everything."""
    said: list[str] = []
    shown = {judged, *(f.name for f in drawn)}
    averaged = [f.name for f in evidence.varying if f.name not in shown]
    if averaged:
        said.append(f"Averaged over, not drawn apart: {', '.join(averaged)}.")
    compared = len(evidence.factor(judged).levels) - 1
    if compared > MAX_PANELS:
        said.append(
            f"Drawn are the first {MAX_PANELS} of {compared} levels of {judged} that were compared; the"
            " others are in the effects and in the exports."
        )
    others = [
        name for name in evidence.baseline if name != judged and name in {f.name for f in evidence.varying}
    ]
    if others:
        said.append(f"The effects of {', '.join(others)} are not drawn here; their rows stand below.")
    return [Paragraph(phrases=(" ".join(said),))] if said else []


def _axes(evidence: Evidence, judged: str) -> tuple[Factor | None, Factor | None]:
    """Columns by the factor that metrics are drawn against, rows by the next one that is always there."""
    others = [f for f in evidence.varying if f.name != judged and not f.when]
    others = [f for f in others if len(f.levels) <= MAX_COLUMNS]
    axis = x_factor(evidence.design, judged)
    others.sort(key=lambda f: f is not axis and f != axis)
    if not others:
        return None, None
    rows = next((f for f in others[1:] if len(f.levels) <= MAX_ROWS), None)
    return others[0], rows


def _grids(evidence: Evidence, judged: Factor, rows: Factor | None, columns: Factor) -> list[Grid]:
    """One grid for each level that is compared with the baseline."""
    against = evidence.baseline[judged.name]
    within = [columns.name] if rows is None else [rows.name, columns.name]
    sides = {
        level: [arm for arm in evidence.design.arms if arm.levels.get(judged.name) == level]
        for level in judged.names
    }
    row_levels = rows.names if rows is not None else (None,)
    found = []
    for of in [level for level in judged.names if level != against][:MAX_PANELS]:
        matched = match(sides[of], sides[against], vary=(judged.name,), within=within, where={})
        cells = {tuple(level for _, level in key): weights(strata) for key, strata in matched.items()}
        scores = np.full((len(row_levels), len(columns.names), len(evidence.design.seeds)), np.nan)
        for i, row in enumerate(row_levels):
            for j, column in enumerate(columns.names):
                key = (column,) if rows is None else (row, column)
                if key in cells:
                    scores[i, j] = _score(evidence, evidence.main, cells[key])
        if np.isfinite(scores).any():
            found.append(Grid(of=of, rows=row_levels, columns=columns.names, scores=scores))
    return found


def _score(evidence: Evidence, measure: Measure, weighted: dict[str, float]) -> Float[np.ndarray, " seeds"]:
    """One score a seed; NaN where an arm lacks a value."""
    values = evidence.results.values(measure.name)
    index = [evidence.results.arm_index[arm] for arm in weighted]
    chosen = logarithms(values[index], values) if measure.log else values[index]
    score = np.asarray(np.array(list(weighted.values())) @ chosen)
    return 100 * score if measure.rate else score


def _mean(cell: Float[np.ndarray, " seeds"]) -> float | None:
    known = cell[np.isfinite(cell)]
    return float(known.mean()) if len(known) else None


def _heat(
    evidence: Evidence, judged: str, rows: Factor | None, columns: Factor, grids: Sequence[Grid]
) -> Figure:
    measure = evidence.main
    against = compact(evidence.baseline[judged])
    cells = [cell for grid in grids for row in grid.scores for cell in row if np.isfinite(cell).any()]
    plot = Heat(
        panels=tuple(
            HeatPanel(
                title=f"{compact(grid.of)} \N{MINUS SIGN} {against}",
                values=tuple(tuple(_written(mean, measure) for mean in row) for row in grid.means),
                x_names=tuple(compact(level) for level in grid.columns),
                y_names=tuple(compact(level) if rows is not None else "" for level in grid.rows),
            )
            for grid in grids
        ),
        x_label=columns.name,
        y_label=rows.name if rows is not None else "",
        value_label=_scale(measure),
        centre=0.0,
        annotate=len(columns.names) <= MAX_ANNOTATED,
        decimals=max(0, decimals_for(float(np.nanstd(cell)) for cell in cells) - (not measure.log)),
        factors=measure.log,
    )
    by = f"{rows.name} and {columns.name}" if rows is not None else columns.name
    return Figure(
        name=slug(f"interaction-{judged}-{measure.name}"),
        caption=f"Effect of {judged} on {measure.name} by {by}: {_means(measure)}.",
        plot=plot,
    )


def _scale(measure: Measure) -> str:
    return f"{FACTOR if measure.log else 'difference'} in {named_with_unit(measure)}"


def _means(measure: Measure) -> str:
    return "geometric means over seeds of paired factors" if measure.log else MEANS


def _written(mean: float | None, measure: Measure) -> float | None:
    """A mean score as people read it."""
    return mean if mean is None or not measure.log else math.exp(mean)


def _lines(
    evidence: Evidence, judged: str, rows: Factor | None, columns: Factor, grids: Sequence[Grid]
) -> Figure:
    measure = evidence.main
    against = compact(evidence.baseline[judged])
    x, names = _positions(columns)
    panels = []
    for i, row in enumerate(grids[0].rows):
        series = tuple(
            _as_read(
                band(
                    Line(
                        levels={},
                        label=f"{compact(grid.of)} \N{MINUS SIGN} {against}",
                        hue=_hue(evidence, judged, grid.of),
                        dash=0,
                    ),
                    x,
                    grid.scores[i],
                ),
                measure,
            )
            for grid in grids
        )
        title = f"{rows.name} = {compact(row)}" if rows is not None else ""
        panels.append(LinePanel(title=title, series=series))
    return Figure(
        name=slug(f"interaction-{judged}-{measure.name}-lines"),
        caption=(
            f"Effect of {judged} on {measure.name} against {columns.name}. Lines are {_means(measure)}; bands"
            f" reach one standard deviation{' of logarithms' if measure.log else ''} to either side, cut at"
            " the extreme seeds."
        ),
        plot=Lines(
            panels=tuple(panels),
            x_label=columns.name,
            y_label=_scale(measure),
            x_ticks=x,
            x_names=names,
            zero=True,
            y_log=measure.log,
        ),
    )


def _as_read(series: Series, measure: Measure) -> Series:
    """A line of scores as people read them."""
    centre, low, high = (
        tuple(_written(v, measure) for v in values) for values in (series.centre, series.low, series.high)
    )
    return replace(series, centre=centre, low=low, high=high)


def _positions(factor: Factor) -> tuple[tuple[float, ...], tuple[str, ...]]:
    """Numeric levels where they lie, others side by side."""
    names = tuple(compact(level) for level in factor.names)
    if factor.numeric and list(factor.names) == sorted(factor.names, key=lambda level: float(str(level))):
        return tuple(float(str(level)) for level in factor.names), names
    return tuple(float(i) for i in range(len(names))), names


def _hue(evidence: Evidence, judged: str, level: Scalar) -> int:
    """The colour the level has in every other figure."""
    others = [name for name in evidence.factor(judged).names if name != evidence.baseline[judged]]
    return 1 + others.index(level)


def _tables(evidence: Evidence) -> list[Block]:
    rows = [row for row in evidence.effects.interactions if row.metric == evidence.main.name]
    if not rows:
        return []
    alpha = evidence.design.study.analysis.alpha
    names = list(dict.fromkeys(row.contrast for row in rows))
    return [
        Fold(title=f"{name}: differences of differences ({count(len(found), 'row')})", blocks=tuple(blocks))
        for name in names
        if (found := [row for row in rows if row.contrast == name])
        and (blocks := effects_table(found, evidence.main, alpha, said=evidence.effects.notes))
    ]
