"""Effects: the judgement of results, row by row, by the rules that were declared before them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ablations.contrasts.contrast import Contrast, Contrasts
from ablations.contrasts.rows import ContrastRow
from ablations.design.arm import text_of
from ablations.design.factor import name_many
from ablations.effects.collapse import collapse_note, watch_collapse
from ablations.effects.crossings import crossings_of
from ablations.effects.effect import (
    ContrastEffects,
    EffectRow,
    Effects,
    Sensitivity,
)
from ablations.effects.holes import UNRELATED, missing_runs, weigh_holes
from ablations.effects.inference import Inference, infer
from ablations.effects.interval import Interval
from ablations.effects.margin import about_margin
from ablations.effects.mixtures import explained, mixtures, untested
from ablations.effects.ranks import rank_families
from ablations.effects.simultaneous import simultaneous
from ablations.effects.standing import State, standing_of
from ablations.effects.strata import populations
from ablations.effects.summaries import summarise
from ablations.effects.variance import shares_of_variance
from ablations.effects.verdict import Ruling, remarks, rule, settling_seeds
from ablations.effects.wording import Verdict
from ablations.results.results import Results
from ablations.results.scoring import Gaps, Scores, find_gaps, score
from ablations.stats.populations import MIN_STRATA
from ablations.stats.reach import smallest_adjusted

__all__ = ["ContrastEffects", "EffectRow", "Effects", "Interval", "Sensitivity", "Verdict", "judge"]

POST_HOC = "post hoc: this contrast was added after results existed"
TUNED_ONCE = "conditional on these tuned settings: they were searched for once"
EARLY = "judged on results of a study that is to have more seeds, as its pilot sets: no verdict"
EXTENDED = "extended after results were known, without a look declared at the start: no verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Occasion:
    """When results are judged, and what may be said then.

    `open` allows p-values, `withheld` says why there is no verdict all the same, `num_looks` split alpha.
    """

    open: bool
    withheld: str | None
    num_looks: int
    notes: tuple[str, ...]


def judge(
    contrasts: Contrasts,
    results: Results,
    *,
    final: bool,
    extended: bool = False,
    early: bool = False,
    state: State | None = None,
) -> Effects:
    """The effects that these results show.

    Before the end there are estimates only, except at a look that the study declared: once every trial of
    its first so many seeds has ended, these seeds alone are judged, at the look's share of alpha. A study
    `extended` by seeds after its results were known gets verdicts at declared looks only, one that forestalls
    another's is `early` and gets none. `state` is the study's: done where it is `final`, else running, if not
    given. Before a pilot has set the number of seeds nothing is shown that tells one arm from another.
    """
    look = None if final else _reached(contrasts.looks, results)
    pilot = contrasts.resize.pilot if contrasts.resize and contrasts.resize.pending else None
    standing = standing_of(state or ("done" if final else "running"), results, look=look, pilot=pilot)
    if look is not None:
        results = results.first(look)
    if pilot is not None:
        results = results.blank()
    withheld = EARLY if early else EXTENDED if extended and not contrasts.looks else None
    opens = (final or look is not None) and pilot is None
    occasion = _occasion(contrasts, results, open=opens, withheld=withheld)
    return Effects(
        interim=not final,
        contrasts=tuple(_judge_family(contrast, results, occasion) for contrast in contrasts.contrasts),
        exploratory=tuple(_judge_apart(contrasts.exploratory, results, occasion)),
        interactions=tuple(_judge_apart(contrasts.interactions, results, occasion)),
        look=look,
        notes=occasion.notes,
        arms=summarise(contrasts.arms, results),
        variance=shares_of_variance(contrasts.arms, results),
        crossings=crossings_of(contrasts.arms, contrasts.factors, results, alpha=contrasts.alpha),
        standing=standing,
    )


def _reached(looks: Sequence[int], results: Results) -> int | None:
    """The last declared look whose seeds have all ended."""
    reached = [look for look in looks if look <= len(results.seeds) and results.ended[:, :look].all()]
    return max(reached, default=None)


def _occasion(contrasts: Contrasts, results: Results, *, open: bool, withheld: str | None) -> Occasion:
    num_seeds, looks = len(results.seeds), contrasts.looks
    withheld = withheld if open else None
    if open and looks and num_seeds not in looks:
        declared = ", ".join(map(str, looks))
        withheld = f"{num_seeds} seeds are no declared look ({declared}): no verdict"
    notes = [withheld] if withheld else []
    if contrasts.resize is not None:
        notes.append(contrasts.resize.outcome)
    if open and num_seeds in looks and len(looks) > 1:
        which = looks.index(num_seeds) + 1
        notes.append(f"look {which} of {len(looks)}: alpha is split between the looks")
    if contrasts.tuned_once:
        notes.append(TUNED_ONCE)
    return Occasion(open=open, withheld=withheld, num_looks=contrasts.num_looks, notes=tuple(notes))


def _judge_family(contrast: Contrast, results: Results, occasion: Occasion) -> ContrastEffects:
    gaps, margin = find_gaps(contrast, results), _margin(contrast, results)
    scores = gaps.dropped()
    alpha = contrast.alpha / occasion.num_looks
    mixed = mixtures(contrast, results)
    found = untested(infer(contrast, scores, level=1 - alpha, margin=margin), mixed)
    ruling = rule(contrast, found, alpha=alpha)
    rows = _rows(contrast, results, scores, found, ruling)
    behind = populations(contrast, scores, alpha=alpha)
    rows = [replace(row, population=population) for row, population in zip(rows, behind, strict=True)]
    if contrast.primary:
        at_once = simultaneous(contrast, scores, alpha=alpha)
        rows = [replace(row, simultaneous=wide) for row, wide in zip(rows, at_once, strict=True)]
    if occasion.open and contrast.primary and occasion.withheld is None:
        rows = _add_verdicts(contrast, results, gaps, found, ruling, rows)
    rows = explained(rows, mixed)
    shared = (*((POST_HOC,) if contrast.post_hoc else ()), *occasion.notes)
    if not occasion.open:
        rows = [_drop_tests(row) for row in rows]
    elif contrast.primary:
        rows = [replace(row, notes=(*row.notes, *shared)) for row in rows]
    return ContrastEffects(
        name=contrast.name,
        primary=contrast.primary,
        metric=contrast.metric,
        test=ruling.test,
        correction=contrast.correction,
        alpha=alpha,
        rows=tuple(rows),
        margin=contrast.margin,
        scale="log" if scores.log else "linear",
        shape=contrast.shape,
        estimator="pseudomedian" if found.pseudomedian else "mean",
        post_hoc=contrast.post_hoc,
        notes=shared,
        random=contrast.random,
        ranks=rank_families(
            contrast, scores, alpha=alpha, tested=occasion.open and not any(r.mixed for r in rows)
        ),
    )


def _judge_apart(contrasts: Iterable[Contrast], results: Results, occasion: Occasion) -> Iterable[EffectRow]:
    """Exploratory rows: neither corrected nor judged."""
    for contrast in contrasts:
        scores = score(contrast, results)
        mixed = mixtures(contrast, results)
        found = untested(infer(contrast, scores, level=1 - contrast.alpha, bootstrap=False), mixed)
        ruling = rule(contrast, found, alpha=contrast.alpha)
        for row in explained(_rows(contrast, results, scores, found, ruling), mixed):
            yield replace(row, p_adjusted=None) if occasion.open else _drop_tests(row)


def _margin(contrast: Contrast, results: Results) -> float | None:
    """The margin on the scale of the scores."""
    if contrast.margin is None or contrast.shape == "trend":
        return None
    log = results.reading(contrast.metric).scale == "log"
    return math.log1p(contrast.margin) if log else contrast.margin


def _rows(
    contrast: Contrast, results: Results, scores: Scores, found: Inference, ruling: Ruling
) -> list[EffectRow]:
    reading = results.reading(contrast.metric)
    unit = "log ratio" if scores.log else reading.unit
    n = scores.n
    return [
        _row(
            contrast,
            row,
            i,
            found,
            ruling,
            n=int(n[i]),
            holes=int(scores.holes[i]),
            unit=unit,
            log=scores.log,
            rate=reading.kind == "rate",
        )
        for i, row in enumerate(contrast.rows)
    ]


def _row(
    contrast: Contrast,
    row: ContrastRow,
    i: int,
    found: Inference,
    ruling: Ruling,
    *,
    n: int,
    holes: int,
    unit: str,
    log: bool,
    rate: bool,
) -> EffectRow:
    sided = contrast.shape == "difference"
    side = math.exp if log else float
    interval = Interval(
        estimate=_number(found.estimate[i]), low=_number(found.low[i]), high=_number(found.high[i])
    )
    return EffectRow(
        contrast=contrast.name,
        metric=contrast.metric,
        of=row.of,
        against=row.against,
        within=row.within,
        estimate=interval.estimate,
        low=interval.low,
        high=interval.high,
        p=_number(ruling.p[i]),
        p_adjusted=_number(ruling.p_adjusted[i]),
        others=_others(found, ruling, i),
        n=n,
        holes=holes,
        unit=unit,
        verdict=None,
        rate=rate,
        ratio=interval.exponential() if log else None,
        bootstrap=_bootstrap(found, i),
        mean=_number(found.mean[i]),
        sd=_number(found.sd[i]),
        effect_size=_number(found.effect_size[i]),
        median=_number(found.median[i]),
        interquartile_mean=_number(found.interquartile_mean[i]),
        of_mean=_number(side(found.of[i])) if sided else None,
        against_mean=_number(side(found.against[i])) if sided else None,
        pairing=_number(found.correlation[i]) if sided else None,
    )


def _others(found: Inference, ruling: Ruling, i: int) -> dict[str, float | None]:
    """The p-values of all tests."""
    others = {
        "paired_t": _number(found.paired_t[i]),
        "sign_flip": _number(found.sign_flip[i]),
        "sign_flip_error": _number(found.sign_flip_error[i]),
        "wilcoxon": _number(found.wilcoxon[i]),
    }
    if found.of_rates:
        others["mcnemar"] = _number(found.mcnemar[i])
    if math.isfinite(found.hartung_knapp[i]):
        others["hartung_knapp"] = _number(found.hartung_knapp[i])
    if math.isfinite(ruling.tost[i]):
        others["tost"] = _number(ruling.tost[i])
        others["tost_adjusted"] = _number(ruling.tost_adjusted[i])
    return others


def _bootstrap(found: Inference, i: int) -> Interval | None:
    low, high = _number(found.bootstrap_low[i]), _number(found.bootstrap_high[i])
    if low is None or high is None:
        return None
    return Interval(estimate=_number(found.mean[i]), low=low, high=high)


def _drop_tests(row: EffectRow) -> EffectRow:
    """The row as it may be shown before the end."""
    population = row.population and replace(row.population, q_p=None)
    return replace(
        row, p=None, p_adjusted=None, others={}, bootstrap=None, effect_size=None, population=population
    )


def _add_verdicts(
    contrast: Contrast,
    results: Results,
    gaps: Gaps,
    found: Inference,
    ruling: Ruling,
    rows: Sequence[EffectRow],
) -> list[EffectRow]:
    scores, margin = gaps.dropped(), _margin(contrast, results)
    best = smallest_adjusted(ruling.test, [int(seeds) for seeds in scores.n], contrast.correction)
    needed = settling_seeds(contrast, ruling, found, margin)
    notes = remarks(contrast, ruling, found, scores.n, len(results.seeds))
    doubts = weigh_holes(contrast, gaps, found, ruling, margin)
    judged = []
    for i, row in enumerate(rows):
        row = replace(row, verdict=ruling.verdicts[i], seeds_needed=needed[i], sensitivity=doubts.get(i))
        verdict, reason = _withhold(contrast, results, row, i, doubts.get(i))
        own = (
            *notes[i],
            *_population_notes(row, len(results.seeds)),
            *_hole_notes(contrast, row, doubts.get(i)),
        )
        row = replace(row, verdict=verdict, reason=reason, notes=own)
        inside = bool(ruling.tost_adjusted[i] <= ruling.alpha)
        flat = bool(found.coarse[i] == 1 or best[i] > ruling.alpha)
        judged.append(about_margin(contrast, row, margin, inside=inside, coarse=flat))
    verdicts = {i: row.verdict for i, row in enumerate(judged) if row.verdict is not None}
    known = watch_collapse(contrast, results, scores, found, verdicts, margin)
    return [
        replace(row, collapse=known[i], notes=(*row.notes, collapse_note(known[i], *_sides(row))))
        if i in known
        else row
        for i, row in enumerate(judged)
    ]


def _sides(row: EffectRow) -> tuple[str, str]:
    return text_of(row.of), text_of(row.against)


def _withhold(
    contrast: Contrast, results: Results, row: EffectRow, i: int, doubt: Sensitivity | None
) -> tuple[Verdict | None, str | None]:
    """The verdict that a row may have, and why it has none."""
    if row.n == 0:
        none = "no seed has a value on both sides"
        return "no data", none if contrast.random is None else _too_few(contrast.random)
    if doubt is None or not doubt.flips or contrast.missing == "unrelated" or doubt.found == "inconclusive":
        return row.verdict, None
    runs = missing_runs(contrast, results, i if row.holes else None)
    return "inconclusive", f"depends on {runs}" + ("" if row.holes else " in other rows")


def _too_few(factor: str) -> str:
    return f"fewer than {MIN_STRATA} {name_many(factor)} have two seeds with a value on both sides"


def _population_notes(row: EffectRow, num_seeds: int) -> tuple[str, ...]:
    """What stands beside a verdict about a population."""
    if row.population is None:
        return ()
    said = (row.population.coming, row.population.heterogeneity)
    return (*(text for text in said if text), *row.population.gaps(num_seeds))


def _hole_notes(contrast: Contrast, row: EffectRow, doubt: Sensitivity | None) -> tuple[str, ...]:
    """The lines beside a verdict that other values in the holes would change."""
    if doubt is None or not doubt.flips:
        return ()
    notes = []
    if doubt.tipping is not None:
        worse, more = ("less", "more") if contrast.goal == "maximize" else ("more", "less")
        tip = doubt.tipping
        ends = [
            f"{text_of(name)} at {value:.4g}"
            + (f" or {worse if tip.worst == side else more}" if tip.worst else "")
            for side, name, value in (("of", row.of, tip.of), ("against", row.against, tip.against))
            if value is not None
        ]
        notes.append(f"{doubt.found}, with the missing runs of {' and of '.join(ends)} {tip.becomes}")
    if contrast.missing == "unrelated":
        notes.append(UNRELATED)
    return tuple(notes)


def _number(value: float) -> float | None:
    """The value for JSON: null where there is none."""
    return float(value) if math.isfinite(value) else None
