"""Collapses that were seen, by rates and quantiles: what leads an answer whose means hide them."""

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float

from ablations.contrasts.rows import ContrastRow
from ablations.effects.collapse import collapsed, rate_text
from ablations.effects.judge import ContrastEffects
from ablations.report.document.document import Block, Bullets, Mark, Paragraph, Phrase, Style
from ablations.report.document.numbers import compact, count, significant
from ablations.report.evidence import Evidence, levels_text
from ablations.stats.rarity import LEVEL, not_excluded, seeds_to_exclude

MAX_NAMED = 3
QUANTILES = (0.1, 0.5, 0.9)


def collapses(evidence: Evidence, judged: ContrastEffects) -> list[Block]:
    """Rates and quantiles of both sides of each row that saw collapses, those with most first."""
    if evidence.measure(judged.metric).rate or judged.shape != "difference":
        return []
    runs = collapsed(judged.metric, evidence.results)
    if not runs.any():
        return []
    rows = [(sum(_counts(evidence, row, runs)), row) for row in evidence.question(judged).rows]
    struck = sorted((pair for pair in rows if pair[0]), key=lambda pair: -pair[0])
    if not struck:
        return []
    lead: list[Phrase] = [
        Mark(f"Runs collapsed in {count(len(struck), 'comparison')}", Style.STRONG),
        ", so rates and quantiles say more than means.",
    ]
    told = tuple((_sides(evidence, judged.metric, row, runs),) for _, row in struck[:MAX_NAMED])
    return [Paragraph(phrases=tuple(lead), lead=True), Bullets(items=told)]


def _sides(evidence: Evidence, metric: str, row: ContrastRow, runs: Bool[np.ndarray, "arms seeds"]) -> str:
    values = evidence.results.values(metric)
    told = []
    for name, arms in zip((row.of, row.against), _arms(evidence, row), strict=True):
        known = values[arms][np.isfinite(values[arms])]
        told.append(
            f"{compact(name)} in {int(runs[arms].sum())} of {count(len(known), 'run')}{_quantiles(known)}"
        )
    where = f"{levels_text(row.within)}: " if row.within else ""
    return f"{where}{'; '.join(told)}"


def _quantiles(known: Float[np.ndarray, " runs"]) -> str:
    if len(known) == 0:
        return ""
    low, middle, high = (significant(float(q)) for q in np.quantile(known, QUANTILES))
    return f" (median {middle}, 10 to 90 %: {low} to {high})"


def _counts(evidence: Evidence, row: ContrastRow, runs: Bool[np.ndarray, "arms seeds"]) -> Iterable[int]:
    return (int(runs[arms].sum()) for arms in _arms(evidence, row))


def _arms(evidence: Evidence, row: ContrastRow) -> tuple[list[int], list[int]]:
    index = evidence.results.arm_index
    return (
        [index[arm] for arm, weight in row.weights.items() if weight > 0],
        [index[arm] for arm, weight in row.weights.items() if weight < 0],
    )


def collapse_notes(evidence: Evidence) -> list[str]:
    """What the methods say of collapse, where the judged metric has a worst value to collapse to."""
    primary = evidence.primary
    if primary is None or evidence.measure(primary.metric).worst is None:
        return []
    num_seeds = len(evidence.design.seeds)
    return [
        "A run collapsed if it diverged, lies beyond the threshold of a declared rate of this metric, or,"
        " without such a rate, lies nearer to the declared worst value than to the median of all runs. No"
        f" test of a few numbers can know of collapses it did not see: {count(num_seeds, 'seed')} without one"
        f" exclude, at {100 * LEVEL:.0f} %, only rates above {rate_text(not_excluded(num_seeds))}"
        f" (1 - 0.05^(1/n)); excluding one above 10 % takes {seeds_to_exclude(0.1)}. Beside each decided row"
        " stands the rate from which on its mean would say otherwise."
    ]
