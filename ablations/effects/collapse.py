"""Collapse: what a verdict about means owes to runs near the metric's worst value, seen or unseen."""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float

from ablations.contrasts.contrast import Contrast
from ablations.design.reading import Reading
from ablations.effects.effect import Collapse, Verdict
from ablations.effects.inference import Inference
from ablations.results.results import Results
from ablations.results.scoring import Scores, Side, weigh, worst_score
from ablations.stats.rarity import not_excluded
from ablations.stats.resolution import logarithms

DECIDED = ("better", "worse", "equivalent")


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
    seen = {
        "of": ((weights.maximum(0) @ runs > 0) & complete).sum(axis=1),
        "against": (((-weights).maximum(0) @ runs > 0) & complete).sum(axis=1),
    }
    means = {"of": found.of, "against": found.against}
    beside = {}
    for i, verdict in verdicts.items():
        if verdict not in DECIDED:
            continue
        room = abs(float(found.estimate[i]))
        if verdict == "equivalent":
            room = (margin or 0.0) - room
        falls = {side: abs(float(means[side][i]) - worst) for side in means}
        side = _resting(verdict, falls)
        n = int(scores.n[i])
        share = room / falls[side] if falls[side] > 0 else np.inf
        beside[i] = Collapse(
            side=side,
            of_seen=int(seen["of"][i]),
            against_seen=int(seen["against"][i]),
            n=n,
            not_excluded=not_excluded(n, seen=int(seen[side][i])),
            turns_at=float(share) if share < 1 else None,
        )
    return beside


def _resting(verdict: Verdict, falls: Mapping[str, float]) -> Side:
    """The side that the verdict rests on: the better one, or that which could fall further."""
    if verdict == "better":
        return "of"
    return "against" if verdict == "worse" or falls["against"] > falls["of"] else "of"


def collapse_note(known: Collapse, of: str, against: str) -> str:
    """The sentence beside the verdict."""
    name, seen = (of, known.of_seen) if known.side == "of" else (against, known.against_seen)
    upper = f"rates of collapse up to {100 * known.not_excluded:.2g} % are not excluded"
    had = (
        f"{seen} of {known.n} seeds of {name} collapsed"
        if seen
        else f"{known.n} seeds of {name} without a collapse"
    )
    turn = (
        f"from {100 * known.turns_at:.2g} % on the verdict on the mean would turn"
        if known.turns_at is not None
        else "no rate would turn the verdict"
    )
    return f"{had}: {upper}, {turn}"
