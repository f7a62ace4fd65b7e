"""What the search before the measurement found, and how it went."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ablations.errors import Json
from ablations.report.document import Block, Callout, Cell, Column, Fold, Kind, Paragraph, Table
from ablations.report.evidence import Evidence
from ablations.report.numbers import compact, count, listing, significant
from ablations.report.plots import Figure, LinePanel, Lines, Series, slug
from ablations.results import TrialRecord
from ablations.search import tuning_metric
from ablations.search_results import Best, best_settings
from ablations.spec import Range, Tuning

MAX_SETTINGS = 6
MAX_CANDIDATES = 500
Point = tuple[float, float]


def search(evidence: Evidence) -> list[Block]:
    """The best settings of every search; for a search without factors also its course."""
    tuning = evidence.design.study.tuning
    if tuning is None:
        return []
    found = best_settings(evidence.design, evidence.records)
    if not found:
        return [Callout(tone="note", title="No candidate has a score yet")]
    blocks: list[Block] = [Paragraph(phrases=(_budget(evidence, tuning, found),)), *_edges(found)]
    blocks.append(_best_table(evidence, tuning, found))
    if len(found) == 1:
        scored = list(_scored(evidence.tuning, found[0].metric))
        blocks += [
            _course(evidence, found[0].metric, scored),
            *_against_settings(tuning, found[0].metric, scored),
        ]
        blocks.append(_candidates(tuning, found[0].metric, evidence.tuning))
    return blocks


def _budget(evidence: Evidence, tuning: Tuning, found: Sequence[Best]) -> str:
    name, goal = tuning_metric(evidence.design.study, evidence.design.manifest)
    aim = "highest" if goal == "maximize" else "lowest"
    each = "Each search" if len(found) > 1 else "The search"
    return (
        f"{each} tried {count(tuning.candidates, 'candidate')} with the {tuning.sampler} sampler and kept the"
        f" one with the {aim} {name} over {count(tuning.seeds, 'tuning seed')}. Tuning seeds are never"
        " reported seeds."
    )


def _edges(found: Sequence[Best]) -> Iterator[Block]:
    edges = sorted({name for best in found for name in best.on_edge})
    if edges:
        num = sum(bool(best.on_edge) for best in found)
        title = f"The best value of {listing(edges)} lies on the edge of the space"
        text = (
            f"So it is in {num} of {count(len(found), 'search', 'searches')}; better values may lie beyond."
        )
        yield Callout(tone="warning", title=title, text=text)


def _best_table(evidence: Evidence, tuning: Tuning, found: Sequence[Best]) -> Table:
    arms = {arm.id: arm for arm in evidence.design.arms}
    factors = [f.name for f in evidence.varying]
    columns = [
        *(Column(name=name, kind=Kind.NAME) for name in factors),
        *(Column(name=name, kind=Kind.NAME) for name in tuning.space),
        Column(name=f"{found[0].metric} in the search", kind=Kind.NUMBER, decimals=4),
        Column(name="candidate", kind=Kind.COUNT),
        Column(name="scored", kind=Kind.COUNT, help="candidates with a score"),
    ]
    rows = []
    for best in found:
        levels = arms[best.arm_id].levels if best.arm_id in arms else {}
        rows.append(
            (
                *(compact(levels[name]) if name in levels else None for name in factors),
                *(_setting(best.settings, name) for name in tuning.space),
                best.value,
                best.candidate,
                best.num_scored,
            )
        )
    return Table(columns=tuple(columns), rows=tuple(rows))


def _setting(settings: Mapping[str, Json], name: str) -> Cell:
    value = settings.get(name)
    if isinstance(value, float):
        return significant(value)
    return compact(value) if name in settings else None


def _scored(trials: Sequence[TrialRecord], metric: str) -> Iterator[tuple[TrialRecord, float]]:
    """Candidates that finished with a value, in the order of their numbers."""
    for trial in sorted(trials, key=lambda t: (t.candidate or 0, t.seed)):
        value = trial.metrics.get(metric)
        if trial.state == "done" and value is not None and np.isfinite(value):
            yield trial, float(value)


def _course(evidence: Evidence, metric: str, scored: Sequence[tuple[TrialRecord, float]]) -> Figure:
    goal = tuning_metric(evidence.design.study, evidence.design.manifest)[1]
    x = tuple(float(trial.candidate or 0) for trial, _ in scored)
    values = np.array([value for _, value in scored])
    best = np.maximum.accumulate(values) if goal == "maximize" else np.minimum.accumulate(values)
    points = tuple((at, value) for at, (_, value) in zip(x, scored, strict=True))
    line = Series(label="best so far", hue=1, dash=0, x=x, centre=tuple(best.tolist()), points=points)
    return Figure(
        name=slug(f"search-{metric}"),
        caption=f"The course of the search: dots are candidates, the line is the best {metric} so far.",
        plot=Lines(panels=(LinePanel(title="", series=(line,)),), x_label="candidate", y_label=metric),
    )


def _against_settings(
    tuning: Tuning, metric: str, scored: Sequence[tuple[TrialRecord, float]]
) -> Iterator[Figure]:
    for name, space in list(tuning.space.items())[:MAX_SETTINGS]:
        if not isinstance(space, Range):
            continue
        points: list[Point] = []
        for trial, value in scored:
            setting = trial.settings.get(name)
            if isinstance(setting, int | float):
                points.append((float(setting), value))
        cloud = Series(label=name, hue=1, dash=0, x=(), centre=(), points=tuple(points))
        yield Figure(
            name=slug(f"search-{metric}-against-{name}"),
            caption=f"{metric} of every candidate against its {name}.",
            plot=Lines(
                panels=(LinePanel(title="", series=(cloud,)),), x_label=name, y_label=metric, x_log=space.log
            ),
        )


def _candidates(tuning: Tuning, metric: str, trials: Sequence[TrialRecord]) -> Fold:
    columns = [
        Column(name="candidate", kind=Kind.COUNT),
        *(Column(name=name, kind=Kind.NAME) for name in tuning.space),
        Column(name="seed", kind=Kind.COUNT),
        Column(name="state"),
        Column(name=metric, kind=Kind.NUMBER, decimals=4),
    ]
    ordered = sorted(trials, key=lambda t: (t.candidate or 0, t.seed))[:MAX_CANDIDATES]
    rows = tuple(
        (
            t.candidate,
            *(_setting(t.settings, name) for name in tuning.space),
            t.seed,
            t.state,
            t.metrics.get(metric),
        )
        for t in ordered
    )
    return Fold(
        title=f"{count(len(rows), 'tuning trial')}", blocks=(Table(columns=tuple(columns), rows=rows),)
    )
