"""Verdicts: the rule that turns tests into better, worse, equivalent or inconclusive."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ablations.contrasts.contrast import Contrast
from ablations.effects.inference import Inference
from ablations.effects.wording import Verdict
from ablations.stats.correction import adjust, share_of
from ablations.stats.power import seeds_to_settle
from ablations.stats.reach import enough_seeds, smallest_adjusted, smallest_p


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """The verdicts of one family, and the numbers they rest on.

    `p` is the chosen test's; `tost` is NaN where the study names no margin. Differences are one family,
    claims of equivalence another of the same size: each kind keeps its chance of a false alarm below alpha.
    """

    test: str
    alpha: float
    p: Float[np.ndarray, " rows"]
    p_adjusted: Float[np.ndarray, " rows"]
    tost: Float[np.ndarray, " rows"]
    tost_adjusted: Float[np.ndarray, " rows"]
    verdicts: tuple[Verdict, ...]


def rule(contrast: Contrast, found: Inference, *, alpha: float) -> Ruling:
    """Better or worse if the adjusted p is at most alpha; else equivalent if that of the TOST is.

    Where a difference lies against the margin is said beside better and worse: see `margin`.
    """
    test, p = choose(contrast, found)
    p_adjusted = adjust(p, contrast.correction)
    tost_adjusted = adjust(found.tost, contrast.correction)
    for_the_better = found.estimate if contrast.goal == "maximize" else -found.estimate
    verdicts = [
        _verdict(*row, alpha=alpha) for row in zip(p_adjusted, tost_adjusted, for_the_better, strict=True)
    ]
    return Ruling(
        test=test,
        alpha=alpha,
        p=p,
        p_adjusted=p_adjusted,
        tost=found.tost,
        tost_adjusted=tost_adjusted,
        verdicts=tuple(verdicts),
    )


def _verdict(p: float, tost: float, for_the_better: float, *, alpha: float) -> Verdict:
    if p <= alpha and for_the_better != 0:
        return "better" if for_the_better > 0 else "worse"
    return "equivalent" if tost <= alpha else "inconclusive"


def choose(contrast: Contrast, found: Inference) -> tuple[str, Float[np.ndarray, " rows"]]:
    """The name and the p-values of the test that carries the verdicts.

    Rates of one arm against one are judged by McNemar's test. Where differences are all equal, or spread
    by less than the step in which they come, there is no t test, and the sign-flip test stands in. A random
    effect has a test of its own, over strata.
    """
    if contrast.random is not None:
        return contrast.carried_by, found.hartung_knapp
    if found.of_rates:
        return "mcnemar", found.mcnemar
    if contrast.test == "sign_flip":
        return contrast.test, found.sign_flip
    if contrast.test == "wilcoxon":
        return contrast.test, found.wilcoxon
    return contrast.test, np.where(found.coarse == 1, found.sign_flip, found.paired_t)


def share_of_alpha(contrast: Contrast, alpha: float) -> float:
    """The level at which one row of a family must be significant, at worst."""
    return share_of(alpha, len(contrast.rows), contrast.correction)


def settling_seeds(
    contrast: Contrast, ruling: Ruling, found: Inference, margin: float | None
) -> list[int | None]:
    """For each inconclusive row the seeds that would settle it, from its spread and the margin alone.

    Never from its observed effect: that would promise too much just when the effect is overestimated. Never
    fewer than the test needs to find anything in this family, either.
    """
    if margin is None:
        return [None] * len(ruling.verdicts)
    share = share_of_alpha(contrast, ruling.alpha)
    least = enough_seeds(ruling.test, len(contrast.rows), contrast.correction, alpha=ruling.alpha)
    return [
        max(seeds, least)
        if verdict == "inconclusive"
        and sd > 0
        and least is not None
        and (seeds := seeds_to_settle(margin / float(sd), alpha=share)) is not None
        else None
        for verdict, sd in zip(ruling.verdicts, found.sd, strict=True)
    ]


def remarks(
    contrast: Contrast, ruling: Ruling, found: Inference, n: np.ndarray, num_seeds: int
) -> list[list[str]]:
    """What a reader must know beside each verdict; of a random effect its population tells it."""
    if contrast.random is not None:
        return [[] for _ in contrast.rows]
    best = smallest_adjusted(ruling.test, [int(seeds) for seeds in n], contrast.correction)
    return [
        [
            *_spread_notes(contrast, found, row, int(n[row])),
            *_seed_notes(contrast, ruling, int(n[row]), num_seeds, best=float(best[row])),
        ]
        for row in range(len(n))
    ]


def _spread_notes(contrast: Contrast, found: Inference, row: int, n: int) -> list[str]:
    if contrast.test != "paired_t" or found.of_rates or found.coarse[row] != 1 or found.estimate[row] == 0:
        return []
    alike = "are equal" if found.sd[row] == 0 else "spread by less than one step of the metric"
    best = f"which {n} seeds cannot bring below {smallest_p('sign_flip', n):.2g}"
    return [f"all differences {alike}, so there is no t test: p is the sign-flip test's, {best}"]


def _seed_notes(contrast: Contrast, ruling: Ruling, n: int, num_seeds: int, *, best: float) -> list[str]:
    found = []
    if n < num_seeds:
        found.append(f"{num_seeds - n} of {num_seeds} seeds are left out, as an arm has no value there")
    if n < 2:
        found.append("fewer than two seeds: no interval and no test")
    elif best > ruling.alpha:
        enough = enough_seeds(ruling.test, len(contrast.rows), contrast.correction, alpha=ruling.alpha)
        could = "no number of seeds" if enough is None else f"{enough} seeds"
        found.append(f"no result of {n} seeds could be significant in this family; {could} could")
    return found
