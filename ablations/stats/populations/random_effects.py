"""Random effects: the mean over a population of strata, how far its members differ, and the next one."""

import math
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from scipy import optimize, special

from ablations.errors import NotEstimable
from ablations.stats.populations import MIN_STRATA

IN_UNITS = (
    "mean", "low", "high", "error", "tau", "prediction_low", "prediction_high",
    "shrunk", "shrunk_low", "shrunk_high",
)  # fmt: skip
FLAT = 1e-12  # of the spread of the effects: variances below it weigh as if they were of this size


@dataclass(frozen=True, slots=True, kw_only=True)
class RandomEffects:
    """What strata tell about their population, in the unit of the effects.

    `error` and `freedom` are the standard error of the `mean` and its degrees of freedom. `tau` is the
    standard deviation of true effects between strata, `i2` its share of the variance that was seen; `q`,
    with its p-value `q_p`, tests whether there is any. The prediction interval is for the true effect in
    the next stratum; `shrunk` are the strata's own true effects, drawn towards the mean. `alone` is what the
    mean over these strata and no others is sure to, if that was given.
    """

    mean: float
    low: float
    high: float
    p: float
    error: float
    freedom: float
    tau: float
    i2: float
    q: float
    q_p: float
    prediction_low: float
    prediction_high: float
    shrunk: Float[np.ndarray, " strata"]
    shrunk_low: Float[np.ndarray, " strata"]
    shrunk_high: Float[np.ndarray, " strata"]
    alone: "Certainty | None" = None

    def times(self, size: float) -> "RandomEffects":
        """The same in another unit, in which everything is so many times as large."""
        sized = {name: getattr(self, name) * size for name in IN_UNITS}
        alone = self.alone and Certainty(error=self.alone.error * size, freedom=self.alone.freedom)
        return replace(self, alone=alone, **sized)

    def equivalence(self, margin: float) -> float:
        """The p-value for a mean inside the margin: the larger of two one-sided t tests."""
        room = margin - abs(self.mean)
        return max(_tail(room, each) for each in self._certainties())

    def _certainties(self) -> list["Certainty"]:
        own = Certainty(error=self.error, freedom=self.freedom)
        return [own] if self.alone is None else [own, self.alone]


@dataclass(frozen=True, slots=True, kw_only=True)
class Certainty:
    """A standard error and its degrees of freedom."""

    error: float
    freedom: float


def random_effects(
    effects: Float[np.ndarray, " strata"],
    variances: Float[np.ndarray, " strata"],
    *,
    freedom: float = math.inf,
    shared: float = 0.0,
    alone: Certainty | None = None,
    level: float = 0.95,
) -> RandomEffects:
    """The random-effects mean of effects whose sampling variances are known or estimated.

    The variance between strata is Paule and Mandel's, the interval of the mean Hartung, Knapp, Sidik and
    Jonkman's, the prediction interval that of Higgins, Thompson and Spiegelhalter on strata less two degrees
    of freedom. The shrunk effects are empirical Bayes estimates with the uncertainty of the mean added, on
    strata less one. `freedom` are the degrees of freedom of the variances together: with them Q is referred
    to an F distribution instead of chi squared. Equal effects give p 1 at 0 and NaN elsewhere: there is no
    spread.

    Strata that share their seeds are not independent. `shared` is the covariance of any two effects: it adds
    to the variance of the mean and does not count as spread between strata. `alone` is the certainty of the
    mean over these strata alone: intervals are at least as wide as it says, p-values at least as large, so
    that nothing is claimed of the population that does not hold of the strata.

    Assumes: true effects are normal, and so are their estimates.
    Raises: NotEstimable below three strata.
    Source: DerSimonian & Kacker, Contemp. Clin. Trials 28 (2007), 105-114 (Paule-Mandel); IntHout, Ioannidis
    & Borm, BMC Med. Res. Methodol. 14 (2014), 25 (the interval); Higgins, Thompson & Spiegelhalter, J. R.
    Statist. Soc. A 172 (2009), 137-159 (prediction, I squared); Satterthwaite, Biometrics 2 (1946), 110-114;
    for shared seeds own derivation, see tests/benchmarks/populations.py.
    """
    num_strata = len(effects)
    if num_strata < MIN_STRATA:
        raise NotEstimable(f"a random effect needs {MIN_STRATA} strata, got {num_strata}")
    spread = float(((effects - effects.mean()) ** 2).sum()) / (num_strata - 1)
    own = np.maximum(variances - shared, FLAT * spread)
    tau2 = variance_between(effects, own)
    weights = 1 / (own + tau2) if spread > 0 or (own > 0).all() else np.ones(num_strata)
    weights = weights / weights.sum()
    mean = float(weights @ effects)
    hksj = float(weights @ (effects - mean) ** 2) / (num_strata - 1)
    known = Certainty(
        error=math.sqrt(hksj + shared),
        freedom=_satterthwaite(hksj, num_strata - 1.0, shared, alone.freedom if alone else math.inf),
    )
    certainties = [known] if alone is None else [known, alone]
    reach = max(_quantile(level, each.freedom) * each.error for each in certainties)
    q, i2 = _heterogeneity(effects, own)
    ahead = max(reach, _quantile(level, num_strata - 2) * math.sqrt(tau2 + hksj + shared))
    total = own + tau2
    kept = np.divide(tau2, total, out=np.zeros_like(total), where=total > 0)
    shrunk = mean + kept * (effects - mean)
    own_part = _quantile(level, num_strata - 1) ** 2 * (kept * own + shared)
    halves = np.sqrt(own_part + ((1 - kept) * reach) ** 2)
    q_p = special.fdtrc(num_strata - 1, freedom, q / (num_strata - 1))
    return RandomEffects(
        mean=mean,
        low=mean - reach,
        high=mean + reach,
        p=1.0 if mean == 0 else 2 * max(_tail(abs(mean), each) for each in certainties),
        error=known.error,
        freedom=known.freedom,
        tau=math.sqrt(tau2),
        i2=i2,
        q=q,
        q_p=float(q_p if math.isfinite(freedom) else special.chdtrc(num_strata - 1, q)),
        prediction_low=mean - ahead,
        prediction_high=mean + ahead,
        shrunk=shrunk,
        shrunk_low=shrunk - halves,
        shrunk_high=shrunk + halves,
        alone=alone,
    )


def variance_between(effects: Float[np.ndarray, " strata"], variances: Float[np.ndarray, " strata"]) -> float:
    """The variance of true effects between strata: that with which the generalised Q meets its expectation.

    Source: Paule & Mandel, J. Res. Natl. Bur. Stand. 87 (1982), 377-385.

    >>> round(variance_between(np.array([0.0, 1.0, 2.0]), np.array([0.25, 0.25, 0.25])), 6)
    0.75
    """
    freedom = len(effects) - 1
    most = float(((effects - effects.mean()) ** 2).sum()) / freedom

    def excess(tau2: float) -> float:
        weights = 1 / (variances + tau2)
        mean = weights @ effects / weights.sum()
        return float(weights @ (effects - mean) ** 2) - freedom

    if (variances == variances[0]).all():
        return max(0.0, most - float(variances[0]))
    if most == 0 or ((variances > 0).all() and excess(0.0) <= 0):
        return 0.0
    least = 0.0 if (variances > 0).all() else FLAT * most
    return float(optimize.brentq(excess, least, most, xtol=1e-12 * most, rtol=1e-12))


def shared_covariance(scores: Float[np.ndarray, "strata seeds"]) -> float:
    """The mean covariance of two strata's mean scores, 0 where it is negative; rows share their seeds.

    >>> shared_covariance(np.array([[0.0, 2.0], [1.0, 3.0]]))
    1.0
    """
    num_strata, num_seeds = scores.shape
    if num_seeds < 2 or num_strata < 2:
        return 0.0
    of_mean = float(scores.mean(axis=0).var(ddof=1)) * num_strata**2
    own = float(scores.var(axis=1, ddof=1).sum())
    return max(0.0, float((of_mean - own) / (num_strata * (num_strata - 1) * num_seeds)))


def _heterogeneity(
    effects: Float[np.ndarray, " strata"], variances: Float[np.ndarray, " strata"]
) -> tuple[float, float]:
    """Cochran's Q, and the share of it beyond what sampling alone would be expected to give."""
    if not (variances > 0).all():
        return 0.0, 0.0
    weights = 1 / variances
    mean = weights @ effects / weights.sum()
    q = float(weights @ (effects - mean) ** 2)
    return q, max(0.0, 1 - (len(effects) - 1) / q) if q > 0 else 0.0


def _satterthwaite(one: float, freedom: float, other: float, other_freedom: float) -> float:
    """The degrees of freedom of the sum of two estimated variances."""
    if one + other == 0:
        return freedom
    return (one + other) ** 2 / (one**2 / freedom + other**2 / other_freedom)


def _quantile(level: float, freedom: float) -> float:
    """Up to where the middle of a t distribution reaches that holds this share."""
    return float(special.stdtrit(freedom, (1 + level) / 2))


def _tail(distance: float, certainty: Certainty) -> float:
    """The chance that a mean lies so far above its expectation; NaN without a spread."""
    if certainty.error == 0:
        return math.nan
    return float(special.stdtr(certainty.freedom, -distance / certainty.error))
