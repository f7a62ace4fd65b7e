"""Scores: one number a seed for every row of a contrast."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

from ablations.contrasts.contrast import Contrast
from ablations.contrasts.rows import ContrastRow
from ablations.design.reading import Reading
from ablations.results.results import Results
from ablations.stats.paired import MIN_SEEDS
from ablations.stats.populations import MIN_STRATA
from ablations.stats.resolution import logarithms

Side = Literal["of", "against"]
BEYOND = 100.0
ROUNDING = 64 * float(np.finfo(float).eps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Rows that have the same number of complete seeds, without their holes."""

    rows: Int[np.ndarray, " block"]
    scores: Float[np.ndarray, "block seeds"]
    of: Float[np.ndarray, "block seeds"]
    against: Float[np.ndarray, "block seeds"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """The scores of a contrast, NaN where an arm of the row lacks a value on that seed.

    `of` and `against` are the two sides of each score; `holes` counts the values that are missing for
    good. Where the metric is on a log scale all of them are logarithms. `strata` has those within each
    level of a random factor, for each row of a contrast that has one.
    """

    values: Float[np.ndarray, "rows seeds"]
    of: Float[np.ndarray, "rows seeds"]
    against: Float[np.ndarray, "rows seeds"]
    holes: Int[np.ndarray, " rows"]
    log: bool
    strata: "tuple[Scores, ...]" = ()

    @property
    def complete(self) -> Int[np.ndarray, " rows"]:
        """The number of complete seeds of each row."""
        return np.asarray(np.isfinite(self.values).sum(axis=1))

    @property
    def n(self) -> Int[np.ndarray, " rows"]:
        """The number of seeds behind each row: complete ones, of a random effect the fewest of a level."""
        return np.array([each.fewest for each in self.strata]) if self.strata else self.complete

    @property
    def fewest(self) -> int:
        """The fewest complete seeds of the rows that have a spread, as strata; 0 if these are too few."""
        counting = self.complete[self.complete >= MIN_SEEDS]
        return int(counting.min()) if len(counting) >= MIN_STRATA else 0

    def blocks(self, *, at_least: int = 1) -> Iterator[Block]:
        """The rows by their number of complete seeds, leaving out those with fewer than `at_least`."""
        n = self.complete
        for num_seeds in np.unique(n[n >= at_least]):
            rows = np.flatnonzero(n == num_seeds)
            known = np.isfinite(self.values[rows])
            shape = (len(rows), int(num_seeds))
            yield Block(
                rows=rows,
                scores=self.values[rows][known].reshape(shape),
                of=self.of[rows][known].reshape(shape),
                against=self.against[rows][known].reshape(shape),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """The scores of a contrast before their holes are dropped: sums of what is known, and what is not.

    `of_gone` and `against_gone` are the weights of values missing for good, `pending` tells the seeds whose
    values may still come; the sums are NaN nowhere. `worst` and `best` are the ends of what a missing value
    could be, on the scale of the scores: the declared worst value, and the best one seen. Where no worst
    value is declared, `worst` lies a hundred times the range seen beyond it.
    """

    of: Float[np.ndarray, "rows seeds"]
    against: Float[np.ndarray, "rows seeds"]
    of_gone: Float[np.ndarray, "rows seeds"]
    against_gone: Float[np.ndarray, "rows seeds"]
    pending: Bool[np.ndarray, "rows seeds"]
    magnitude: Float[np.ndarray, "rows seeds"]
    holes: Int[np.ndarray, " rows"]
    worst: float
    best: float
    log: bool
    strata: "tuple[Gaps, ...]" = ()

    def dropped(self) -> Scores:
        """The scores of the seeds that have every value."""
        gone = (self.of_gone != 0) | (self.against_gone != 0)
        strata = tuple(each.dropped() for each in self.strata)
        return self._scores(self.of, self.against, self.magnitude, gone, strata)

    def filled(self, of: Float[np.ndarray, " rows"], against: Float[np.ndarray, " rows"]) -> Scores:
        """The scores with one value in all holes of a side of a row."""
        more_of = self.of_gone * of[:, None]
        more_against = self.against_gone * against[:, None]
        magnitude = self.magnitude + np.abs(more_of) + np.abs(more_against)
        gone = ~np.isfinite(more_of + more_against)
        strata = tuple(
            each.filled(np.full(len(each.of), of[i]), np.full(len(each.of), against[i]))
            for i, each in enumerate(self.strata)
        )
        return self._scores(self.of + more_of, self.against + more_against, magnitude, gone, strata)

    def _scores(
        self,
        of: np.ndarray,
        against: np.ndarray,
        magnitude: np.ndarray,
        gone: np.ndarray,
        strata: tuple[Scores, ...],
    ) -> Scores:
        lacking = self.pending | gone
        return Scores(
            values=_settle(np.where(lacking, np.nan, of - against), magnitude),
            of=np.where(lacking, np.nan, of),
            against=np.where(lacking, np.nan, against),
            holes=self.holes,
            log=self.log,
            strata=strata,
        )


def score(contrast: Contrast, results: Results) -> Scores:
    """The scores of a contrast in these results."""
    return find_gaps(contrast, results).dropped()


def find_gaps(contrast: Contrast, results: Results) -> Gaps:
    """The scores of a contrast with their holes."""
    log = results.reading(contrast.metric).scale == "log"
    weights = weigh(contrast.rows, results)
    values = results.values(contrast.metric)
    asked = values[np.unique(weights.indices)]
    missing = np.isnan(values)
    gone = missing & results.ended
    values = logarithms(values, asked) if log else values
    known = np.where(missing, 0.0, values)
    # A logarithm is as uncertain as its argument is in relation to itself, however near to 0 it lies.
    sizes = np.where(missing, 0.0, np.maximum(np.abs(values), 1.0) if log else np.abs(values))
    of, against, members = weights.maximum(0), (-weights).maximum(0), _members(weights)
    worst, best = _ends(contrast, results, logarithms(asked, asked) if log else asked)
    return Gaps(
        of=of @ known,
        against=against @ known,
        of_gone=of @ gone.astype(float),
        against_gone=against @ gone.astype(float),
        pending=members @ (missing & ~results.ended).astype(float) > 0,
        magnitude=abs(weights) @ sizes,
        holes=np.rint((members @ gone.astype(float)).sum(axis=1)).astype(int),
        worst=worst,
        best=best,
        log=log,
        strata=tuple(find_gaps(each, results) for each in contrast.by_stratum()),
    )


def _ends(
    contrast: Contrast, results: Results, asked: Float[np.ndarray, "arms seeds"]
) -> tuple[float, float]:
    """The worst and the best that a value could be, on the scale of the scores; NaN if nothing is known."""
    reading = results.reading(contrast.metric)
    if reading.kind == "rate":
        return reading.worst, 1 - reading.worst
    known = asked[np.isfinite(asked)]
    if len(known) == 0:
        return np.nan, np.nan
    ends = float(known.min()), float(known.max())
    bad, best = ends if contrast.goal == "maximize" else ends[::-1]
    declared = worst_score(reading)
    if declared is not None:
        return declared, best
    span = abs(bad - best) or abs(best) or 1.0
    return bad - BEYOND * span if contrast.goal == "maximize" else bad + BEYOND * span, best


def worst_score(reading: Reading) -> float | None:
    """The declared worst value of a metric on the scale of its scores; None where there is none."""
    if not np.isfinite(reading.worst) or (reading.scale == "log" and reading.worst <= 0):
        return None
    return float(np.log(reading.worst)) if reading.scale == "log" else reading.worst


def weigh(rows: tuple[ContrastRow, ...], results: Results) -> sparse.csr_array:
    """The weights of the rows as one sparse matrix, rows by arms."""
    starts = np.cumsum([0, *(len(row.weights) for row in rows)])
    columns = [results.arm_index[arm] for row in rows for arm in row.weights]
    data = [weight for row in rows for weight in row.weights.values()]
    shape = (len(rows), len(results.arms))
    return sparse.csr_array((np.array(data, dtype=float), np.array(columns, dtype=int), starts), shape=shape)


def _members(weights: sparse.csr_array) -> sparse.csr_array:
    """1 for every arm that has a weight in the row."""
    members = weights.copy()
    members.data = (members.data != 0).astype(float)
    return members


def _settle(scores: np.ndarray, magnitude: np.ndarray) -> Float[np.ndarray, "rows seeds"]:
    """Scores without the dust of rounding: 0.3 - 0.2 - 0.1 is 0, and equal differences are equal.

    Otherwise dust would count as spread, and a constant difference would get a p-value of 1e-60.
    """
    dust = ROUNDING * magnitude
    scores = np.where(np.abs(scores) <= dust, 0.0, scores)
    known = np.isfinite(scores)
    lowest = np.where(known, scores, np.inf).min(axis=1, initial=np.inf)
    highest = np.where(known, scores, -np.inf).max(axis=1, initial=-np.inf)
    constant: Bool[np.ndarray, " rows"] = highest - lowest <= dust.max(axis=1, initial=0.0)
    return np.where(constant[:, None] & known, lowest[:, None], scores)
