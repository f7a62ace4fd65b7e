"""The strata of a row whose factor is random, and what they say of their population."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from ablations.contrasts.contrast import Contrast
from ablations.effects.interval import Interval
from ablations.effects.population import Population, StratumEffect
from ablations.results.scoring import Scores
from ablations.stats.paired import MIN_SEEDS, paired_t
from ablations.stats.populations import MIN_STRATA
from ablations.stats.populations.random_effects import (
    Certainty,
    RandomEffects,
    random_effects,
    shared_covariance,
)
from ablations.stats.resolution import scale_of


@dataclass(frozen=True, slots=True, kw_only=True)
class StrataFit:
    """The strata of one row that count, `kept`: their effects and both sides, and the population behind."""

    kept: Bool[np.ndarray, " strata"]
    effects: Float[np.ndarray, " kept"]
    of: Float[np.ndarray, " kept"]
    against: Float[np.ndarray, " kept"]
    population: RandomEffects

    @property
    def interval(self) -> Interval:
        """The mean over the population."""
        return Interval(estimate=self.population.mean, low=self.population.low, high=self.population.high)


def fit_strata(scores: Scores, *, level: float) -> StrataFit | None:
    """The random effect of one row, from its scores within each stratum; None with fewer than three.

    A stratum counts if two of its seeds are complete. The variance over seeds is pooled over the strata, as
    that of a few seeds says little of its own stratum.
    """
    n = scores.complete
    kept = n >= MIN_SEEDS
    if kept.sum() < MIN_STRATA:
        return None
    n, known = n[kept], np.isfinite(scores.values[kept])
    values, of, against = (
        np.where(known, side[kept], 0.0) for side in (scores.values, scores.of, scores.against)
    )
    size = float(scale_of(values).max())
    values = values / size
    effects = values.sum(axis=1) / n
    freedom = int((n - 1).sum())
    variances = float((np.where(known, values - effects[:, None], 0.0) ** 2).sum()) / freedom / n
    common = values[:, known.all(axis=0)]
    fit = random_effects(
        effects,
        variances,
        freedom=freedom,
        shared=shared_covariance(common),
        alone=_certainty(common.mean(axis=0), variances, n),
        level=level,
    )
    return StrataFit(
        kept=kept,
        effects=effects * size,
        of=of.sum(axis=1) / n,
        against=against.sum(axis=1) / n,
        population=fit.times(size),
    )


def _certainty(
    means: Float[np.ndarray, " seeds"],
    variances: Float[np.ndarray, " strata"],
    n: Int[np.ndarray, " strata"],
) -> Certainty:
    """How far the mean over these strata alone is known, from its values on the seeds that all of them have.

    Where there are too few of these, as if strata shared no seeds, on the degrees of the one with fewest.
    """
    if len(means) >= MIN_SEEDS:
        return Certainty(error=float(means.std(ddof=1)) / math.sqrt(len(means)), freedom=len(means) - 1)
    return Certainty(error=math.sqrt(float(variances.sum())) / len(n), freedom=int(n.min()) - 1)


def populations(contrast: Contrast, scores: Scores, *, alpha: float) -> list[Population | None]:
    """What each row says of the levels of its random factor; None for the rows of any other contrast."""
    if contrast.random is None:
        return [None] * len(contrast.rows)
    every = tuple(dict.fromkeys(level for row in contrast.rows for level in row.strata))
    found: list[Population | None] = []
    for i, (row, strata) in enumerate(zip(contrast.rows, scores.strata, strict=True)):
        fit = fit_strata(strata, level=1 - alpha)
        own = _own_effects(strata, 1 - alpha)
        shrunk = _shrunk_effects(fit, len(row.strata))
        known = dict(zip(row.strata, zip(strata.complete, own, shrunk, strict=True), strict=True))
        effects = tuple(
            StratumEffect(level=level, n=int(n), own=own, shrunk=shrunk)
            for level in every
            for n, own, shrunk in [known.get(level, (0, None, None))]
        )
        population = Population(factor=contrast.random, log=scores.log, alpha=alpha, strata=effects)
        found.append(population if fit is None else _described(population, fit, _fixed(scores, i, 1 - alpha)))
    return found


def _own_effects(strata: Scores, level: float) -> list[Interval | None]:
    found: list[Interval | None] = []
    for values in strata.values:
        known = values[np.isfinite(values)][None]
        found.append(_t_interval(known, level) if known.shape[1] >= MIN_SEEDS else None)
    return found


def _t_interval(scores: Float[np.ndarray, "one seeds"], level: float) -> Interval:
    size = float(scale_of(scores)[0])
    fit = paired_t(scores / size, level=level)
    ends = (float(end[0]) * size for end in (fit.estimate, fit.low, fit.high))
    return Interval(**dict(zip(("estimate", "low", "high"), ends, strict=True)))


def _shrunk_effects(fit: StrataFit | None, num_strata: int) -> list[Interval | None]:
    found: list[Interval | None] = [None] * num_strata
    if fit is not None:
        ends = (fit.population.shrunk, fit.population.shrunk_low, fit.population.shrunk_high)
        for i, (estimate, low, high) in zip(np.flatnonzero(fit.kept), zip(*ends, strict=True), strict=True):
            found[i] = Interval(estimate=float(estimate), low=float(low), high=float(high))
    return found


def _fixed(scores: Scores, row: int, level: float) -> Interval | None:
    """The mean over these strata alone, over the seeds that all of them have."""
    known = scores.values[row][np.isfinite(scores.values[row])][None]
    return _t_interval(known, level) if known.shape[1] >= MIN_SEEDS else None


def _described(population: Population, fit: StrataFit, fixed: Interval | None) -> Population:
    found = fit.population
    ahead = Interval(estimate=found.mean, low=found.prediction_low, high=found.prediction_high)
    return replace(
        population,
        prediction=ahead,
        fixed=fixed,
        tau=found.tau,
        i2=found.i2,
        q=found.q,
        q_p=found.q_p,
    )
