"""Mixtures: rows whose trials did not all run with one code, one data and one kind of machine."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ablations.contrasts.contrast import Contrast
from ablations.effects.effect import EffectRow
from ablations.effects.inference import Inference
from ablations.results.environments import Origin, differences, distinct, num_unknown
from ablations.results.results import Results

TESTS = ("paired_t", "sign_flip", "sign_flip_error", "wilcoxon", "mcnemar", "hartung_knapp", "tost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """What a reader must know of the environments behind a row: what differs, and what nobody knows."""

    changed: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


UNMIXED = Mixture()


def mixtures(contrast: Contrast, results: Results) -> tuple[Mixture, ...]:
    """For every row, whether its trials may be compared.

    All trials of its arms count, those of their searches too: a search under other code is other evidence.
    """
    everything = _behind(results.arms, results)
    unknown = num_unknown(everything)
    if not differences(everything) and unknown in (0, len(everything)):
        return (UNMIXED,) * len(contrast.rows)
    return tuple(_mixture(_behind(row.weights, results)) for row in contrast.rows)


def untested(found: Inference, mixed: Sequence[Mixture]) -> Inference:
    """The same without p-values of mixed rows, which so count as 1 in their family."""
    gone = np.array([bool(mixture.changed) for mixture in mixed], dtype=bool)
    if not gone.any():
        return found
    silent: dict[str, Any] = {name: np.where(gone, np.nan, getattr(found, name)) for name in TESTS}
    return replace(found, **silent)


def explained(rows: Sequence[EffectRow], mixed: Sequence[Mixture]) -> list[EffectRow]:
    """The rows, each mixed one with the reason why nothing is decided in place of what stood beside it."""
    return [_explained(row, mixture) for row, mixture in zip(rows, mixed, strict=True)]


def _behind(arms: Iterable[str], results: Results) -> list[Origin]:
    return distinct(trial for arm in arms for trial in results.origins.get(arm, ()))


def _mixture(trials: Sequence[Origin]) -> Mixture:
    changed = tuple(map(str, differences(trials)))
    num = num_unknown(trials)
    if not 0 < num < len(trials):
        return Mixture(changed=changed)
    whose = f"{num} of its {len(trials)} trials" if num > 1 else f"one of its {len(trials)} trials"
    return Mixture(changed=changed, unknown=(f"the code and data behind {whose} are unknown",))


def _explained(row: EffectRow, mixture: Mixture) -> EffectRow:
    if not mixture.changed:
        return replace(row, notes=(*row.notes, *mixture.unknown)) if mixture.unknown else row
    if row.verdict == "no data":
        return replace(row, mixed=mixture.changed)
    return replace(
        row,
        verdict=None if row.verdict is None else "inconclusive",
        mixed=mixture.changed,
        seeds_needed=None,
        sensitivity=None,
        collapse=None,
        reason="; ".join(mixture.changed),
        bootstrap=None,
        population=None,
        notes=mixture.unknown,
    )
