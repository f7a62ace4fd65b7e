"""The judged contrasts: a forest of effects, the table behind it, and the exploratory rows."""

from collections.abc import Sequence

from ablations.effects import ContrastEffects, EffectRow
from ablations.report.document import Block, Callout, Column, Fold, Kind, Paragraph, Table
from ablations.report.evidence import Evidence, Measure, levels_text, selection_text
from ablations.report.numbers import compact, count, decimals_for, interval_name, listing
from ablations.report.plots import Figure, Forest, ForestRow, slug

MAX_OPEN_ROWS = 24
MAX_ROWS = 2000


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
    return [
        Fold(
            title=f"{c.name} on {c.metric} ({count(len(c.rows), 'row')})", blocks=tuple(contrast(evidence, c))
        )
        for c in rest
    ]


def contrast(evidence: Evidence, judged: ContrastEffects) -> list[Block]:
    """One contrast: what it compares, the forest, the table; the tail of a long one folded."""
    if not judged.rows:
        return [Callout(tone="note", title="No row can be estimated yet")]
    measure = evidence.measure(judged.metric)
    name = slug(f"effects-{evidence.effects.contrasts.index(judged) + 1}-{judged.name}-{judged.metric}")
    rows = _by_stratum(judged.rows)
    top, tail = rows[:MAX_OPEN_ROWS], rows[MAX_OPEN_ROWS:]
    blocks: list[Block] = [
        Paragraph(phrases=(_explanation(evidence, judged),)),
        _forest(name, measure, top, judged.alpha),
        effects_table(top, measure, judged.alpha),
    ]
    if tail:
        rest = (
            _forest(f"{name}-rest", measure, tail, judged.alpha) if len(tail) <= 4 * MAX_OPEN_ROWS else None,
            effects_table(tail, measure, judged.alpha),
        )
        title = f"The other {count(len(tail), 'row')}"
        blocks.append(Fold(title=title, blocks=tuple(b for b in rest if b is not None)))
    return blocks


def _by_stratum(rows: Sequence[EffectRow]) -> list[EffectRow]:
    """The rows with those of one stratum together, strata in the order of their first row."""
    strata = list(dict.fromkeys(levels_text(row.within) for row in rows))
    return sorted(rows, key=lambda row: strata.index(levels_text(row.within)))


def _explanation(evidence: Evidence, judged: ContrastEffects) -> str:
    asked = evidence.question(judged)
    words = {"paired_t": "Paired t test", "sign_flip": "Exact sign-flip test", "wilcoxon": "Wilcoxon test"}
    kind = "Differences in the share of seeds" if asked.kind == "rate" else f"Differences in {judged.metric}"
    averaged = f", averaged over {listing(asked.over)}" if asked.over else ""
    where = selection_text(evidence.selection(judged.name))
    where = f" where {where}" if where else ""
    correction = {"holm": "Holm", "bh": "Benjamini-Hochberg", "none": "no"}[judged.correction]
    corrected = f"{correction} correction over {count(len(judged.rows), 'row')}"
    return (
        f"{kind} between arms that share a seed{where}{averaged}. "
        f"{words[judged.test]}, {corrected}, \N{GREEK SMALL LETTER ALPHA} = {compact(judged.alpha)}."
    )


def _forest(name: str, measure: Measure, rows: Sequence[EffectRow], alpha: float) -> Figure:
    return Figure(
        name=name,
        caption=f"Differences in {measure.name} with {interval_name(alpha)}s. Filled marks are decided.",
        plot=Forest(
            rows=tuple(
                ForestRow(
                    label=f"{compact(row.of)} \N{MINUS SIGN} {compact(row.against)}",
                    heading=levels_text(row.within),
                    estimate=row.estimate,
                    low=row.low,
                    high=row.high,
                    verdict=row.verdict,
                )
                for row in rows
            ),
            x_label=f"difference in {measure.name}",
            better="right" if measure.goal == "maximize" else "left",
        ),
    )


def effects_table(rows: Sequence[EffectRow], measure: Measure, alpha: float) -> Table:
    """Rows of effects; verdicts and p-values only where there are any."""
    decimals = decimals_for(
        (row.high - row.low) / 2 if row.low is not None and row.high is not None else None for row in rows
    )
    strata = list(dict.fromkeys(name for row in rows for name in row.within))
    with_p = any(row.p is not None for row in rows)
    adjusted = any(row.p_adjusted is not None for row in rows)
    with_verdict = any(row.verdict is not None for row in rows)
    columns = [
        *(Column(name=name, kind=Kind.NAME) for name in strata),
        Column(name="of", kind=Kind.NAME),
        Column(name="against", kind=Kind.NAME),
        Column(
            name="difference",
            kind=Kind.DIFFERENCE,
            decimals=decimals,
            help=f"of minus against, in {measure.label}",
        ),
        Column(name=interval_name(alpha), kind=Kind.INTERVAL, decimals=decimals),
        *([Column(name="p", kind=Kind.P)] if with_p else []),
        *([Column(name="adjusted p", kind=Kind.P)] if with_p and adjusted else []),
        Column(name="n", kind=Kind.COUNT, help="seeds behind the difference"),
        Column(name="holes", kind=Kind.COUNT, help="seeds without a result on either side"),
        *([Column(name="verdict", kind=Kind.VERDICT)] if with_verdict else []),
    ]
    cells = [
        (
            *(None if name not in row.within else compact(row.within[name]) for name in strata),
            compact(row.of),
            compact(row.against),
            row.estimate,
            (row.low, row.high),
            *([row.p] if with_p else []),
            *([row.p_adjusted] if with_p and adjusted else []),
            row.n,
            row.holes,
            *([row.verdict] if with_verdict else []),
        )
        for row in rows
    ]
    return Table(columns=tuple(columns), rows=tuple(cells))


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
                blocks=(effects_table(found[:MAX_ROWS], evidence.measure(metric), alpha),),
            )
            for metric, found in by_metric.items()
        ),
    ]
