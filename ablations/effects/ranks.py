"""Ranks: how the arms of a contrast order over the levels of its random factor. Beside the verdicts."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ablations.contrasts.contrast import Contrast
from ablations.contrasts.rows import ContrastRow
from ablations.effects.interval import Interval
from ablations.effects.population import RankPair, Ranks
from ablations.manifest import Scalar
from ablations.results.scoring import Scores
from ablations.stats.populations import MIN_STRATA
from ablations.stats.populations.aggregate import interquartile_mean_over
from ablations.stats.populations.ranks import rank_arms


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """The arms that are ranked together, with their scores in each stratum on the seeds that all have."""

    arms: tuple[Scalar, ...]
    runs: Mapping[Scalar, Float[np.ndarray, "arms seeds"]]
    left_out: tuple[Scalar, ...]


def rank_families(contrast: Contrast, scores: Scores, *, alpha: float, tested: bool) -> tuple[Ranks, ...]:
    """The ranks for each combination of `within`; p-values only where they may be `tested`."""
    if contrast.random is None:
        return ()
    groups: dict[frozenset[tuple[str, Scalar]], list[int]] = {}
    for i, row in enumerate(contrast.rows):
        groups.setdefault(frozenset(row.within.items()), []).append(i)
    found = []
    for members in groups.values():
        rows = [contrast.rows[i] for i in members]
        field = _field(rows, [scores.strata[i] for i in members])
        if len(field.runs) >= MIN_STRATA:
            found.append(_ranked(contrast, rows[0].within, field, log=scores.log, alpha=alpha, tested=tested))
    return tuple(found)


def _field(rows: Sequence[ContrastRow], scores: Sequence[Scores]) -> _Field:
    every = tuple(dict.fromkeys(level for row in rows for level in row.strata))
    runs: dict[Scalar, np.ndarray] = {}
    for level in every:
        if any(level not in row.strata for row in rows):
            continue
        places = [list(row.strata).index(level) for row in rows]
        sides = [scores[0].against[places[0]], *(s.of[at] for s, at in zip(scores, places, strict=True))]
        values = np.array(sides)[
            :, np.isfinite([s.values[at] for s, at in zip(scores, places, strict=True)]).all(axis=0)
        ]
        if values.shape[1]:
            runs[level] = values
    left_out = tuple(level for level in every if level not in runs)
    return _Field(arms=(rows[0].against, *(row.of for row in rows)), runs=runs, left_out=left_out)


def _ranked(
    contrast: Contrast, within: Mapping[str, Scalar], field: _Field, *, log: bool, alpha: float, tested: bool
) -> Ranks:
    sign = 1.0 if contrast.goal == "maximize" else -1.0
    ranking = rank_arms(np.array([sign * values.mean(axis=1) for values in field.runs.values()]))
    pairs = zip(ranking.pairs, ranking.p, ranking.p_adjusted, strict=True)
    as_value = np.exp if log else np.asarray
    middle = [
        interquartile_mean_over([as_value(values[arm]) for values in field.runs.values()], level=1 - alpha)
        for arm in range(len(field.arms))
    ]
    return Ranks(
        within=within,
        arms=field.arms,
        strata=tuple(field.runs),
        left_out=field.left_out,
        mean_ranks=tuple(map(float, ranking.mean_ranks)),
        chi2=_known(ranking.chi2) if tested else None,
        f=_known(ranking.f) if tested else None,
        friedman=_known(ranking.friedman) if tested else None,
        pairs=tuple(
            RankPair(of=field.arms[j], against=field.arms[i], p=float(p), p_adjusted=float(adjusted))
            for (i, j), p, adjusted in pairs
            if tested
        ),
        middle=tuple(Interval(estimate=each[0], low=each[1], high=each[2]) for each in middle),
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
