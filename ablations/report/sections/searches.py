"""What the search before the measurement found, and how it went."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ablations.design.search import num_repeats, rank_of, tuning_metric
from ablations.errors import Json
from ablations.report.document.document import Block, Callout, Cell, Column, Fold, Kind, Paragraph, Table
from ablations.report.document.numbers import compact, count, decimals_for, listing, significant
from ablations.report.document.plots import Figure, LinePanel, Lines, Series, slug
from ablations.report.evidence import Evidence
from ablations.results.ranking import Best, best_settings
from ablations.results.results import TrialRecord
from ablations.study.spec import Range, TuningSpec

MAX_SETTINGS = 6
MAX_OPEN = 40
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
    first = [best for best in found if best.rank == 1]
    blocks: list[Block] = [Paragraph(phrases=(_budget(evidence, tuning, first),)), *_edges(first)]
    table = _best_table(evidence, tuning, found)
    many = f"The best of {count(len(first), 'search', 'searches')}"
    blocks.append(table if len(found) <= MAX_OPEN else Fold(title=many, blocks=(table,)))
    if len(first) == 1:
        scored = list(_scored(evidence.tuning, found[0].metric))
        blocks += [
            _course(evidence, found[0].metric, scored),
            *_draw_across_settings(tuning, found[0].metric, scored),
        ]
        blocks.append(_candidates(tuning, found[0].metric, evidence.tuning))
    return blocks


def _budget(evidence: Evidence, tuning: TuningSpec, found: Sequence[Best]) -> str:
    name, goal = tuning_metric(evidence.design.study, evidence.design.manifest)
    aim = "highest" if goal == "maximize" else "lowest"
    each = "Each search" if len(found) > 1 else "The search"
    most = max(best.num_arms for best in found)
    arms = f" in each of its {'arms' if len(found) > 1 else count(most, 'arm')}" if most > 1 else ""
    over = f"{count(tuning.seeds, 'tuning seed')}{' and these arms' if arms else ''}"
    kept = "the one" if tuning.confirm == 1 else f"the {tuning.confirm} different ones"
    own = " Every seed has searches of its own." if tuning.repeats > 1 else ""
    return (
        f"{each} tried {count(tuning.candidates, 'candidate')}{arms} with the {tuning.sampler} sampler and"
        f" kept {kept} with the {aim} mean {name} over {over}. Tuning seeds are never reported seeds.{own}"
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


def _best_table(evidence: Evidence, tuning: TuningSpec, found: Sequence[Best]) -> Table:
    factors = [f.name for f in evidence.varying if any(f.name in best.levels for best in found)]
    ranked, repeated = tuning.confirm > 1, tuning.repeats > 1
    columns = [
        *([Column(name="seed", kind=Kind.COUNT, help="measured with it")] if repeated else []),
        *([Column(name="rank", kind=Kind.COUNT)] if ranked else []),
        *(Column(name=name, kind=Kind.NAME) for name in factors),
        *(Column(name=name, kind=Kind.NAME) for name in tuning.space),
        Column(name=f"{found[0].metric} in the search", kind=Kind.NUMBER, decimals=4),
        *(_measured_columns(evidence) if ranked else []),
        Column(name="candidate", kind=Kind.COUNT),
        Column(name="scored", kind=Kind.COUNT, help="candidates with a score"),
    ]
    rows: list[tuple[Cell, ...]] = []
    for best in found:
        levels = best.levels
        rows.append(
            (
                *([evidence.design.seeds[best.repeat or 0]] if repeated else []),
                *([best.rank] if ranked else []),
                *(compact(levels[name]) if name in levels else None for name in factors),
                *(_setting(best.settings, name) for name in tuning.space),
                best.value,
                *(_measured(evidence, best) if ranked else []),
                best.candidate,
                best.num_scored,
            )
        )
    return Table(columns=tuple(columns), rows=tuple(rows))


def _measured_columns(evidence: Evidence) -> list[Column]:
    if num_repeats(evidence.design.study) > 1:
        return [Column(name=f"{evidence.main.name} with this seed", kind=Kind.NUMBER, decimals=4)]
    name = f"{evidence.main.name} on fresh seeds"
    sds = [evidence.summaries[arm.id].readings[evidence.main.name].sd for arm in evidence.design.arms]
    return [
        Column(name=name, kind=Kind.NUMBER, decimals=decimals_for(sds)),
        Column(name="SD", kind=Kind.NUMBER, decimals=decimals_for(sds)),
    ]


def _measured(evidence: Evidence, best: Best) -> list[Cell]:
    """What this candidate measured."""
    (arm,) = [arm for arm in evidence.design.arms if rank_of(arm) == best.rank]
    if best.repeat is not None:
        value = evidence.results.values(evidence.main.name)[evidence.results.arm_index[arm.id], best.repeat]
        return [None if np.isnan(value) else float(value)]
    found = evidence.summaries[arm.id].readings[evidence.main.name]
    return [found.mean, found.sd]


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
    points = tuple((float(trial.candidate or 0), value) for trial, value in scored)
    x = tuple(sorted({at for at, _ in points}))
    means = np.array([np.mean([value for at, value in points if at == one]) for one in x])
    best = np.maximum.accumulate(means) if goal == "maximize" else np.minimum.accumulate(means)
    line = Series(
        label="best so far",
        hue=1,
        dash=0,
        # A step where a candidate is better.
        x=tuple(np.repeat(x, 2)[1:].tolist()),
        centre=tuple(np.repeat(best, 2)[:-1].tolist()),
        points=points,
        bold=True,
    )
    dots = "candidates" if len(points) == len(x) else "trials of candidates"
    so_far = f"best {'' if len(points) == len(x) else 'mean '}{metric} so far"
    return Figure(
        name=slug(f"search-{metric}"),
        caption=f"The course of the search: dots are {dots}, the line is the {so_far}.",
        plot=Lines(panels=(LinePanel(title="", series=(line,)),), x_label="candidate", y_label=metric),
    )


def _draw_across_settings(
    tuning: TuningSpec, metric: str, scored: Sequence[tuple[TrialRecord, float]]
) -> Iterator[Figure]:
    for name, space in list(tuning.space.items())[:MAX_SETTINGS]:
        if not isinstance(space, Range):
            continue
        points: list[Point] = []
        for trial, value in scored:
            setting = trial.settings.get(name)
            if isinstance(setting, int | float):
                points.append((float(setting), value))
        cloud = Series(label=name, hue=1, dash=0, x=(), centre=(), points=tuple(points), bold=True)
        yield Figure(
            name=slug(f"search-{metric}-against-{name}"),
            caption=f"{metric} of every candidate against its {name}.",
            plot=Lines(
                panels=(LinePanel(title="", series=(cloud,)),), x_label=name, y_label=metric, x_log=space.log
            ),
        )


def _candidates(tuning: TuningSpec, metric: str, trials: Sequence[TrialRecord]) -> Fold:
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
