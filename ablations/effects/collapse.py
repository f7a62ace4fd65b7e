"""Collapse: what a verdict about means owes to runs near the metric's worst value, seen or unseen."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from ablations.contrasts.contrast import Contrast
from ablations.design.reading import Reading
from ablations.effects.effect import Collapse
from ablations.effects.inference import Inference
from ablations.effects.wording import Verdict
from ablations.results.results import Results
from ablations.results.scoring import Scores, Side, weigh, worst_score
from ablations.stats.rarity import not_excluded
from ablations.stats.resolution import logarithms

DECIDED = ("better", "worse", "equivalent", "not worse")
LEAST = 1e-4


def collapsed(metric: str, results: Results) -> Bool[np.ndarray, "arms seeds"]:
    """Which runs collapsed: those that diverged, and those beyond the threshold of a declared rate.

    Without such a rate, those whose value lies nearer to the declared worst one than to the median of all.
    """
    reading, values = results.reading(metric), results.values(metric)
    beyond = _mark_beyond(reading, results, values)
    return np.asarray(results.diverged | (beyond & np.isfinite(values)))


def _mark_beyond(reading: Reading, results: Results, values: Float[np.ndarray, "arms seeds"]) -> np.ndarray:
    for rate in results.readings:
        if rate.kind == "rate" and rate.of == reading.name and rate.worst == 1.0:
            return np.asarray(values < rate.below if rate.below is not None else values > (rate.above or 0.0))
    worst, known = worst_score(reading), values[np.isfinite(values)]
    if worst is None or len(known) == 0:
        return np.zeros(values.shape, dtype=bool)
    scaled = logarithms(values, values) if reading.scale == "log" else values
    median = np.median(scaled[np.isfinite(values)])
    return np.asarray(np.abs(scaled - worst) < np.abs(scaled - median))


def watch_collapse(
    contrast: Contrast,
    results: Results,
    scores: Scores,
    found: Inference,
    verdicts: Mapping[int, Verdict],
    margin: float | None,
) -> dict[int, Collapse]:
    """What is known of collapse beside each decided verdict, where the metric has a worst value."""
    reading = results.reading(contrast.metric)
    worst = worst_score(reading)
    if reading.kind == "rate" or worst is None or contrast.shape != "difference":
        return {}
    runs = collapsed(contrast.metric, results).astype(float)
    weights = weigh(contrast.rows, results)
    complete = np.isfinite(scores.values)
    struck = {
        "of": (weights.maximum(0) @ runs > 0) & complete,
        "against": ((-weights).maximum(0) @ runs > 0) & complete,
    }
    sides = {"of": scores.of, "against": scores.against}
    means = {"of": found.of, "against": found.against}
    beside = {}
    for i, verdict in verdicts.items():
        if verdict not in DECIDED:
            continue
        falls = {side: abs(float(means[side][i]) - worst) for side in means}
        side = _resting(verdict, falls)
        n = int(scores.complete[i])
        if n == 0:
            continue
        seen = {name: int(each[i].sum()) for name, each in struck.items()}
        room = _room(verdict, float(found.estimate[i]), contrast.goal, margin or 0.0)
        share = room / falls[side] if falls[side] > 0 else np.inf
        other: Side = "against" if side == "of" else "of"
        beside[i] = Collapse(
            side=side,
            of_seen=seen["of"],
            against_seen=seen["against"],
            n=n,
            not_excluded=not_excluded(n, seen=seen[side]),
            turns_at=float(share) if share < 1 else None,
            turns_below=_turns_below(sides[other][i], struck[other][i], float(means[side][i]), worst)
            if verdict in ("better", "worse")
            else None,
        )
    return beside


def _room(verdict: Verdict, estimate: float, goal: str, margin: float) -> float:
    """How far the mean of the side that a verdict rests on may fall until the verdict is another one."""
    if verdict == "not worse":
        return margin + (estimate if goal == "maximize" else -estimate)
    return margin - abs(estimate) if verdict == "equivalent" else abs(estimate)


def _turns_below(
    side: Float[np.ndarray, " seeds"], struck: Bool[np.ndarray, " seeds"], other: float, worst: float
) -> float | None:
    """The rate of collapse at which the mean of a side that is behind would reach that of the other one.

    None where more than half of its seeds collapsed: too few are left to say where it would lie without.
    """
    whole = side[np.isfinite(side) & ~struck]
    if not struck.any() or len(whole) < struck.sum():
        return None
    mean, fallen = float(whole.mean()), float(side[struck].mean())
    ahead = (mean - other) * np.sign(other - worst)
    return float((mean - other) / (mean - fallen)) if ahead > 0 and mean != fallen else None


def _resting(verdict: Verdict, falls: Mapping[str, float]) -> Side:
    """The side that the verdict rests on: the better one, or that which could fall further."""
    if verdict in ("better", "not worse"):
        return "of"
    return "against" if verdict == "worse" or falls["against"] > falls["of"] else "of"


def collapse_note(known: Collapse, of: str, against: str) -> str:
    """The sentence beside the verdict."""
    (name, seen), (other, lost) = (of, known.of_seen), (against, known.against_seen)
    if known.side == "against":
        (name, seen), (other, lost) = (other, lost), (name, seen)
    upper = f"rates of collapse up to {rate_text(known.not_excluded)} are not excluded"
    had = (
        f"{seen} of {known.n} seeds of {name} collapsed"
        if seen
        else f"{known.n} seeds of {name} without a collapse"
    )
    turn = (
        f"from {rate_text(known.turns_at)} on the verdict on the mean would turn"
        if known.turns_at is not None
        else "and no rate would turn the verdict"
    )
    text = f"{had}: {upper}, {turn}"
    if known.turns_below is None:
        return text
    behind = f"{lost} of {known.n} seeds of {other} collapsed, without which it would be ahead"
    return f"{text}; {behind}: below {rate_text(known.turns_below)} the verdict on the mean would turn"


def rate_text(share: float) -> str:
    """A rate to two digits.

    >>> rate_text(0.138), rate_text(1.0), rate_text(0.00123), rate_text(1e-9)
    ('14 %', '100 %', '0.12 %', '0.01 %')
    """
    return f"{float(f'{100 * max(share, LEAST):.2g}'):g} %"
