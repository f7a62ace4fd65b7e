"""Holes: what a verdict owes to values that are missing."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float

from ablations.contrasts.contrast import Contrast
from ablations.effects.effect import Imputed, Sensitivity, Tipping
from ablations.effects.inference import Inference, infer
from ablations.effects.verdict import Ruling, rule
from ablations.effects.wording import Verdict
from ablations.results.results import Results
from ablations.results.scoring import Gaps, Side

SIDES: tuple[Side, Side] = ("of", "against")
AGAINST: Mapping[str, tuple[Side, ...]] = {"better": ("of",), "worse": ("against",)}
STEPS = (0.0, *(2.0**-k for k in range(10, -1, -1)))
BISECTIONS = 20
MAX_TIPPED_ROWS = 32
UNRELATED = "the study declares that missing runs have nothing to do with the outcome (missing: unrelated)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fills:
    """The values that stand in the holes of a family on the way from where the others lie to an end.

    A share of 0 is the mean of the seeds that have all values, a share of 1 the metric's worst value on one
    side and the best one seen on the other.
    """

    gaps: Gaps
    of: Float[np.ndarray, " rows"]
    against: Float[np.ndarray, " rows"]

    def fill(self, worst: Side, share: float) -> tuple[np.ndarray, np.ndarray]:
        """The values of the two sides of each row."""
        ends = (self.gaps.worst, self.gaps.best) if worst == "of" else (self.gaps.best, self.gaps.worst)
        return self.of + share * (ends[0] - self.of), self.against + share * (ends[1] - self.against)


def weigh_holes(
    contrast: Contrast, gaps: Gaps, found: Inference, ruling: Ruling, margin: float | None
) -> dict[int, Sensitivity]:
    """What the verdicts of a family owe to its holes, where that may matter.

    That is in rows with holes, and in rows whose verdict changes with the p-values beside theirs.
    """
    if not gaps.holes.any():
        return {}
    fills = fills_of(contrast, gaps, found)

    @cache
    def judged(worst: Side, share: float) -> tuple[Inference, Ruling]:
        filled = gaps.filled(*fills.fill(worst, share))
        seen = infer(contrast, filled, level=1 - ruling.alpha, margin=margin, complete=False)
        return seen, rule(contrast, seen, alpha=ruling.alpha)

    doubts = {}
    for i, verdict in enumerate(ruling.verdicts):
        imputed = {side: _imputed(*judged(side, 1.0), i) for side in SIDES}
        flips = is_overturned(verdict, {side: one.verdict for side, one in imputed.items()})
        if flips or gaps.holes[i]:
            tipping = None
            # Models differ in level: no one value on the way to the worst one would fit all their holes.
            tippable = not found.of_rates and contrast.random is None
            if gaps.holes[i] and len(ruling.verdicts) <= MAX_TIPPED_ROWS and tippable:
                tipping = _tipping(i, verdict, fills, lambda side, share: judged(side, share)[1])
            doubts[i] = Sensitivity(
                found=verdict,
                of_worst=imputed["of"],
                against_worst=imputed["against"],
                flips=flips or (tipping is not None and verdict == "inconclusive"),
                tipping=tipping,
            )
    return doubts


def is_overturned(verdict: Verdict, filled: Mapping[Side, Verdict]) -> bool:
    """Whether the fills that speak against a verdict, by the side they make worst, give another one."""
    return any(filled[side] != verdict for side in AGAINST.get(verdict, SIDES))


def fills_of(contrast: Contrast, gaps: Gaps, found: Inference) -> Fills:
    """The ways from where the values of each row lie to the ends of what they could be."""
    weights = [row.weights.values() for row in contrast.rows]
    of = np.array([sum(w for w in row if w > 0) for row in weights])
    against = np.array([-sum(w for w in row if w < 0) for row in weights])
    return Fills(
        gaps=gaps,
        of=np.divide(found.of, of, out=np.full_like(of, gaps.best), where=np.isfinite(found.of) & (of > 0)),
        against=np.divide(
            found.against,
            against,
            out=np.full_like(against, gaps.best),
            where=np.isfinite(found.against) & (against > 0),
        ),
    )


def _imputed(found: Inference, ruling: Ruling, i: int) -> Imputed:
    return Imputed(
        estimate=_number(found.estimate[i]),
        p_adjusted=_number(ruling.p_adjusted[i]),
        verdict=ruling.verdicts[i],
    )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _tipping(
    i: int, verdict: Verdict, fills: Fills, judged: Callable[[Side, float], Ruling]
) -> Tipping | None:
    """The first value on the way to the worst one at which a row's verdict is another."""
    found = [tip for side in AGAINST.get(verdict, SIDES) for tip in _tips(i, verdict, fills, judged, side)]
    return min(found, key=lambda tip: tip[0])[1] if found else None


def _tips(
    i: int, verdict: Verdict, fills: Fills, judged: Callable[[Side, float], Ruling], side: Side
) -> Iterator[tuple[float, Tipping]]:
    changed = next((k for k, s in enumerate(STEPS) if judged(side, s).verdicts[i] != verdict), None)
    if changed is None:
        return
    low, high = STEPS[max(changed - 1, 0)], STEPS[changed]
    for _ in range(BISECTIONS if low < high else 0):
        middle = (low + high) / 2
        if judged(side, middle).verdicts[i] == verdict:
            low = middle
        else:
            high = middle
    of, against = fills.fill(side, high)
    as_value = np.exp if fills.gaps.log else np.asarray
    yield (
        high,
        Tipping(
            worst=side if high > 0 else None,
            of=float(as_value(of[i])) if fills.gaps.of_gone[i].any() else None,
            against=float(as_value(against[i])) if fills.gaps.against_gone[i].any() else None,
            becomes=judged(side, high).verdicts[i],
        ),
    )


def missing_runs(contrast: Contrast, results: Results, row: int | None) -> str:
    """How many runs of a row, or of the whole family, have no value, in words."""
    rows = contrast.rows if row is None else (contrast.rows[row],)
    arms = {arm for each in rows for arm in each.weights}
    lost = [
        hole.state
        for hole in results.holes
        if hole.arm_id in arms and hole.metric in (None, contrast.metric) and hole.state != "planned"
    ]
    how = {"failed": "that failed", "cancelled": "that were cancelled"}
    words = how.get(lost[0], "without a value") if len(set(lost)) == 1 else "without a value"
    return f"{len(lost)} run{'s' if len(lost) != 1 else ''} {words}"
