"""What a row says of a population of strata (models, datasets) of which a few were run."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ablations.design.arm import text_of
from ablations.design.factor import name_many
from ablations.effects.interval import Interval
from ablations.errors import Json
from ablations.manifest import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class StratumEffect:
    """The effect within one level of a random factor; `n` seeds have a value on both sides.

    `own` rests on these seeds alone, `shrunk` also on the other strata. Both are None where the stratum
    is left out, for want of a second seed.
    """

    level: Scalar
    n: int
    own: Interval | None
    shrunk: Interval | None

    def to_json(self) -> dict[str, Json]:
        """The effect as clients read it."""
        return {
            "level": self.level,
            "n": self.n,
            "own": self.own.to_json() if self.own else None,
            "shrunk": self.shrunk.to_json() if self.shrunk else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """The population behind a row whose mean is over the levels of a random factor.

    All numbers are on the scale of the row's estimate: differences of logarithms where that is `log`.
    `prediction` is the interval for the true effect at the next level, `tau` the standard deviation of true
    effects between levels, `i2` its share of the variance seen, `q` and `q_p` Cochran's test of it; `fixed`
    is the mean over these levels alone, over seeds. None where too few strata count.
    """

    factor: str
    log: bool
    alpha: float
    strata: tuple[StratumEffect, ...]
    prediction: Interval | None = None
    fixed: Interval | None = None
    tau: float | None = None
    i2: float | None = None
    q: float | None = None
    q_p: float | None = None

    @property
    def counting(self) -> tuple[StratumEffect, ...]:
        """The strata that count."""
        return tuple(stratum for stratum in self.strata if stratum.own is not None)

    def shown(self, interval: Interval) -> Interval:
        """An interval as people read it: a factor where the scale is logarithmic."""
        return interval.exponential() if self.log else interval

    @property
    def coming(self) -> str | None:
        """What the next level will show, in words."""
        if self.prediction is None or self.prediction.low is None or self.prediction.high is None:
            return None
        ends = self.shown(self.prediction)
        low, high = (self._write(end) for end in (ends.low, ends.high))
        both = self.prediction.low < 0 < self.prediction.high
        said = f"for the next {self.factor}: {'a factor ' if self.log else ''}between {low} and {high}"
        return said + ("; it could be the other way round" if both else "")

    @property
    def heterogeneity(self) -> str | None:
        """Whether effects differ between levels, in words; None before that may be said."""
        many = name_many(self.factor)
        if self.tau is None or self.i2 is None:
            num = len(self.counting)
            return (
                f"{num} {self.factor if num == 1 else many} with two seeds: too few to say how effects differ"
            )
        if self.q_p is None:
            return None
        p = "p < 0.001" if self.q_p < 0.001 else f"p = {self.q_p:.3f}"
        seen = f"I\N{SUPERSCRIPT TWO} {100 * self.i2:.0f} %, {p}"
        spread = f"a factor of {math.exp(self.tau):.3g}" if self.log else f"{self.tau:.2g}"
        if self.q_p <= self.alpha:
            return f"effects differ between {many}: they spread by {spread} around their mean ({seen})"
        if self.tau == 0:
            num = len(self.counting)
            return f"no sign that effects differ between {many}, of which {num} say little ({seen})"
        return f"whether effects differ between {many} cannot be told: perhaps by {spread} ({seen})"

    def gaps(self, num_seeds: int) -> tuple[str, ...]:
        """What was left out of the strata, or lacks seeds, in words."""
        out = [
            f"{text_of(s.level)} ({s.n or 'no'} seed{'s' if s.n == 0 else ''})"
            for s in self.strata
            if s.own is None
        ]
        few = [f"{text_of(s.level)} ({s.n})" for s in self.counting if s.n < num_seeds]
        found = []
        if out:
            verb = "is" if len(out) == 1 else "are"
            found.append(
                f"{', '.join(out)} {verb} left out of {name_many(self.factor)}: two complete seeds are needed"
            )
        if few:
            found.append(f"fewer than {num_seeds} seeds are complete in {', '.join(few)}")
        return tuple(found)

    def _write(self, value: float | None) -> str:
        if value is None:
            return "?"
        return f"{value:.3g}" if self.log else f"{value:+.2g}".replace("-", "\N{MINUS SIGN}")

    def to_json(self) -> dict[str, Json]:
        """The population as clients read it."""
        found: dict[str, Json] = {
            name: None if interval is None else interval.to_json()
            for name, interval in (("prediction", self.prediction), ("fixed", self.fixed))
        }
        return {
            "factor": self.factor,
            "log": self.log,
            "strata": [stratum.to_json() for stratum in self.strata],
            **found,
            "tau": self.tau,
            "i2": self.i2,
            "q": self.q,
            "q_p": self.q_p,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RankPair:
    """Two arms compared by Wilcoxon's signed-rank test over strata."""

    of: Scalar
    against: Scalar
    p: float | None
    p_adjusted: float | None

    def to_json(self) -> dict[str, Json]:
        """The pair as clients read it."""
        return {"of": self.of, "against": self.against, "p": self.p, "p_adjusted": self.p_adjusted}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """How the arms of a contrast rank over the strata, 1 the best: about ranks, not about sizes.

    `friedman` is the p-value of Friedman's test as Iman and Davenport corrected it. `middle` are the
    interquartile means of all runs of each arm, with intervals over runs within these strata. Strata that
    lack a value of an arm are `left_out`.
    """

    within: Mapping[str, Scalar]
    arms: tuple[Scalar, ...]
    strata: tuple[Scalar, ...]
    left_out: tuple[Scalar, ...]
    mean_ranks: tuple[float, ...]
    chi2: float | None
    f: float | None
    friedman: float | None
    pairs: tuple[RankPair, ...]
    middle: tuple[Interval, ...]

    def to_json(self) -> dict[str, Json]:
        """The ranks as clients read them."""
        return {
            "within": dict(self.within),
            "arms": list(self.arms),
            "strata": list(self.strata),
            "left_out": list(self.left_out),
            "mean_ranks": list(self.mean_ranks),
            "friedman": {"chi2": self.chi2, "f": self.f, "p": self.friedman},
            "pairs": [pair.to_json() for pair in self.pairs],
            "interquartile_means": [each.to_json() for each in self.middle],
        }
