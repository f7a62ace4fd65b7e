"""Effects: what a study found, row by row, with its interval, test and verdict."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from jaxtyping import Float

from ablations.contrast import Contrast, Contrasts
from ablations.errors import Json
from ablations.inference import Inference, infer
from ablations.manifest import Scalar
from ablations.results import Results
from ablations.scoring import score
from ablations.stats.correction import adjust

Verdict = Literal["better", "worse", "equivalent", "inconclusive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """One row of a contrast: a difference, `of` minus `against`, with what is known about it.

    `n` is the number of seeds on which every arm of the row has a value, `holes` the number of values that
    are missing for good.
    """

    contrast: str
    metric: str
    of: Scalar
    against: Scalar
    within: Mapping[str, Scalar]
    estimate: float | None
    low: float | None
    high: float | None
    p: float | None
    p_adjusted: float | None
    others: Mapping[str, Json]
    n: int
    holes: int
    unit: str
    verdict: Verdict | None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The row as clients read it."""
        return {
            "contrast": self.contrast,
            "metric": self.metric,
            "of": self.of,
            "against": self.against,
            "within": dict(self.within),
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
            "p": self.p,
            "p_adjusted": self.p_adjusted,
            "others": dict(self.others),
            "n": self.n,
            "holes": self.holes,
            "unit": self.unit,
            "verdict": self.verdict,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastEffects:
    """The rows of one contrast on one metric: a family."""

    name: str
    primary: bool
    metric: str
    test: str
    correction: str
    alpha: float
    rows: tuple[EffectRow, ...]
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The family as clients read it."""
        return {
            "name": self.name,
            "primary": self.primary,
            "metric": self.metric,
            "test": self.test,
            "correction": self.correction,
            "alpha": self.alpha,
            "family_size": len(self.rows),
            "rows": [row.to_json() for row in self.rows],
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Everything a study found: its contrasts, then exploratory rows without correction or verdict."""

    interim: bool
    contrasts: tuple[ContrastEffects, ...] = ()
    exploratory: tuple[EffectRow, ...] = ()
    interactions: tuple[EffectRow, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The effects as clients read them."""
        return {
            "interim": self.interim,
            "contrasts": [contrast.to_json() for contrast in self.contrasts],
            "exploratory": [row.to_json() for row in self.exploratory],
            "interactions": [row.to_json() for row in self.interactions],
            "notes": list(self.notes),
        }


def judge(contrasts: Contrasts, results: Results, *, final: bool) -> Effects:
    """The effects that these results show; without p-values and verdicts as long as they are not final."""
    return Effects(
        interim=not final,
        contrasts=tuple(_judge_one(contrast, results, final=final) for contrast in contrasts.contrasts),
        exploratory=tuple(_exploratory(contrasts.exploratory, results, final=final)),
        interactions=tuple(_exploratory(contrasts.interactions, results, final=final)),
    )


def _exploratory(contrasts: Iterable[Contrast], results: Results, *, final: bool) -> Iterable[EffectRow]:
    for contrast in contrasts:
        for row in _judge_one(contrast, results, final=final).rows:
            yield replace(row, p_adjusted=None, verdict=None)


def _judge_one(contrast: Contrast, results: Results, *, final: bool) -> ContrastEffects:
    scores = score(contrast, results)
    found = infer(scores, level=1 - contrast.alpha)
    test, p = _chosen_p(contrast, found)
    adjusted = adjust(p, contrast.correction)
    unit = results.reading(contrast.metric).unit
    n = scores.n
    rows = [
        EffectRow(
            contrast=contrast.name,
            metric=contrast.metric,
            of=row.of,
            against=row.against,
            within=row.within,
            estimate=_number(found.estimate[i]),
            low=_number(found.low[i]),
            high=_number(found.high[i]),
            p=_number(p[i]) if final else None,
            p_adjusted=_number(adjusted[i]) if final else None,
            others=_others(found, i) if final else {},
            n=int(n[i]),
            holes=int(scores.holes[i]),
            unit=unit,
            verdict=_verdict(contrast, found.estimate[i], adjusted[i]) if final else None,
        )
        for i, row in enumerate(contrast.rows)
    ]
    return ContrastEffects(
        name=contrast.name,
        primary=contrast.primary,
        metric=contrast.metric,
        test=test,
        correction=contrast.correction,
        alpha=contrast.alpha,
        rows=tuple(rows),
    )


def _chosen_p(contrast: Contrast, found: Inference) -> tuple[str, Float[np.ndarray, " rows"]]:
    """The p-values that carry the verdicts, and the name of their test.

    Where all differences are one number other than 0 there is no t test, and the sign-flip test stands in.
    """
    if contrast.test == "paired_t":
        return contrast.test, np.where(np.isnan(found.paired_t), found.sign_flip, found.paired_t)
    return contrast.test, found.sign_flip if contrast.test == "sign_flip" else found.wilcoxon


def _others(found: Inference, row: int) -> dict[str, Json]:
    return {
        "paired_t": _number(found.paired_t[row]),
        "sign_flip": _number(found.sign_flip[row]),
        "sign_flip_error": _number(found.sign_flip_error[row]),
        "wilcoxon": _number(found.wilcoxon[row]),
    }


def _verdict(contrast: Contrast, estimate: float, p_adjusted: float) -> Verdict | None:
    """Better or worse by the metric's goal if the adjusted p is at most alpha, else inconclusive."""
    if not contrast.primary:
        return None
    if not p_adjusted <= contrast.alpha or estimate == 0:
        return "inconclusive"
    return "better" if (estimate > 0) == (contrast.goal == "maximize") else "worse"


def _number(value: float) -> float | None:
    """The value for JSON: null where there is none."""
    return float(value) if math.isfinite(value) else None
