"""Scores: one number a seed for every row of a contrast."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import sparse

from ablations.contrasts.contrast import Contrast
from ablations.contrasts.rows import ContrastRow
from ablations.results.results import Results
from ablations.stats.resolution import logarithms

Side = Literal["of", "against"]

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
    good. Where the metric is on a log scale all of them are logarithms.
    """

    values: Float[np.ndarray, "rows seeds"]
    of: Float[np.ndarray, "rows seeds"]
    against: Float[np.ndarray, "rows seeds"]
    holes: Int[np.ndarray, " rows"]
    log: bool

    @property
    def n(self) -> Int[np.ndarray, " rows"]:
        """The number of complete seeds of each row."""
        return np.asarray(np.isfinite(self.values).sum(axis=1))

    def blocks(self, *, at_least: int = 1) -> Iterator[Block]:
        """The rows by their number of complete seeds, leaving out those with fewer than `at_least`."""
        n = self.n
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


def score(contrast: Contrast, results: Results, *, worst_of: Side | None = None) -> Scores:
    """The scores of a contrast in these results.

    With `worst_of`, holes are filled: on that side with the metric's declared worst value, on the other
    with the best one seen in any arm of the contrast.
    """
    log = results.reading(contrast.metric).scale == "log"
    values = results.values(contrast.metric)
    weights = weigh(contrast.rows, results)
    gone = np.isnan(values) & results.ended
    holes = _members(weights) @ gone.astype(float)
    sides, magnitude = {}, np.zeros(())
    for side, part in (("of", weights.maximum(0)), ("against", (-weights).maximum(0))):
        filled = values
        if worst_of is not None:
            filled = np.where(gone, _extreme(contrast, results, weights, worst=side == worst_of), values)
        filled = logarithms(filled, values[np.unique(weights.indices)]) if log else filled
        sides[side] = _side(part, filled)
        # A logarithm is as uncertain as its argument is in relation to itself, however near to 0 it lies.
        sizes = np.maximum(np.abs(filled), 1.0) if log else np.abs(filled)
        magnitude = magnitude + part @ np.nan_to_num(sizes)
    return Scores(
        values=_settle(sides["of"] - sides["against"], magnitude),
        of=np.where(np.isnan(sides["against"]), np.nan, sides["of"]),
        against=np.where(np.isnan(sides["of"]), np.nan, sides["against"]),
        holes=np.rint(holes.sum(axis=1)).astype(int),
        log=log,
    )


def _extreme(contrast: Contrast, results: Results, weights: sparse.csr_array, *, worst: bool) -> float:
    """The declared worst value of a metric, or the best one seen in an arm of the contrast; NaN if none."""
    reading = results.reading(contrast.metric)
    if worst:
        usable = np.isfinite(reading.worst) and (reading.scale == "linear" or reading.worst > 0)
        return reading.worst if usable else np.nan
    if reading.kind == "rate":
        return 1 - reading.worst
    seen = results.values(contrast.metric)[np.unique(weights.indices)]
    known = seen[np.isfinite(seen)]
    if len(known) == 0:
        return np.nan
    return float(known.max() if contrast.goal == "maximize" else known.min())


def weigh(rows: tuple[ContrastRow, ...], results: Results) -> sparse.csr_array:
    """The weights of the rows as one sparse matrix, rows by arms."""
    starts = np.cumsum([0, *(len(row.weights) for row in rows)])
    columns = [results.arm_index[arm] for row in rows for arm in row.weights]
    data = [weight for row in rows for weight in row.weights.values()]
    shape = (len(rows), len(results.arms))
    return sparse.csr_array((np.array(data, dtype=float), np.array(columns, dtype=int), starts), shape=shape)


def _side(weights: sparse.csr_array, values: Float[np.ndarray, "arms seeds"]) -> np.ndarray:
    """Weighted sums over arms, NaN where one of the arms lacks a value."""
    missing = np.isnan(values)
    sums = weights @ np.where(missing, 0.0, values)
    lacking = _members(weights) @ missing.astype(float)
    return np.where(lacking > 0, np.nan, sums)


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
