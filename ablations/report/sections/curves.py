"""A metric against depth, and learning curves: means and bands over seeds."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float

from ablations.design.arm import Arm
from ablations.design.factor import Factor
from ablations.report.document.document import Block, Callout, Fold
from ablations.report.document.plots import Figure, LinePanel, Lines, Series, slug
from ablations.report.evidence import Evidence, Measure, levels_text
from ablations.report.sections.facets import Facets, Line, facets, x_factor
from ablations.results.results import TrialRecord

LOG_RATIO = 100
MAX_POINTS = 1500
BAND = (
    "Lines are means over seeds; bands reach one standard deviation to either side, cut at the extreme seeds."
)


def draw_across_factor(evidence: Evidence) -> list[Block]:
    """Each metric of the study against the first numeric factor, rates as shares of seeds."""
    factor = x_factor(evidence.design, evidence.judged_factor)
    if factor is None:
        return []
    judged = evidence.judged_factor if evidence.judged_factor != factor.name else None
    split = facets(evidence.design, judged, evidence.baseline, without=factor.name)
    figures = [_factor_figure(evidence, measure, factor, split) for measure in evidence.measures]
    shown: list[Block] = [
        f for f, m in zip(figures, evidence.measures, strict=True) if m.rate or m is evidence.main
    ]
    rest: list[Block] = [f for f in figures if f not in shown]
    return [*shown, Fold(title=f"Other metrics against {factor.name}", blocks=tuple(rest))] if rest else shown


def _factor_figure(evidence: Evidence, measure: Measure, factor: Factor, split: Facets) -> Figure:
    names = tuple(str(name) for name in factor.names)
    ticks = tuple(sorted(float(name) for name in names))
    panels = tuple(
        LinePanel(
            title=levels_text(panel),
            series=tuple(_factor_series(evidence, measure, factor, line, arms) for line, arms in found),
        )
        for panel, found in split.cells(evidence.design.arms)
    )
    return Figure(
        name=slug(f"{measure.name}-against-{factor.name}"),
        caption=_sentence(
            f"{measure.name} against {factor.name}",
            split.remark,
            "Lines are shares of seeds." if measure.rate else f"{BAND} Dots are single seeds.",
        ),
        plot=Lines(
            panels=panels,
            x_label=factor.name,
            y_label=f"{measure.name}, share of seeds" if measure.rate else measure.label,
            x_log=ticks[0] > 0 and ticks[-1] / ticks[0] >= LOG_RATIO,
            y_log=measure.log,
            percent=measure.rate,
            x_ticks=ticks,
            columns=split.columns,
        ),
    )


def _factor_series(
    evidence: Evidence, measure: Measure, factor: Factor, line: Line, arms: Sequence[Arm]
) -> Series:
    columns = []
    for level in sorted(factor.names, key=lambda name: float(str(name))):
        here = [arm for arm in arms if arm.levels.get(factor.name) == level]
        if here:
            columns.append((float(str(level)), evidence.seeds_mean(measure.name, here)))
    x = tuple(at for at, _ in columns)
    values = np.array([seeds for _, seeds in columns]).reshape(len(x), -1)
    points = tuple((at, float(v)) for at, seeds in columns for v in seeds if not math.isnan(v))
    draw_points = not measure.rate and len(points) <= MAX_POINTS
    return band(line, x, values, points=points if draw_points else (), with_band=not measure.rate)


def band(
    line: Line,
    x: tuple[float, ...],
    values: Float[np.ndarray, "x seeds"],
    *,
    points: tuple[tuple[float, float], ...] = (),
    with_band: bool = True,
) -> Series:
    """The mean over seeds at each x, with a standard deviation to either side inside the seeds' range."""
    centre, low, high = [], [], []
    for row in values:
        known = row[np.isfinite(row)]
        mean = float(known.mean()) if len(known) else None
        spread = float(known.std(ddof=1)) if len(known) > 1 else 0.0
        centre.append(mean)
        low.append(None if mean is None else max(mean - spread, float(known.min())))
        high.append(None if mean is None else min(mean + spread, float(known.max())))
    return Series(
        label=line.label,
        hue=line.hue,
        dash=line.dash,
        x=x,
        centre=tuple(centre),
        low=tuple(low) if with_band else (),
        high=tuple(high) if with_band else (),
        points=points,
    )


def learning_curves(evidence: Evidence) -> list[Block]:
    """Curves by step of what the study is about; every other curve is folded."""
    recorded = {name for record in evidence.measuring for name, curve in record.curve.items() if curve}
    declared = [metric.name for metric in evidence.design.manifest.metrics if metric.name in recorded]
    names = [*declared, *sorted(recorded - set(declared))]
    if not names:
        return [Callout(tone="note", title="No curves were recorded")]
    names.sort(key=lambda name: _kinship(name, evidence.main.name))
    figures = [_learning_curve(evidence, name) for name in names]
    if len(figures) == 1:
        return [figures[0]]
    return [figures[0], Fold(title="Curves of other metrics", blocks=tuple(figures[1:]))]


def _kinship(name: str, main: str) -> tuple[bool, bool]:
    """Sorts the curve on validation data that belongs to the primary metric to the front."""
    kind = main.split("/")[0].removeprefix("test_")
    return not (name.endswith(kind) and name.startswith("val")), not name.endswith(kind)


def _learning_curve(evidence: Evidence, name: str) -> Figure:
    split = facets(evidence.design, evidence.judged_factor, evidence.baseline)
    by_arm: dict[str, list[TrialRecord]] = {}
    for record in evidence.measuring:
        if record.curve.get(name):
            by_arm.setdefault(record.arm_id, []).append(record)
    panels = []
    for panel, found in split.cells(evidence.design.arms):
        series = tuple(_curve_series(name, line, arms, by_arm) for line, arms in found)
        panels.append(LinePanel(title=levels_text(panel), series=tuple(s for s in series if s.x)))
    log = any(m.name == name and m.scale == "log" for m in evidence.design.manifest.metrics)
    return Figure(
        name=slug(f"curve-{name}"),
        caption=_sentence(
            f"{name} by {evidence.design.manifest.step}",
            split.remark,
            f"{BAND} A seed that diverged leaves the mean where it did.",
        ),
        plot=Lines(
            panels=tuple(p for p in panels if p.series),
            x_label=evidence.design.manifest.step,
            y_label=name,
            y_log=log,
            columns=split.columns,
        ),
    )


def _curve_series(name: str, line: Line, arms: Sequence[Arm], by_arm: dict[str, list[TrialRecord]]) -> Series:
    """Mean curve: first over the arms of a seed, then over seeds."""
    seeds: dict[int, dict[float, list[float]]] = {}
    for record in (r for arm in arms for r in by_arm.get(arm.id, ())):
        for step, value in finite_points(record, name):
            seeds.setdefault(record.seed, {}).setdefault(step, []).append(value)
    steps = tuple(sorted({step for curve in seeds.values() for step in curve}))
    values = np.full((len(steps), len(seeds)), np.nan)
    for column, curve in enumerate(seeds.values()):
        for row, step in enumerate(steps):
            if step in curve:
                values[row, column] = sum(curve[step]) / len(curve[step])
    return band(line, steps, values)


def finite_points(record: TrialRecord, name: str) -> Iterator[tuple[float, float]]:
    """The points of a curve that have a value."""
    for step, value in record.curve[name]:
        if value is not None and math.isfinite(value):
            yield float(step), float(value)


def _sentence(head: str, remark: str, rest: str) -> str:
    return f"{head}, {remark}. {rest}" if remark else f"{head}. {rest}"
