"""Contrasts: questions about factors, compiled to weights over arms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ablations.manifest import Scalar


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastRow:
    """One difference: the score of a seed is the sum of weight times value over the arms named here.

    The weights of the `of` arms sum to 1, those of the `against` arms to -1.
    """

    of: Scalar
    against: Scalar
    within: Mapping[str, Scalar]
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """One question on one metric; its rows are one family."""

    name: str
    primary: bool
    factor: str
    metric: str
    kind: Literal["metric", "rate"]
    goal: Literal["maximize", "minimize"]
    within: tuple[str, ...]
    over: tuple[str, ...]
    rows: tuple[ContrastRow, ...]
    test: Literal["paired_t", "sign_flip", "wilcoxon"]
    correction: Literal["holm", "bh", "none"]
    alpha: float
    post_hoc: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrasts:
    """What a study asks, and the exploratory rows beside it."""

    contrasts: tuple[Contrast, ...]
    exploratory: tuple[Contrast, ...]
