"""What an effect is: a difference with its interval, tests and verdict, and what stands beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ablations.effects.description import ArmSummary, RateCrossing, VarianceShares
from ablations.effects.interval import Interval
from ablations.effects.population import Population, Ranks
from ablations.effects.standing import Standing
from ablations.effects.wording import FACTOR, POINTS, MarginSide, Verdict, verdict_words
from ablations.errors import Json
from ablations.manifest import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class Imputed:
    """What a row would say if its holes had been filled with the worst, or best, value there could be."""

    estimate: float | None
    p_adjusted: float | None
    verdict: Verdict

    def to_json(self) -> dict[str, Json]:
        """The row as clients read it."""
        return {"estimate": self.estimate, "p_adjusted": self.p_adjusted, "verdict": self.verdict}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tipping:
    """From which value of the missing runs on a verdict would be another one, `becomes`.

    `of` and `against` are those of the two sides, None where a side has no holes; `worst` names the side
    whose values move towards the metric's worst one on the way there, from the mean of the seeds that
    have all values; None where that mean itself changes the verdict.
    """

    worst: Literal["of", "against"] | None
    of: float | None
    against: float | None
    becomes: Verdict

    def to_json(self) -> dict[str, Json]:
        """The values as clients read them."""
        return {"worst": self.worst, "of": self.of, "against": self.against, "becomes": self.becomes}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """How much hangs on the holes of a family.

    `found` is the verdict that the seeds with all values give. `of_worst` takes the holes of the `of` side
    as the declared worst value and those of the other side as the best value seen; `against_worst` the
    other way round. `flips` if a decided verdict is not that of the fill that speaks against it, or if an
    undecided one is decided by any.
    """

    found: Verdict
    of_worst: Imputed
    against_worst: Imputed
    flips: bool
    tipping: Tipping | None = None

    def to_json(self) -> dict[str, Json]:
        """Both as clients read them."""
        return {
            "found": self.found,
            "of_worst": self.of_worst.to_json(),
            "against_worst": self.against_worst.to_json(),
            "flips": self.flips,
            "tipping": self.tipping.to_json() if self.tipping else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Collapse:
    """What is known of runs near the metric's worst value beside a decided verdict.

    `of_seen` and `against_seen` of `n` seeds had one. Rates up to `not_excluded` are compatible with what
    was seen on the side that the verdict rests on, at 95 %; if more than the share `turns_at` of its runs
    collapsed, the mean would say otherwise (None where no rate would). So it would if less than the share
    `turns_below` of the other side's runs did (None where that is behind without its collapses, too).
    """

    side: Literal["of", "against"]
    of_seen: int
    against_seen: int
    n: int
    not_excluded: float
    turns_at: float | None
    turns_below: float | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether a rate that is not excluded would turn the verdict, or fewer collapses than were seen."""
        unseen = self.turns_at is not None and self.turns_at <= self.not_excluded
        return unseen or self.turns_below is not None

    def to_json(self) -> dict[str, Json]:
        """The rates as clients read them."""
        return {
            "side": self.side,
            "of_seen": self.of_seen,
            "against_seen": self.against_seen,
            "n": self.n,
            "not_excluded": self.not_excluded,
            "turns_at": self.turns_at,
            "turns_below": self.turns_below,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """One row of a contrast: a difference, `of` minus `against`, with what is known about it.

    On a log scale `estimate`, `low` and `high` are differences of natural logarithms, and `ratio` says the
    same as a factor; of a `rate` they are shares of seeds. `shown` is what people read of them. `mean` is
    that of the scores also where Wilcoxon's test carries the verdict, whose
    estimate is Hodges and Lehmann's. `n` is the number of seeds on which every arm of the row has a value,
    `holes` the number of values missing for good. `others` holds the p-values of all tests, `bootstrap` the
    BCa interval. `of_mean` and `against_mean` are the two sides over those seeds (geometric on a log scale),
    `pairing` their correlation. `seeds_needed` would settle an inconclusive row, given its spread and the
    margin. `mixed` says what differs between its trials beside settings and seed: then nothing is decided.
    `simultaneous` holds for all rows of the family at once, and so for one that is singled out.
    `reason` says why there is no verdict where the values alone would give one; `notes` stand beside the
    verdict. Where a factor is random the row is about its `population`: estimate, interval and p are those of
    the mean over it, and `n` is the fewest seeds of a level.
    """

    contrast: str
    metric: str
    of: Scalar
    against: Scalar
    within: Mapping[str, Scalar]
    estimate: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    others: Mapping[str, float | None]
    n: int
    holes: int
    unit: str
    verdict: Verdict | None
    rate: bool = False
    ratio: Interval | None = None
    bootstrap: Interval | None = None
    mean: float | None = None
    sd: float | None = None
    effect_size: float | None = None
    median: float | None = None
    interquartile_mean: float | None = None
    of_mean: float | None = None
    against_mean: float | None = None
    pairing: float | None = None
    margin_side: MarginSide | None = None
    seeds_needed: int | None = None
    simultaneous: Interval | None = None
    sensitivity: Sensitivity | None = None
    collapse: Collapse | None = None
    reason: str | None = None
    mixed: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    population: Population | None = None

    @property
    def words(self) -> str | None:
        """The verdict as every view of it says it, with where the effect lies against a margin."""
        return verdict_words(self.verdict, self.margin_side)

    @property
    def shown(self) -> Interval:
        """The effect as people read it: a factor where the scale is logarithmic, points of a rate."""
        return self.as_shown(Interval(estimate=self.estimate, low=self.low, high=self.high))

    @property
    def shown_at_once(self) -> Interval | None:
        """The simultaneous interval as people read it."""
        return None if self.simultaneous is None else self.as_shown(self.simultaneous)

    @property
    def shown_bootstrap(self) -> Interval | None:
        """The bootstrap interval as people read it."""
        return None if self.bootstrap is None else self.as_shown(self.bootstrap)

    @property
    def shown_unit(self) -> str:
        """The unit of what people read: `factor`, `points`, or the metric's own."""
        return FACTOR if self.ratio is not None else POINTS if self.rate else self.unit

    def as_shown(self, found: Interval) -> Interval:
        """Numbers on the scale of the row's scores as people read them."""
        if self.ratio is not None:
            return found.exponential()
        return found.hundredfold() if self.rate else found

    def to_json(self) -> dict[str, Json]:
        """The row as clients read it."""
        return {
            "contrast": self.contrast,
            "metric": self.metric,
            "of": self.of,
            "against": self.against,
            "within": dict(self.within),
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "others": dict(self.others),
            "n": self.n,
            "holes": self.holes,
            "unit": self.unit,
            "verdict": self.verdict,
            "verdict_words": self.words,
            "margin_side": self.margin_side,
            "shown": {**self.shown.to_json(), "unit": self.shown_unit},
            "ratio": self.ratio.to_json() if self.ratio else None,
            "bootstrap": self.bootstrap.to_json() if self.bootstrap else None,
            "mean": self.mean,
            "sd": self.sd,
            "effect_size": self.effect_size,
            "median": self.median,
            "interquartile_mean": self.interquartile_mean,
            "of_mean": self.of_mean,
            "against_mean": self.against_mean,
            "pairing": self.pairing,
            "seeds_needed": self.seeds_needed,
            "simultaneous": self.simultaneous.to_json() if self.simultaneous else None,
            "sensitivity": self.sensitivity.to_json() if self.sensitivity else None,
            "collapse": self.collapse.to_json() if self.collapse else None,
            "reason": self.reason,
            "mixed": list(self.mixed),
            "notes": list(self.notes),
            "population": self.population.to_json() if self.population else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastEffects:
    """The rows of one contrast on one metric: a family.

    `estimator` says what the estimates are of, `test` is the one behind `p`, `alpha` the level that its
    verdicts used: the study's, or a look's share. `random` is the factor whose levels are a sample, and
    `ranks` those of the arms over its levels.
    """

    name: str
    primary: bool
    metric: str
    test: str
    correction: str
    alpha: float
    rows: tuple[EffectRow, ...]
    margin: float | None = None
    scale: Literal["linear", "log"] = "linear"
    shape: str = "difference"
    estimator: Literal["mean", "pseudomedian"] = "mean"
    post_hoc: bool = False
    notes: tuple[str, ...] = ()
    random: str | None = None
    ranks: tuple[Ranks, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The family as clients read it."""
        return {
            "name": self.name,
            "primary": self.primary,
            "metric": self.metric,
            "test": self.test,
            "correction": self.correction,
            "alpha": self.alpha,
            "family_size": len(self.rows),
            "rows": [row.to_json() for row in self.rows],
            "margin": self.margin,
            "scale": self.scale,
            "shape": self.shape,
            "estimator": self.estimator,
            "post_hoc": self.post_hoc,
            "notes": list(self.notes),
            "random": self.random,
            "ranks": [ranks.to_json() for ranks in self.ranks],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Everything a study found: its contrasts, then exploratory rows without correction or verdict.

    `look` is the number of seeds that an interim verdict rests on, where the study declared such a look;
    `standing` tells where the study stood.
    `arms`, `variance` and `crossings` describe the results and judge nothing.
    """

    interim: bool
    contrasts: tuple[ContrastEffects, ...] = ()
    exploratory: tuple[EffectRow, ...] = ()
    interactions: tuple[EffectRow, ...] = ()
    look: int | None = None
    notes: tuple[str, ...] = ()
    arms: tuple[ArmSummary, ...] = ()
    variance: tuple[VarianceShares, ...] = ()
    crossings: tuple[RateCrossing, ...] = ()
    standing: Standing = Standing()

    def to_json(self) -> dict[str, Json]:
        """The effects as clients read them."""
        return {
            "interim": self.interim,
            "standing": self.standing.to_json(),
            "contrasts": [contrast.to_json() for contrast in self.contrasts],
            "exploratory": [row.to_json() for row in self.exploratory],
            "interactions": [row.to_json() for row in self.interactions],
            "look": self.look,
            "notes": list(self.notes),
            "arms": [arm.to_json() for arm in self.arms],
            "variance": [shares.to_json() for shares in self.variance],
            "crossings": [crossing.to_json() for crossing in self.crossings],
        }
