"""Shares of variance: how much of the spread between arms goes with which factor. Described, not judged.

Sums of squares are counted on arm means over the balanced part of the design, where every combination of the
levels kept is there once: only there do they not depend on the order in which factors are counted. A factor
that applies to some arms only is averaged over first, and its own contribution stands apart. Levels that
leave gaps (exclusions, arms without a value) are dropped, those with most gaps first and ties together, until
none is left.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from jaxtyping import Float

from ablations.design.arm import Arm, text_of
from ablations.effects.description import VarianceShares, VarianceTerm
from ablations.manifest import Scalar
from ablations.results.results import Results
from ablations.stats.resolution import logarithms
from ablations.stats.variance import partition, residual_variance

MIN_PART = 0.5
DUST = 1e-20

Cell = tuple[Scalar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """The balanced part of a design: factors that cross in it, their levels, the arms of each cell."""

    crossed: tuple[str, ...]
    levels: tuple[tuple[Scalar, ...], ...]
    cells: dict[Cell, list[int]]
    dropped: tuple[str, ...]

    @property
    def arms(self) -> list[int]:
        return [arm for members in self.cells.values() for arm in members]


def shares_of_variance(arms: Sequence[Arm], results: Results) -> tuple[VarianceShares, ...]:
    """The shares of each reading, where at least two factors vary."""
    varying = _varying(arms)
    if len(varying) < 2:
        return ()
    return tuple(_shares(arms, varying, results, reading.name) for reading in results.readings)


def _varying(arms: Sequence[Arm]) -> list[str]:
    seen: dict[str, set[Scalar]] = defaultdict(set)
    for arm in arms:
        for name, level in arm.levels.items():
            seen[name].add(level)
    everywhere = _everywhere(arms)
    return [name for name, levels in seen.items() if len(levels) > 1 or name not in everywhere]


def _everywhere(arms: Sequence[Arm]) -> set[str]:
    """The factors that apply to every arm."""
    return set(arms[0].levels).intersection(*(arm.levels for arm in arms)) if arms else set()


def _shares(arms: Sequence[Arm], varying: Sequence[str], results: Results, metric: str) -> VarianceShares:
    values = results.values(metric)
    if results.reading(metric).scale == "log":
        values = logarithms(values, values)
    num_known = np.isfinite(values).sum(axis=1)
    means = np.where(np.isfinite(values), values, 0.0).sum(axis=1) / np.maximum(num_known, 1)
    part = _balanced(arms, varying, num_known > 0)
    used = part.arms
    notes = [f"levels left out, as their combinations are incomplete: {', '.join(part.dropped)}"]
    if not part.dropped:
        notes = []
    num_lost = int((num_known[used] < len(results.seeds)).sum())
    if num_lost:
        lack = "1 of these arms lacks" if num_lost == 1 else f"{num_lost} of these arms lack"
        notes.append(f"{lack} seeds: an arm's mean is over the seeds it has")

    def found(terms: tuple[VarianceTerm, ...], noise: float | None) -> VarianceShares:
        return VarianceShares(
            metric=metric, terms=terms, noise=noise, num_arms=len(used), of_arms=len(arms), notes=tuple(notes)
        )

    num_crossed = sum(len(names) > 1 for names in part.levels)
    if len(used) < MIN_PART * len(arms) or num_crossed + (len(part.cells) < len(used)) < 2:
        notes.append("no complete cross of two factors holds half of the arms: no shares are given")
        return found((), None)
    terms, total = _terms(part, means, nested=[name for name in varying if name not in part.crossed])
    if total <= DUST * float((means[used] ** 2).max()):
        notes.append("all of these arms have the same mean")
        return found((), None)
    return found(terms, _noise(part, values, num_known, total))


def _balanced(arms: Sequence[Arm], varying: Sequence[str], known: np.ndarray) -> _Part:
    everywhere = _everywhere(arms)
    crossed = tuple(name for name in varying if name in everywhere)
    cells: dict[Cell, list[int]] = defaultdict(list)
    incomplete: set[Cell] = set()
    for i, arm in enumerate(arms):
        key = tuple(arm.levels[name] for name in crossed)
        cells[key].append(i)
        if not known[i]:
            incomplete.add(key)
    kept = {key: members for key, members in cells.items() if key not in incomplete}
    levels = [tuple(dict.fromkeys(key[axis] for key in cells)) for axis in range(len(crossed))]
    dropped: list[str] = []
    while kept and len(kept) < prod(len(names) for names in levels):
        gaps = _gaps(kept, levels)
        worst = max(gaps.values())
        gone = {place for place, gap in gaps.items() if gap >= worst}
        dropped += [f"{crossed[axis]} = {text_of(level)}" for axis, level in gaps if (axis, level) in gone]
        levels = [
            tuple(name for name in names if (axis, name) not in gone) for axis, names in enumerate(levels)
        ]
        kept = {
            key: members
            for key, members in kept.items()
            if not any((axis, level) in gone for axis, level in enumerate(key))
        }
    return _Part(crossed=crossed, levels=tuple(levels), cells=kept, dropped=tuple(dropped))


def _gaps(
    kept: dict[Cell, list[int]], levels: Sequence[tuple[Scalar, ...]]
) -> dict[tuple[int, Scalar], float]:
    """For each level, the share of its combinations that are missing."""
    size = prod(len(names) for names in levels)
    there = {(axis, name): 0 for axis, names in enumerate(levels) for name in names}
    for key in kept:
        for axis, level in enumerate(key):
            there[axis, level] += 1
    return {place: 1 - num * len(levels[place[0]]) / size for place, num in there.items()}


def _terms(
    part: _Part, means: Float[np.ndarray, " arms"], *, nested: Sequence[str]
) -> tuple[tuple[VarianceTerm, ...], float]:
    """The terms, and the variance between arms that they share; every cell counts alike."""
    ordered = [part.cells[key] for key in _keys(part.levels)]
    cells = np.array([means[members].mean() for members in ordered])
    between = float(cells.var())
    within = float(np.mean([means[members].var() for members in ordered]))
    total = between + within
    if total == 0:
        return (), 0.0
    found = partition(cells.reshape([len(names) for names in part.levels]))
    terms = [
        VarianceTerm(
            kind="main" if len(axes) == 1 else "interaction",
            factors=tuple(part.crossed[axis] for axis in axes),
            share=square / total,
        )
        for axes, square in found.items()
    ]
    active = tuple(name for name, names in zip(part.crossed, part.levels, strict=True) if len(names) > 1)
    if len(active) > 2:
        rest = max(0.0, between - sum(found.values()))
        terms.append(VarianceTerm(kind="higher", factors=active, share=rest / total))
    if nested and any(len(members) > 1 for members in ordered):
        terms.append(VarianceTerm(kind="nested", factors=tuple(nested), share=within / total))
    return tuple(terms), total


def _noise(
    part: _Part, values: Float[np.ndarray, "arms seeds"], num_known: np.ndarray, total: float
) -> float | None:
    """The share of the variance that noise over seeds would be expected to give without any effect.

    What a seed does to all arms alike spreads none of them, so it is taken out first.
    """
    used = part.arms
    noise = residual_variance(values[used])
    if noise is None:
        return None
    weights = np.array([1 / (len(part.cells) * len(found)) for found in part.cells.values() for _ in found])
    expected = float((weights * (1 - weights) / num_known[used]).sum()) * noise
    return min(1.0, expected / total)


def _keys(levels: Sequence[tuple[Scalar, ...]]) -> list[Cell]:
    keys: list[Cell] = [()]
    for names in levels:
        keys = [(*key, name) for key in keys for name in names]
    return keys
