"""The judged contrasts: a forest of effects, the table behind it, and the exploratory rows."""

from collections.abc import Collection, Sequence

from ablations.design.margin import margin_text
from ablations.effects.judge import ContrastEffects, EffectRow, Interval
from ablations.effects.wording import FACTOR, POINTS, effect_name
from ablations.report.document.document import (
    Block,
    Bullets,
    Callout,
    Column,
    Fold,
    Kind,
    Mark,
    Paragraph,
    Style,
    Table,
)
from ablations.report.document.numbers import (
    compact,
    count,
    decimals_each,
    half_width,
    interval_name,
    listing,
)
from ablations.report.document.plots import Figure, Forest, ForestRow, slug
from ablations.report.evidence import Evidence, Measure, levels_text, selection_text
from ablations.report.sections.procedures import CORRECTIONS, title_of

MAX_OPEN_ROWS = 24
SETTLE = "seeds that would settle the row, from its spread and the margin"
PSEUDOMEDIAN = (
    "Estimates and intervals are Hodges and Lehmann's (the median of all averages of two seeds), which is"
    " what this test is about: one extreme seed moves the mean, and neither these nor the verdict."
)
MAX_ROWS = 2000
SD = "of the paired differences over seeds"
SD_LOG = "of the paired differences of logarithms over seeds, about the spread of the factor"
UNJUDGED = (
    "Verdicts belong to the primary contrast on the first metric of the study alone. What follows has"
    " adjusted p-values and no verdict; a metric or rate that should be judged is listed first."
)


def primary(evidence: Evidence) -> list[Block]:
    """The contrast that carries the verdicts."""
    judged = evidence.primary
    if judged is None:
        text = "No baseline and no contrast was declared: nothing is compared."
        return [Callout(tone="note", title="No contrast", text=text)]
    return contrast(evidence, judged)


def others(evidence: Evidence) -> list[Block]:
    """The other declared contrasts, and the primary ones on further metrics."""
    rest = [c for c in evidence.effects.contrasts if c is not evidence.primary]
    if not rest:
        return []
    folds = [
        Fold(
            title=f"{c.name} on {c.metric} ({count(len(c.rows), 'row')}{', post hoc' if c.post_hoc else ''})",
            blocks=tuple(contrast(evidence, c)),
        )
        for c in rest
    ]
    return [Paragraph(phrases=(UNJUDGED,)), *folds]


def contrast(evidence: Evidence, judged: ContrastEffects) -> list[Block]:
    """One contrast: what it compares, the forest, the table; the tail of a long one folded."""
    measure = evidence.measure(judged.metric)
    name = slug(f"effects-{evidence.effects.contrasts.index(judged) + 1}-{judged.name}-{judged.metric}")
    rows = _by_stratum(judged.rows)
    top, tail = rows[:MAX_OPEN_ROWS], rows[MAX_OPEN_ROWS:]
    said = (*evidence.effects.notes, *judged.notes)
    blocks: list[Block] = [
        Paragraph(phrases=(_explanation(evidence, judged),)),
        *_notes(judged.notes),
        _forest(name, measure, top, judged),
        *effects_table(top, measure, judged.alpha, said=said),
    ]
    if tail:
        rest = (
            _forest(f"{name}-rest", measure, tail, judged) if len(tail) <= 4 * MAX_OPEN_ROWS else None,
            *effects_table(tail, measure, judged.alpha, said=said),
        )
        title = f"The other {count(len(tail), 'row')}" if len(tail) > 1 else "The other row"
        blocks.append(Fold(title=title, blocks=tuple(b for b in rest if b is not None)))
    if any(row.of_mean is not None for row in rows):
        more = effect_details(rows[:MAX_ROWS], measure)
        blocks.append(Fold(title="More about each row", blocks=(more,)))
    return blocks


def _notes(notes: Sequence[str]) -> list[Block]:
    return [Callout(tone="note", title=note[:1].upper() + note[1:]) for note in notes]


def _by_stratum(rows: Sequence[EffectRow]) -> list[EffectRow]:
    """The rows with those of one stratum together, strata in the order of their first row."""
    strata = list(dict.fromkeys(levels_text(row.within) for row in rows))
    return sorted(rows, key=lambda row: strata.index(levels_text(row.within)))


def _explanation(evidence: Evidence, judged: ContrastEffects) -> str:
    asked = evidence.question(judged)
    kind = "Factors" if judged.scale == "log" else "Differences"
    kind += " in the share of seeds" if asked.kind == "rate" else f" in {judged.metric}"
    averaged = f", averaged over {listing(asked.over)}" if asked.over else ""
    where = selection_text(evidence.selection(judged.name))
    where = f" where {where}" if where else ""
    margin = ""
    if judged.margin is not None:
        margin = f" {_margin(judged.margin, evidence.measure(judged.metric))}"
    centre = f" {PSEUDOMEDIAN}" if judged.estimator == "pseudomedian" else ""
    corrected = f"{CORRECTIONS[judged.correction]} over {count(len(judged.rows), 'row')}"
    return (
        f"{kind} between arms that share a seed{where}{averaged}. "
        f"{title_of(judged)}, {corrected},"
        f" \N{GREEK SMALL LETTER ALPHA} = {compact(judged.alpha)}.{centre}{margin}"
    )


def _margin(margin: float, measure: Measure) -> str:
    if measure.log:
        return f"Factors between 1/{1 + margin:.6g} and {1 + margin:.6g} count as no difference."
    said = margin_text(margin, log=False, rate=measure.rate, unit=measure.unit)
    return f"Differences within \N{PLUS-MINUS SIGN}{said} count as none."


def _forest(name: str, measure: Measure, rows: Sequence[EffectRow], judged: ContrastEffects) -> Figure:
    log = judged.scale == "log"
    return Figure(
        name=name,
        caption=(
            f"{'Factors' if log else 'Differences'} of {measure.name} with"
            f" {interval_name(judged.alpha)}s. Filled marks are decided."
        ),
        plot=Forest(
            rows=tuple(
                ForestRow(
                    label=_label(row, judged.shape),
                    heading=levels_text(row.within),
                    estimate=row.shown.estimate,
                    low=row.shown.low,
                    high=row.shown.high,
                    verdict=row.verdict,
                )
                for row in rows
            ),
            x_label=f"{'factor' if log else 'difference'} in {named_with_unit(measure)}",
            factors=log,
            better="right" if measure.goal == "maximize" else "left",
            margin=100 * judged.margin if judged.margin is not None and measure.rate else judged.margin,
        ),
    )


def named_with_unit(measure: Measure) -> str:
    """A metric with the unit in which differences of it are shown."""
    return f"{measure.name} [{POINTS}]" if measure.rate else measure.label


def _label(row: EffectRow, shape: str) -> str:
    return compact(row.of) if shape == "trend" else f"{compact(row.of)} \N{MINUS SIGN} {compact(row.against)}"


def effects_table(
    rows: Sequence[EffectRow], measure: Measure, alpha: float, *, said: Collection[str]
) -> list[Block]:
    """Rows of effects, and under them what stands beside single rows, unless it is `said` above.

    Verdicts and p-values only where there are any.
    """
    decimals = decimals_each([half_width(row.shown.low, row.shown.high) for row in rows])
    strata = list(dict.fromkeys(name for row in rows for name in row.within))
    with_p = any(row.p is not None for row in rows)
    adjusted = any(row.p_adjusted is not None for row in rows)
    with_verdict = any(row.verdict is not None for row in rows)
    unit = next((row.shown_unit for row in rows), "")
    with_seeds = any(row.seeds_needed is not None for row in rows)
    columns = [
        *(Column(name=name, kind=Kind.NAME) for name in strata),
        Column(name="of", kind=Kind.NAME),
        Column(name="against", kind=Kind.NAME),
        _effect_column(measure, decimals, unit),
        Column(name=interval_name(alpha), kind=Kind.INTERVAL, decimals=decimals, signed=unit != FACTOR),
        *([Column(name="p", kind=Kind.P)] if with_p else []),
        *([Column(name="adjusted p", kind=Kind.P)] if with_p and adjusted else []),
        Column(name="n", kind=Kind.COUNT, help="seeds behind the difference"),
        Column(name="holes", kind=Kind.COUNT, help="seeds without a result on either side"),
        *([Column(name="verdict", kind=Kind.VERDICT)] if with_verdict else []),
        *([Column(name="seeds to settle", kind=Kind.COUNT, help=SETTLE)] if with_seeds else []),
    ]
    cells = [
        (
            *(None if name not in row.within else compact(row.within[name]) for name in strata),
            compact(row.of),
            compact(row.against),
            row.shown.estimate,
            (row.shown.low, row.shown.high),
            *([row.p] if with_p else []),
            *([row.p_adjusted] if with_p and adjusted else []),
            row.n,
            row.holes,
            *([row.words] if with_verdict else []),
            *([row.seeds_needed] if with_seeds else []),
        )
        for row in rows
    ]
    return [Table(columns=tuple(columns), rows=tuple(cells)), *_remarks(rows, said)]


def _remarks(rows: Sequence[EffectRow], said: Collection[str]) -> list[Block]:
    """Why rows have no verdict and what else stands beside them: each sentence once, with its rows."""
    about: dict[str, list[str]] = {}
    for row in rows:
        pair = f"{compact(row.of)} against {compact(row.against)}"
        name = ", ".join([*map(compact, row.within.values()), pair])
        for text in [*([row.reason] if row.reason else []), *row.notes]:
            if text not in said:
                about.setdefault(text, []).append(name)
    items = ((Mark("; ".join(names), Style.STRONG), f": {text}.") for text, names in about.items())
    return [Bullets(items=tuple(items))] if about else []


def _effect_column(measure: Measure, decimals: tuple[int, ...], unit: str) -> Column:
    if unit == FACTOR:
        about = f"of divided by against, in {measure.name}; 1 is no difference"
        return Column(name=effect_name(unit), kind=Kind.NUMBER, decimals=decimals, help=about)
    about = f"of minus against, in {named_with_unit(measure)}"
    return Column(name=effect_name(unit), kind=Kind.DIFFERENCE, decimals=decimals, help=about)


def effect_details(rows: Sequence[EffectRow], measure: Measure) -> Table:
    """Both sides, the other estimators and the other tests of each row."""
    log, times = any(row.ratio is not None for row in rows), 100 if measure.rate else 1
    decimals = decimals_each([None if row.sd is None else times * row.sd for row in rows])
    sides = _sides_decimals(rows) if log else decimals
    side = Kind.PERCENT if measure.rate else Kind.NUMBER
    strata = list(dict.fromkeys(name for row in rows for name in row.within))
    known = (name for row in rows for name, p in row.others.items() if p is not None)
    tests = [name for name in dict.fromkeys(known) if not name.endswith("_error")]
    columns = (
        *(Column(name=name, kind=Kind.NAME) for name in (*strata, "of", "against")),
        Column(name="mean of", kind=side, decimals=sides, help=f"{measure.name} of the first side"),
        Column(name="mean against", kind=side, decimals=sides),
        Column(
            name="sd of logs" if log else "sd",
            kind=Kind.NUMBER,
            decimals=decimals,
            help=SD_LOG if log else f"{SD}, in points" if measure.rate else SD,
        ),
        Column(name="d_z", kind=Kind.DIFFERENCE, decimals=2, help="mean difference over its sd"),
        Column(name="median", kind=Kind.NUMBER if log else Kind.DIFFERENCE, decimals=decimals),
        Column(name="bootstrap", kind=Kind.INTERVAL, decimals=decimals, help="BCa interval", signed=not log),
        Column(name="pairing", kind=Kind.NUMBER, decimals=2, help="correlation of the two sides over seeds"),
        *(Column(name=f"p {name.replace('_', ' ')}", kind=Kind.P) for name in tests),
    )
    cells = tuple(
        (
            *(None if name not in row.within else compact(row.within[name]) for name in strata),
            compact(row.of),
            compact(row.against),
            row.of_mean,
            row.against_mean,
            None if row.sd is None else times * row.sd,
            row.effect_size,
            _median(row),
            _bootstrap(row),
            row.pairing,
            *(row.others.get(name) for name in tests),
        )
        for row in rows
    )
    return Table(columns=columns, rows=cells)


def _median(row: EffectRow) -> float | None:
    return row.as_shown(Interval(estimate=row.median, low=None, high=None)).estimate


def _sides_decimals(rows: Sequence[EffectRow]) -> tuple[int, ...]:
    """Two digits of the spread of a side, which is a share of its size where the scale is logarithmic."""
    return decimals_each(
        [None if row.sd is None or row.of_mean is None else row.sd * row.of_mean for row in rows]
    )


def _bootstrap(row: EffectRow) -> tuple[float | None, float | None] | None:
    shown = row.shown_bootstrap
    return None if shown is None else (shown.low, shown.high)


def exploratory(evidence: Evidence) -> list[Block]:
    """Simple effects in every stratum: looked at, not judged."""
    rows = evidence.effects.exploratory
    if not rows:
        return []
    note = Paragraph(
        phrases=(
            "Simple effects in every stratum, not corrected for their number and without verdict: hints for"
            " the next study, no findings of this one.",
        )
    )
    alpha = evidence.design.study.analysis.alpha
    by_metric: dict[str, list[EffectRow]] = {}
    for row in rows:
        by_metric.setdefault(row.metric, []).append(row)
    return [
        note,
        *(
            Fold(
                title=f"{count(len(found), 'simple effect')} on {metric}",
                blocks=tuple(
                    effects_table(
                        found[:MAX_ROWS], evidence.measure(metric), alpha, said=evidence.effects.notes
                    )
                ),
            )
            for metric, found in by_metric.items()
        ),
    ]
