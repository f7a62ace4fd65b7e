"""Verdicts about the margin: better by more than it or by less, and not worse where nothing else is shown."""

from dataclasses import replace

from ablations.contrasts.contrast import Contrast
from ablations.effects.effect import EffectRow
from ablations.effects.wording import MarginSide


def about_margin(
    contrast: Contrast, row: EffectRow, margin: float | None, *, inside: bool, coarse: bool
) -> EffectRow:
    """The row with where its effect lies against the margin, and `not worse` if that is all that is shown.

    `inside` tells that equivalence was shown. Beyond the margin, and above its lower end, lies what the
    simultaneous interval shows to lie there, so that the chance of any false claim in the family is kept.
    Nothing is claimed of rows with missing values, nor where differences are too alike, or too few, for the
    test to show anything (`coarse`).
    """
    wide = row.simultaneous
    if margin is None or row.verdict is None:
        return row
    low, high = (None, None) if wide is None or coarse else (wide.low, wide.high)
    if contrast.goal == "minimize":
        low, high = (None if high is None else -high), (None if low is None else -low)
    if row.verdict in ("better", "worse"):
        end = low if row.verdict == "better" else None if high is None else -high
        beyond = end is not None and end > margin
        side: MarginSide = "within" if inside else "beyond" if beyond else "open"
        return replace(row, margin_side=side)
    whole = row.reason is None and not row.mixed and not row.holes
    if row.verdict == "inconclusive" and whole and low is not None and low > -margin:
        return replace(row, verdict="not worse", seeds_needed=None)
    return row
