"""The number of seeds that the pilot of a study sets: once, and blinded to which arm is which."""

import math

import numpy as np

from ablations.contrasts.contrast import Contrast, Contrasts
from ablations.contrasts.rows import ContrastRow
from ablations.design.arm import text_of
from ablations.design.resize import Resize
from ablations.results.results import Results
from ablations.results.scoring import score
from ablations.stats.blinding import blinded_spread, seeds_from
from ablations.stats.correction import share_of
from ablations.study.analysis import ResizedSpec


def resize(contrasts: Contrasts, results: Results) -> ResizedSpec:
    """What a complete pilot sets, from the row of the primary contrast that spreads most.

    The level is the smallest that the correction may ask of one row. Without a row of two complete pairs
    nothing is known of the spread, and the study takes the most that it declared.

    Assumes: the study declares it, and its number is not set.
    """
    rule, primary = contrasts.resize, next(one for one in contrasts.contrasts if one.primary)
    assert rule is not None and rule.pending
    scores = score(primary, results)
    spreads, pairs = blinded_spread(scores.values), scores.n
    known = np.isfinite(spreads)
    worst = int(np.nanargmax(spreads)) if known.any() else None
    spread = None if worst is None else float(spreads[worst])
    seeds = None if spread is None else seeds_for(primary, rule, spread)
    return ResizedSpec(
        seeds=rule.most if seeds is None else seeds,
        spread=spread,
        row="" if worst is None else _row_name(primary.rows[worst]),
        pairs=0 if worst is None else int(pairs[worst]),
        missing=_num_missing(primary, results),
        unknown=[_row_name(row) for row, told in zip(primary.rows, known, strict=True) if not told],
        enough=seeds is not None,
    )


def seeds_for(primary: Contrast, rule: Resize, spread: float) -> int | None:
    """The seeds with which a row of this spread finds the margin; None where the most are too few."""
    return seeds_from(
        spread,
        margin=math.log1p(rule.margin) if rule.log else rule.margin,
        test=primary.carried_by,
        alpha=share_of(primary.alpha, len(primary.rows), primary.correction),
        power=rule.power,
        low=rule.pilot,
        high=rule.most,
    )


def _num_missing(primary: Contrast, results: Results) -> int:
    """How many trials of the arms that are compared have no value."""
    asked = {results.arm_index[arm] for row in primary.rows for arm in row.weights}
    return int(np.isnan(results.values(primary.metric)[sorted(asked)]).sum())


def _row_name(row: ContrastRow) -> str:
    within = ", ".join(f"{name} = {text_of(level)}" for name, level in row.within.items())
    return f"{text_of(row.of)} against {text_of(row.against)}" + (f" where {within}" if within else "")
