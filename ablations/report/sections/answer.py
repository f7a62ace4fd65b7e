"""The answer in plain sentences, and what stands between it and a conclusion."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from ablations.design.factor import name_many
from ablations.design.search import RANK, num_repeats, rank_of
from ablations.effects.holes import UNRELATED
from ablations.effects.judge import ContrastEffects, EffectRow
from ablations.effects.wording import FACTOR, VERDICTS, claim, effect_text
from ablations.errors import Json
from ablations.report.document import numbers
from ablations.report.document.document import Block, Callout, Mark, Paragraph, Phrase, Style, VerdictCounts
from ablations.report.document.numbers import compact, count, listing
from ablations.report.evidence import Evidence, Measure, levels_text
from ablations.report.sections.collapses import collapses
from ablations.report.sections.versions import mixed
from ablations.results.ranking import best_settings

MAX_NAMED = 3
NO_ESTIMATE = " can be estimated yet: no arm and its baseline have both been measured on a seed."
NO_SINGLE = " cannot be estimated yet: no arm and its baseline have both been measured on a seed."


def answer(evidence: Evidence) -> list[Block]:
    """The verdict in about three sentences, with what a reader must keep in mind."""
    judged = evidence.primary
    if judged is None:
        return [*_answer_unasked(evidence), *cautions(evidence)]
    measure = evidence.measure(judged.metric)
    standing = evidence.effects.standing
    if standing.pilot is not None and standing.state != "failed":
        return [Paragraph(phrases=_unjudged(evidence, judged), lead=True), *cautions(evidence)]
    blocks: list[Block] = collapses(evidence, judged)
    if not evidence.effects.interim and all(row.estimate is None for row in judged.rows):
        nothing = Mark("There is no result", Style.STRONG), " on ", Mark(measure.name)
        why = ": no arm and its baseline have both been measured on a seed."
        why = why if standing.state != "failed" else f". {standing.words}"
        blocks += [Paragraph(phrases=(*nothing, why), lead=True)]
    elif all(row.verdict is None for row in judged.rows):
        blocks += [Paragraph(phrases=_unjudged(evidence, judged), lead=True)]
        blocks += [Paragraph(phrases=_largest_estimate(judged, measure))]
    elif len(judged.rows) == 1:
        blocks += [Paragraph(phrases=_single(judged, measure), lead=True)]
    else:
        blocks += [Paragraph(phrases=_summary(judged, measure), lead=True)]
        blocks += [VerdictCounts(counts=tuple(_counted(judged.rows)))]
        blocks += [Paragraph(phrases=_extremes(judged, measure))]
    return [*blocks, *cautions(evidence)]


def _unjudged(evidence: Evidence, judged: ContrastEffects) -> tuple[Phrase, ...]:
    num = count(len(judged.rows), "comparison")
    if evidence.effects.interim:
        return (evidence.effects.standing.words,)
    return (f"Verdicts are withheld on {num}; the reason is given below.",)


def _single(judged: ContrastEffects, measure: Measure) -> tuple[Phrase, ...]:
    (row,) = judged.rows
    return (*_claim(row, measure, strong=True), " ", _figures(row, judged.alpha), ".", *_coming(row))


def _summary(judged: ContrastEffects, measure: Measure) -> tuple[Phrase, ...]:
    decided = [row for row in judged.rows if row.verdict in ("better", "worse", "equivalent", "not worse")]
    num_rows = len(judged.rows)
    if not decided and any(row.reason for row in judged.rows):
        return (
            Mark("Nothing is decided", Style.STRONG),
            f" in any of the {num_rows} comparisons on ",
            Mark(measure.name),
            f": {_why_undecided(judged.rows)}.",
        )
    if not decided:
        return (
            Mark("No difference can be told from chance", Style.STRONG),
            f" in any of the {num_rows} comparisons on ",
            Mark(measure.name),
            ".",
        )
    words = [f"{num} {'is' if num == 1 else 'are'} {said}" for said, num in _counted(decided)]
    left = sum(row.verdict == "inconclusive" for row in judged.rows)
    tail = f"; {left} remain inconclusive" if left > 1 else "; 1 remains inconclusive" if left else ""
    if empty := num_rows - len(decided) - left:
        tail += f"; {empty} {'has' if empty == 1 else 'have'} no data"
    return (
        f"Of {num_rows} comparisons on ",
        Mark(measure.name),
        ", ",
        Mark(f"{listing(words)}{_comparison_tail(decided)}", Style.STRONG),
        f"{tail}.",
    )


def _why_undecided(rows: Sequence[EffectRow]) -> str:
    """How many rows have no verdict for which reason."""
    mixed = sum(bool(row.mixed) for row in rows)
    empty = sum(row.verdict == "no data" for row in rows)
    held = sum(bool(row.reason) for row in rows) - mixed - empty
    whose = "the trials of each" if mixed == len(rows) else f"the trials of {mixed}"
    parts = [
        *([f"{whose} did not all run with the same code, data and kind of machine"] if mixed else []),
        *([f"{held} {'depends' if held == 1 else 'depend'} on runs that are missing"] if held else []),
        *([f"{empty} {'has' if empty == 1 else 'have'} no data"] if empty else []),
    ]
    if left := len(rows) - mixed - empty - held:
        parts.append(f"{left} {'does' if left == 1 else 'do'} not stand out from chance")
    return "; ".join(parts)


def _counted(rows: Sequence[EffectRow]) -> list[tuple[str, int]]:
    """How often each verdict stands, in its words and in their order."""
    ordered = sorted(
        (row for row in rows if row.verdict), key=lambda row: VERDICTS.index(row.verdict or "no data")
    )
    return list(Counter(row.words or "" for row in ordered).items())


def _comparison_tail(rows: Sequence[EffectRow]) -> str:
    plain = all(row.verdict in ("better", "worse") and row.margin_side is None for row in rows)
    return " than the baseline" if plain else ""


def _extremes(judged: ContrastEffects, measure: Measure) -> tuple[Phrase, ...]:
    """The largest decided effect in words, and where nothing could be decided."""
    decided = [r for r in judged.rows if r.verdict in ("better", "worse") and r.estimate is not None]
    if not decided:
        return _largest_estimate(judged, measure)
    largest = max(decided, key=lambda r: abs(r.estimate or 0.0))
    phrases: list[Phrase] = [
        "The largest decided effect: ",
        *_claim(largest, measure),
        " ",
        _figures(largest, judged.alpha, among=len(judged.rows)),
        ".",
        *_coming(largest),
    ]
    undecided = [r for r in judged.rows if r.verdict == "inconclusive"]
    if undecided and len(undecided) <= MAX_NAMED:
        phrases.append(" Inconclusive: ")
        for i, row in enumerate(undecided):
            phrases += ["; " if i else "", *_pair(row)]
        phrases.append(".")
    return tuple(phrases)


def _largest_estimate(judged: ContrastEffects, measure: Measure) -> tuple[Phrase, ...]:
    """The row furthest from no difference, which only a verdict says to differ."""
    known = [row for row in judged.rows if row.estimate is not None]
    if not known:
        if len(judged.rows) == 1:
            return ("The comparison on ", Mark(measure.name), NO_SINGLE)
        return (f"None of the {count(len(judged.rows), 'comparison')} on ", Mark(measure.name), NO_ESTIMATE)
    widest = max(known, key=lambda r: abs(r.estimate or 0.0))
    claim = _claim(widest, measure) if widest.verdict else [*_pair(widest, measure)]
    which = "The largest estimate: " if len(judged.rows) > 1 else "The estimate: "
    return (which, *claim, " ", _figures(widest, judged.alpha, among=len(judged.rows)), ".")


def _claim(row: EffectRow, measure: Measure, *, strong: bool = False) -> list[Phrase]:
    withheld = row.reason is not None
    verb, tail = claim(row.verdict, row.margin_side, withheld=withheld, mixed=bool(row.mixed))
    return [
        Mark(compact(row.of)),
        " ",
        Mark(verb, Style.STRONG) if strong else verb,
        " ",
        Mark(compact(row.against)),
        tail,
        " on ",
        Mark(measure.name),
        *_where(row),
    ]


def _pair(row: EffectRow, measure: Measure | None = None) -> list[Phrase]:
    on: list[Phrase] = [" on ", Mark(measure.name)] if measure is not None else []
    return [Mark(compact(row.of)), " against ", Mark(compact(row.against)), *on, *_where(row)]


def _where(row: EffectRow) -> list[Phrase]:
    where: list[Phrase] = [" where ", Mark(levels_text(row.within))] if row.within else []
    return [*where, f" for {name_many(row.population.factor)} in general"] if row.population else where


def _coming(row: EffectRow) -> list[Phrase]:
    """What the next level of a random factor will show, beside the mean over all."""
    said = row.population.coming if row.population else None
    return [f" {said[:1].upper()}{said[1:]}."] if said else []


def _figures(row: EffectRow, alpha: float, *, among: int = 1) -> str:
    """The numbers behind a claim, in brackets; a row picked `among` several has the interval for all."""
    picked = row.shown_at_once if among > 1 else None
    low, high = (picked or row.shown).low, (picked or row.shown).high
    half = numbers.half_width(low, high)
    decimals = numbers.decimals_for([half])
    unit = row.shown_unit
    signed = unit != FACTOR
    write = numbers.difference if signed else numbers.number
    parts = [f"{'difference ' if signed else ''}{effect_text(write(row.shown.estimate, decimals), unit)}"]
    if half is not None and (picked is not None or among == 1):
        whose = f" for all {among} rows at once" if picked is not None else ""
        parts.append(
            f"{numbers.interval_name(alpha)}{whose} {numbers.interval(low, high, decimals, signed=signed)}"
        )
    if row.p_adjusted is not None:
        parts.append(f"adjusted {numbers.p_phrase(row.p_adjusted)}")
    if row.population is not None:
        factor = row.population.factor
        parts.append(count(len(row.population.counting), factor, name_many(factor)))
    parts.append(count(row.n, "seed"))
    parts += [row.reason] if row.reason else []
    return f"({', '.join(parts)})"


def _answer_unasked(evidence: Evidence) -> list[Block]:
    means = [
        (float(values.mean()), arm) for arm in evidence.design.arms if len(values := _known(evidence, arm.id))
    ]
    if not means:
        return [Paragraph(phrases=("No trial has finished yet.",), lead=True)]
    pick = max if evidence.main.goal == "maximize" else min
    mean, arm = pick(means, key=lambda pair: pair[0])
    if searched := RANK in arm.levels:  # chosen by validation data, so not by this
        mean, arm = min(means, key=lambda pair: rank_of(pair[1]))
    values = _known(evidence, arm.id)
    spread = float(values.std(ddof=1)) if len(values) > 1 else None
    decimals = numbers.decimals_for([spread])
    sd = f" (standard deviation {numbers.number(spread, decimals)})" if spread is not None else ""
    reached = f"{numbers.number(mean, decimals)}{sd}"
    if evidence.main.rate:
        reached = numbers.percent(mean)
    text = f"{reached} over {count(len(values), 'seed')}"
    best, link = _best(evidence), " is "
    name: list[Phrase] = ["Its mean " if searched and best else "The mean "]
    if arm.levels and not searched:
        name, link = [Mark(levels_text(arm.levels)), " reaches the best mean "], ": "
    phrases = [*name, Mark(evidence.main.name), link, Mark(text, Style.STRONG)]
    tail = ". No contrast was declared, so nothing is judged." if evidence.varying and not searched else "."
    return [*best, Paragraph(phrases=(*phrases, tail), lead=True)]


def _best(evidence: Evidence) -> list[Block]:
    """The settings a search without factors came to."""
    if any(factor.name != RANK for factor in evidence.varying) or num_repeats(evidence.design.study) > 1:
        return []
    found = best_settings(evidence.design, evidence.records)
    settings = [f"{name} = {_searched(value)}" for best in found[:1] for name, value in best.settings.items()]
    if not settings:
        return []
    return [Paragraph(phrases=("The search chose ", Mark(", ".join(settings)), "."), lead=True)]


def _searched(value: Json) -> str:
    return numbers.significant(value) if isinstance(value, float) else compact(value)


def _known(evidence: Evidence, arm_id: str) -> Float[np.ndarray, " seeds"]:
    row = evidence.results.values(evidence.main.name)[evidence.results.arm_index[arm_id]]
    return np.asarray(row[~np.isnan(row)])


def cautions(evidence: Evidence) -> list[Block]:
    """What stands between the numbers and a conclusion."""
    states = Counter(record.state for record in evidence.measuring)
    blocks: list[Block] = []
    if states["diverged"]:
        worst = evidence.main.worst
        counted = f" as the declared worst value ({compact(worst)})" if worst is not None else ""
        blocks.append(
            Callout(
                tone="warning",
                title=f"{count(states['diverged'], 'trial')} diverged",
                text=f"Each counts{counted} and is part of every mean it belongs to.",
            )
        )
    if holes := _num_holes(states, evidence.effects.standing.state):
        blocks.append(
            Callout(
                tone="warning",
                title=f"{count(holes, 'trial')} without a result",
                text="Failed and cancelled trials are holes: a comparison that needs one drops its seed.",
            )
        )
    return [*blocks, *mixed(evidence), *_fragile(evidence), *_notes(evidence)]


def _num_holes(states: Counter[str], state: str) -> int:
    """Trials without a result; those that a cancelled study never ran are told by its standing."""
    return states["failed"] + (0 if state == "cancelled" else states["cancelled"])


def _fragile(evidence: Evidence) -> list[Block]:
    rows = evidence.primary.rows if evidence.primary is not None else ()
    num = sum(row.sensitivity is not None and row.sensitivity.flips for row in rows)
    if not num:
        return []
    if evidence.primary is not None and evidence.question(evidence.primary).missing == "unrelated":
        title = f"{count(num, 'verdict')} would change with other values in the holes"
        text = f"{'It stands' if num == 1 else 'They stand'} all the same: {UNRELATED}."
        return [Callout(tone="warning", title=title, text=text)]
    withheld = sum(
        row.sensitivity is not None and row.verdict == "inconclusive" for row in rows if row.reason
    )
    title = f"{count(num, 'row')} would be decided otherwise with other values in the holes"
    held = (
        f"{count(withheld, 'verdict')} that the finished seeds would give {'is' if withheld == 1 else 'are'}"
        " withheld, as missing runs may be the worst ones; beside"
    )
    text = (
        f"{held if withheld else 'Beside'} each row with holes stands the value from which on it would"
        " change. A study may declare beforehand that failures have nothing to do with the outcome"
        " (missing: unrelated)."
    )
    return [Callout(tone="warning", title=title, text=text)]


def _notes(evidence: Evidence) -> list[Block]:
    """What must be said beside every verdict, once."""
    own = evidence.primary.notes if evidence.primary is not None else ()
    notes = dict.fromkeys((*evidence.effects.notes, *own))
    return [Callout(tone="note", title=note[:1].upper() + note[1:]) for note in notes]
