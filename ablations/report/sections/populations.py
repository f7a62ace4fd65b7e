"""Over models, over datasets: what a contrast with a random factor says of those that were not run."""

from collections.abc import Sequence
from typing import Literal

from ablations.design.factor import name_many
from ablations.effects.effect import ContrastEffects, EffectRow
from ablations.effects.interval import Interval
from ablations.effects.population import Population, Ranks
from ablations.report.document.document import Block, Cell, Column, Fold, Kind, Paragraph, Table
from ablations.report.document.numbers import (
    compact,
    count,
    decimals_each,
    difference,
    half_width,
    interval,
    interval_name,
    listing,
    number,
    p_phrase,
)
from ablations.report.document.plots import Figure, Forest, ForestRow, slug
from ablations.report.evidence import Evidence, Measure, levels_text

MAX_ROWS = 12
FIXED_OR_RANDOM = (
    "A fixed average asks of the {many} that were run and of no others, and its interval holds the spread"
    " over seeds alone; here they are a sample, the mean is that over {many} in general, and its interval"
    " holds also how far effects differ between them."
)
SHRUNK = (
    "Shrunk: the effect of a {factor} drawn towards the mean, the more so the less its own seeds say; its"
    " interval is for the true effect of that {factor}, if its effect is one of the same normal population."
)
RANKED = (
    "Ranks ask which arm is ahead how often, and pass over by how much. Rank 1 is the best; a {factor}"
    " counts once, whatever its seeds."
)
PAIRED = "Pairs of arms are compared by Wilcoxon's signed-rank test over {many}, adjusted by Holm."
FRIEDMAN = (
    "Friedman's test, as Iman and Davenport corrected it, of whether all arms rank alike: F = {f}, {p}."
)
MIDDLE = (
    "The interquartile mean (IQM) is that of the middle half of all runs, over seeds and {many}, as they"
    " stand: compare it where the metric means the same for all {many}. Its interval resamples the runs"
    " within each {factor} and is for these {many}; with few seeds it is too short."
)


def title(evidence: Evidence) -> str:
    """Over models, over datasets."""
    factors = [c.random for c in evidence.effects.contrasts if c.random is not None]
    return f"Over {listing([name_many(factor) for factor in dict.fromkeys(factors)])}"


def populations(evidence: Evidence) -> list[Block]:
    """The contrasts with a random factor; all but the primary one folded."""
    blocks: list[Block] = []
    for judged in evidence.effects.contrasts:
        if judged.random is None or not any(row.population for row in judged.rows):
            continue
        found = _contrast(evidence, judged, judged.random)
        if judged.primary:
            blocks = [*found, *blocks]
        else:
            blocks.append(Fold(title=f"{judged.name} on {judged.metric}", blocks=tuple(found)))
    return blocks


def _contrast(evidence: Evidence, judged: ContrastEffects, factor: str) -> list[Block]:
    measure, many = evidence.measure(judged.metric), name_many(factor)
    rows = [row for row in judged.rows if row.population is not None][:MAX_ROWS]
    blocks: list[Block] = [Paragraph(phrases=(FIXED_OR_RANDOM.format(many=many),))]
    blocks += [Paragraph(phrases=(_sentence(row, measure, len(evidence.results.seeds)),)) for row in rows]
    known = [row for row in rows if row.population is not None and row.population.counting]
    if known:
        blocks += [_forest(evidence, judged, known, measure), _table(known, factor)]
        blocks.append(Paragraph(phrases=(SHRUNK.format(factor=factor),)))
    for ranks in judged.ranks:
        blocks += _ranks(ranks, judged, factor, measure)
    return blocks


def _sentence(row: EffectRow, measure: Measure, num_seeds: int) -> str:
    """The mean, the next level, whether levels differ, and what is missing."""
    population = row.population
    assert population is not None
    said = [text for text in (population.coming, population.heterogeneity) if text]
    said += population.gaps(num_seeds)
    name = f"{compact(row.of)} against {compact(row.against)} on {measure.name}"
    where = f" where {levels_text(row.within)}" if row.within else ""
    head = f"{name}{where}: "
    if row.estimate is not None:
        many = name_many(population.factor)
        mean = f"{_written(row.shown, population)} for {many} in general"
        if population.fixed is not None:
            num = count(len(population.counting), population.factor, name_many(population.factor))
            mean += f"; {_written(population.shown(population.fixed), population)} for these {num} alone"
        said.insert(0, mean)
    return head + ". ".join(text[:1].upper() + text[1:] if i else text for i, text in enumerate(said)) + "."


def _written(shown: Interval, population: Population) -> str:
    decimals = decimals_each([half_width(shown.low, shown.high)])[0]
    write = number if population.log else difference
    ends = interval(shown.low, shown.high, decimals, signed=not population.log)
    return f"{'a factor of ' if population.log else ''}{write(shown.estimate, decimals)} {ends}"


def _forest(
    evidence: Evidence, judged: ContrastEffects, rows: Sequence[EffectRow], measure: Measure
) -> Figure:
    log = judged.scale == "log"
    kind = "factor" if log else "difference"
    place = evidence.effects.contrasts.index(judged) + 1
    return Figure(
        name=slug(f"over-{place}-{judged.name}-{judged.metric}"),
        caption=(
            f"Each {judged.random} by its own seeds (circles) and drawn towards the mean (blue), the mean"
            f" over {name_many(judged.random or '')} and where the next one would lie (dashed);"
            f" {interval_name(judged.alpha)}s."
        ),
        plot=Forest(
            rows=tuple(line for row in rows for line in _lines(row, headed=len(rows) > 1)),
            x_label=f"{kind} in {measure.name}",
            factors=log,
            better="right" if measure.goal == "maximize" else "left",
            margin=judged.margin,
        ),
    )


def _lines(row: EffectRow, *, headed: bool) -> list[ForestRow]:
    population = row.population
    assert population is not None
    pair = f"{compact(row.of)} \N{MINUS SIGN} {compact(row.against)}"
    heading = ", ".join(part for part in (levels_text(row.within), pair) if part) if headed else ""
    lines = [
        _line(
            compact(stratum.level),
            heading,
            population.shown(stratum.own),
            second=stratum.shrunk,
            of=population,
        )
        for stratum in population.counting
        if stratum.own is not None
    ]
    if row.estimate is not None and population.prediction is not None:
        label = f"mean over {name_many(population.factor)}"
        lines.append(_line(label, heading, row.shown, verdict=row.verdict, role="mean"))
        ahead = population.shown(population.prediction)
        lines.append(_line(f"the next {population.factor}", heading, ahead, role="prediction"))
    return lines


def _line(
    label: str,
    heading: str,
    shown: Interval,
    *,
    verdict: str | None = None,
    role: Literal["effect", "mean", "prediction"] = "effect",
    second: Interval | None = None,
    of: Population | None = None,
) -> ForestRow:
    drawn = of.shown(second) if of is not None and second is not None else None
    return ForestRow(
        label=label,
        heading=heading,
        estimate=shown.estimate,
        low=shown.low,
        high=shown.high,
        verdict=verdict,
        role=role,
        second=None if drawn is None else (drawn.estimate, drawn.low, drawn.high),
    )


def _table(rows: Sequence[EffectRow], factor: str) -> Table:
    strata = list(dict.fromkeys(name for row in rows for name in row.within))
    lines = [
        (row, row.population, stratum) for row in rows if row.population for stratum in row.population.strata
    ]
    log = any(row.ratio is not None for row in rows)
    shown = [
        [None if each is None else population.shown(each) for each in (stratum.own, stratum.shrunk)]
        for _, population, stratum in lines
    ]
    decimals = decimals_each([None if own is None else half_width(own.low, own.high) for own, _ in shown])
    effect = Kind.NUMBER if log else Kind.DIFFERENCE
    level = interval_name(rows[0].population.alpha if rows[0].population else 0.05)
    columns = (
        *(Column(name=name, kind=Kind.NAME) for name in (*strata, "of", "against", factor)),
        Column(name="n", kind=Kind.COUNT, help="seeds with a value on both sides"),
        Column(name="factor" if log else "difference", kind=effect, decimals=decimals),
        Column(
            name=level, kind=Kind.INTERVAL, decimals=decimals, signed=not log, help="over its seeds alone"
        ),
        Column(name="shrunk", kind=effect, decimals=decimals, help="drawn towards the mean"),
        Column(name="its interval", kind=Kind.INTERVAL, decimals=decimals, signed=not log),
    )
    cells = tuple(
        (
            *(None if name not in row.within else compact(row.within[name]) for name in strata),
            compact(row.of),
            compact(row.against),
            compact(stratum.level),
            stratum.n,
            *_cells(own),
            *_cells(shrunk),
        )
        for (row, _, stratum), (own, shrunk) in zip(lines, shown, strict=True)
    )
    return Table(columns=columns, rows=cells)


def _cells(shown: Interval | None) -> tuple[Cell, Cell]:
    return (None, None) if shown is None else (shown.estimate, (shown.low, shown.high))


def _ranks(ranks: Ranks, judged: ContrastEffects, factor: str, measure: Measure) -> list[Block]:
    many = name_many(factor)
    words = {"factor": factor, "many": many}
    where = f" where {levels_text(ranks.within)}" if ranks.within else ""
    out = f" {listing([compact(level) for level in ranks.left_out])} lack a value." if ranks.left_out else ""
    order = sorted(range(len(ranks.arms)), key=lambda i: ranks.mean_ranks[i])
    decimals = decimals_each([half_width(each.low, each.high) for each in ranks.middle])
    table = Table(
        columns=(
            Column(name="arm", kind=Kind.NAME),
            Column(name="mean rank", kind=Kind.NUMBER, decimals=2, help=f"over {len(ranks.strata)} {many}"),
            Column(
                name="IQM", kind=Kind.NUMBER, decimals=tuple(decimals[i] for i in order), help=measure.label
            ),
            Column(
                name=interval_name(judged.alpha),
                kind=Kind.INTERVAL,
                decimals=tuple(decimals[i] for i in order),
                signed=False,
            ),
        ),
        rows=tuple(
            (compact(ranks.arms[i]), ranks.mean_ranks[i], ranks.middle[i].estimate, _ends(ranks.middle[i]))
            for i in order
        ),
    )
    over = f"Ranks over {count(len(ranks.strata), factor, many)}{where}.{out}"
    text = " ".join([over, RANKED.format(**words), *_tests(ranks, many)])
    return [
        Paragraph(phrases=(text,)),
        table,
        *_pairs(ranks, many),
        Paragraph(phrases=(MIDDLE.format(**words),)),
    ]


def _ends(shown: Interval) -> tuple[float | None, float | None]:
    return shown.low, shown.high


def _tests(ranks: Ranks, many: str) -> list[str]:
    """What was tested about the ranks, if anything."""
    said = []
    if ranks.friedman is not None:
        f = "infinite" if ranks.f is None else f"{ranks.f:.3g}"
        said.append(FRIEDMAN.format(f=f, p=p_phrase(ranks.friedman)))
    return [*said, PAIRED.format(many=many)] if ranks.pairs else said


def _pairs(ranks: Ranks, many: str) -> list[Block]:
    if not ranks.pairs:
        return []
    columns = (
        Column(name="of", kind=Kind.NAME),
        Column(name="against", kind=Kind.NAME),
        Column(name="p", kind=Kind.P, help=f"Wilcoxon's signed-rank test over {many}"),
        Column(name="adjusted p", kind=Kind.P),
    )
    rows = tuple((compact(x.of), compact(x.against), x.p, x.p_adjusted) for x in ranks.pairs)
    table = Table(columns=columns, rows=rows)
    least = 2.0 ** (1 - len(ranks.strata))
    few = f"With {len(ranks.strata)} {many} no p of a pair can be below {least:.2g}."
    return [table, Paragraph(phrases=(few,))] if least * len(ranks.pairs) > 0.05 else [table]
