"""Inference: every estimator and test, run on the scores of a contrast at once."""

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float

from ablations.contrasts.contrast import Contrast
from ablations.effects.strata import fit_strata
from ablations.results.scoring import Block, Scores
from ablations.stats.bootstrap import bca
from ablations.stats.equivalence import rate_equivalence, tost
from ablations.stats.location import interquartile_mean, median
from ablations.stats.paired import MIN_SEEDS, effect_size, paired_t, pairing_correlation
from ablations.stats.permutation import sign_flip
from ablations.stats.proportions import mcnemar, newcombe
from ablations.stats.resolution import is_coarse, scale_of
from ablations.stats.wilcoxon import hodges_lehmann, wilcoxon

MAX_MARGIN = 2.0**400  # beyond any score of ordinary size, and its square is a number
IN_UNITS = (
    "estimate", "low", "high", "mean", "sd", "median", "interquartile_mean",
    "bootstrap_low", "bootstrap_high", "of", "against",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Inference:
    """What the scores of each row say; NaN where there is too little to say it.

    `of_rates` tells that every row compares the rates of two arms; then the interval is Newcombe's.
    `pseudomedian` tells that estimates and intervals are Hodges and Lehmann's, as Wilcoxon's test is about
    that; else they are of the mean. `coarse` is 1 where the scores spread by less than the step in which
    they come, so that no t test holds.
    """

    of_rates: bool
    pseudomedian: bool
    estimate: Float[np.ndarray, " rows"]
    low: Float[np.ndarray, " rows"]
    high: Float[np.ndarray, " rows"]
    mean: Float[np.ndarray, " rows"]
    sd: Float[np.ndarray, " rows"]
    effect_size: Float[np.ndarray, " rows"]
    median: Float[np.ndarray, " rows"]
    interquartile_mean: Float[np.ndarray, " rows"]
    bootstrap_low: Float[np.ndarray, " rows"]
    bootstrap_high: Float[np.ndarray, " rows"]
    paired_t: Float[np.ndarray, " rows"]
    sign_flip: Float[np.ndarray, " rows"]
    sign_flip_error: Float[np.ndarray, " rows"]
    wilcoxon: Float[np.ndarray, " rows"]
    mcnemar: Float[np.ndarray, " rows"]
    hartung_knapp: Float[np.ndarray, " rows"]
    tost: Float[np.ndarray, " rows"]
    coarse: Float[np.ndarray, " rows"]
    of: Float[np.ndarray, " rows"]
    against: Float[np.ndarray, " rows"]
    correlation: Float[np.ndarray, " rows"]


def infer(
    contrast: Contrast,
    scores: Scores,
    *,
    level: float,
    margin: float | None = None,
    bootstrap: bool = True,
    complete: bool = True,
) -> Inference:
    """Estimates, intervals and p-values of all rows; `margin` is on the scale of the scores.

    Unless `complete`, only what a verdict needs: neither the other tests nor the bootstrap.
    """
    of_rates = contrast.of_rates
    pseudomedian = contrast.carried_by == "wilcoxon"
    arrays = [field.name for field in fields(Inference) if field.type is not bool]
    found = Inference(
        of_rates=of_rates,
        pseudomedian=pseudomedian,
        **{name: np.full(len(scores.values), np.nan) for name in arrays},
    )
    if contrast.random is not None:
        _generalise(found, scores, level, margin)
        return found
    for block in scores.blocks():
        scale = scale_of(block.scores, block.of, block.against)
        scaled = _shrunk(block, scale)
        _locate(found, scaled)
        if block.scores.shape[1] < MIN_SEEDS:
            _enlarge(found, block.rows, scale)
            continue
        _test(found, scaled, level)
        _permute(found, scaled, contrast, complete)
        if bootstrap and complete:
            ends = bca(scaled.scores, level=level)
            found.bootstrap_low[block.rows], found.bootstrap_high[block.rows] = ends
        if of_rates:
            _compare_rates(found, block, level, margin)
        elif margin is not None:
            shown = tost(
                scaled.scores,
                margin=np.minimum(margin / scale, MAX_MARGIN),
                test=contrast.test,
                coarse=found.coarse[block.rows] == 1,
            )
            found.tost[block.rows] = shown
        _enlarge(found, block.rows, scale)
    return found


def _generalise(found: Inference, scores: Scores, level: float, margin: float | None) -> None:
    """What the strata of each row say of their population; of one row and one test only."""
    for i, strata in enumerate(scores.strata):
        fit = fit_strata(strata, level=level)
        if fit is None:
            continue
        mean = fit.population
        found.estimate[i] = found.mean[i] = mean.mean
        found.low[i], found.high[i], found.hartung_knapp[i] = mean.low, mean.high, mean.p
        found.of[i], found.against[i] = fit.of.mean(), fit.against.mean()
        effects = fit.effects[None]
        found.coarse[i] = is_coarse(effects, fit.of[None], fit.against[None])[0]
        if found.coarse[i]:
            found.hartung_knapp[i] = sign_flip(effects).p[0]
        if margin is not None:
            found.tost[i] = mean.equivalence(margin)
            if found.coarse[i]:
                found.tost[i] = tost(effects, margin=margin, test="sign_flip")[0]


def _shrunk(block: Block, scale: Float[np.ndarray, " block"]) -> Block:
    by = scale[:, None]
    return replace(block, scores=block.scores / by, of=block.of / by, against=block.against / by)


def _enlarge(found: Inference, rows: np.ndarray, scale: Float[np.ndarray, " block"]) -> None:
    """Everything that is in the unit of the scores, back at their size."""
    for name in IN_UNITS:
        getattr(found, name)[rows] *= scale


def _locate(found: Inference, block: Block) -> None:
    rows = block.rows
    found.estimate[rows] = found.mean[rows] = block.scores.mean(axis=1)
    found.median[rows] = median(block.scores)
    found.interquartile_mean[rows] = interquartile_mean(block.scores)
    found.of[rows], found.against[rows] = block.of.mean(axis=1), block.against.mean(axis=1)


def _test(found: Inference, block: Block, level: float) -> None:
    rows, fit = block.rows, paired_t(block.scores, level=level)
    found.mean[rows], found.sd[rows] = fit.estimate, fit.sd
    centre = (fit.estimate, fit.low, fit.high)
    if found.pseudomedian:
        centre = hodges_lehmann(block.scores, level=level)
    found.estimate[rows], found.low[rows], found.high[rows] = centre
    found.effect_size[rows] = effect_size(block.scores)
    found.paired_t[rows] = fit.p
    found.coarse[rows] = is_coarse(block.scores, block.of, block.against)
    found.correlation[rows] = pairing_correlation(block.of, block.against)


def _permute(found: Inference, block: Block, contrast: Contrast, complete: bool) -> None:
    """The tests that flip signs, or those of them that the verdicts rest on."""
    if complete or contrast.test == "wilcoxon":
        found.wilcoxon[block.rows] = wilcoxon(block.scores)
    some = found.coarse[block.rows] == 1
    if complete or contrast.test == "sign_flip":
        some = np.ones(len(block.rows), dtype=bool)
    if some.any():
        flips = sign_flip(block.scores[some])
        found.sign_flip[block.rows[some]], found.sign_flip_error[block.rows[some]] = flips.p, flips.error


def _compare_rates(found: Inference, block: Block, level: float, margin: float | None) -> None:
    rows = block.rows
    found.mcnemar[rows] = mcnemar(block.of, block.against)
    found.low[rows], found.high[rows] = newcombe(block.of, block.against, level=level)
    if margin is not None:
        found.tost[rows] = rate_equivalence(block.of, block.against, margin=margin)
