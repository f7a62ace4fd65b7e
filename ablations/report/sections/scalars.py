"""Learned alpha and beta by layer and epoch, and how linear they make each layer."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from ablations.design.arm import Arm
from ablations.report.document.document import Block, Column, Fold, Kind, Paragraph, Table
from ablations.report.document.numbers import compact, count
from ablations.report.document.plots import Figure, Heat, HeatPanel, slug
from ablations.report.evidence import Evidence
from ablations.results.results import TrialRecord

MAX_PANELS = 6
MAX_FOLDED = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """The scalars of one arm, averaged over its seeds."""

    arm: Arm
    steps: tuple[float, ...]
    alpha: Float[np.ndarray, "steps layers"]
    beta: Float[np.ndarray, "steps layers"]
    num_seeds: int

    @property
    def linearity(self) -> Float[np.ndarray, "steps layers"]:
        """How linear each layer is."""
        return linearity(self.alpha, self.beta)


def linearity(
    alpha: Float[np.ndarray, "*shape"], beta: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """1 - |alpha - beta| / (|alpha| + |beta|) of f(x) = A(x) (alpha - beta) + beta x.

    1 where the base function has no weight (alpha = beta: f is linear), 0 where f is a scaled base
    (beta = 0) or the two work against each other; a layer that passes nothing is linear.
    Source: own definition.

    >>> linearity(np.array([1.0, 0.7, 1.0, 0.0]), np.array([0.0, 0.7, 0.5, 0.0]))
    array([0.        , 1.        , 0.66666667, 1.        ])
    """
    size = np.abs(alpha) + np.abs(beta)
    return np.asarray(1.0 - np.abs(alpha - beta) / np.where(size > 0, size, 1.0))


def learned_scalars(evidence: Evidence) -> list[Block]:
    """Heat maps of linearity, alpha and beta for the deepest arms, and a table of every arm."""
    found = list(_learned(evidence))
    if not found:
        return []
    layered = sorted((f for f in found if f.alpha.shape[1] > 1), key=lambda f: -f.alpha.shape[1])
    step = evidence.design.manifest.step
    blocks: list[Block] = [Paragraph(phrases=(_explanation(),))]
    if layered:
        shown = layered[:MAX_PANELS]
        blocks.append(_heat(shown, "linearity", step, [f.linearity for f in shown], None))
        maps = (
            _heat(shown, "alpha", step, [f.alpha for f in shown], None),
            _heat(shown, "beta", step, [f.beta for f in shown], None),
        )
        blocks.append(Fold(title="alpha and beta by layer", blocks=maps))
    rest = layered[MAX_PANELS : MAX_PANELS + MAX_FOLDED]
    if rest:
        figure = _heat(rest, "linearity", step, [f.linearity for f in rest], None, suffix="-rest")
        blocks.append(Fold(title=f"Linearity of {count(len(rest), 'further arm')}", blocks=(figure,)))
    blocks.append(Fold(title="Scalars at the end, by arm", blocks=(_table(evidence, found),)))
    return blocks


def _explanation() -> str:
    return (
        "f(x) = A(x) (\N{GREEK SMALL LETTER ALPHA} \N{MINUS SIGN} \N{GREEK SMALL LETTER BETA}) +"
        " \N{GREEK SMALL LETTER BETA} x with learned \N{GREEK SMALL LETTER ALPHA} and"
        " \N{GREEK SMALL LETTER BETA}. Linearity is 1 \N{MINUS SIGN} |\N{GREEK SMALL LETTER ALPHA}"
        " \N{MINUS SIGN} \N{GREEK SMALL LETTER BETA}| / (|\N{GREEK SMALL LETTER ALPHA}| +"
        " |\N{GREEK SMALL LETTER BETA}|): 1 where the layer is linear, 0 where it is a scaled base function."
        " Means over seeds."
    )


def _learned(evidence: Evidence) -> Iterator[Learned]:
    by_arm: dict[str, list[TrialRecord]] = {}
    for record in evidence.measuring:
        if record.state == "done" and isinstance(record.scalars, dict):
            by_arm.setdefault(record.arm_id, []).append(record)
    for arm in evidence.design.arms:
        if arm.id in by_arm and (found := _averaged(arm, by_arm[arm.id])) is not None:
            yield found


def _averaged(arm: Arm, records: Sequence[TrialRecord]) -> Learned | None:
    """Means over the seeds that recorded the same steps and layers as most."""
    tables = [t for r in records if isinstance(r.scalars, dict) and (t := _tables(r.scalars)) is not None]
    if not tables:
        return None
    shapes = [alpha.shape for alpha, _, _ in tables]
    usual = max(set(shapes), key=lambda shape: (shapes.count(shape), shape))
    same = [t for t, shape in zip(tables, shapes, strict=True) if shape == usual]
    return Learned(
        arm=arm,
        steps=same[0][2],
        alpha=np.asarray(np.mean([alpha for alpha, _, _ in same], axis=0)),
        beta=np.asarray(np.mean([beta for _, beta, _ in same], axis=0)),
        num_seeds=len(same),
    )


def _tables(scalars: Mapping[str, object]) -> tuple[np.ndarray, np.ndarray, tuple[float, ...]] | None:
    """alpha and beta as steps by layers; a layer with a scalar for each channel counts by its mean."""
    alpha, beta = _table_of(scalars.get("alpha")), _table_of(scalars.get("beta"))
    if alpha is None or beta is None or alpha.shape != beta.shape or alpha.size == 0:
        return None
    steps = scalars.get("steps")
    known = tuple(float(s) for s in steps) if isinstance(steps, list) and len(steps) == len(alpha) else ()
    return alpha, beta, known or tuple(float(i + 1) for i in range(len(alpha)))


def _table_of(rows: object) -> np.ndarray | None:
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return None
    means = [[_mean(cell) for cell in row] for row in rows]
    if len({len(row) for row in means}) != 1:
        return None
    table = np.array(means, dtype=float)
    return table if np.isfinite(table).all() else None


def _mean(cell: object) -> float:
    """A layer's scalar, or the mean of its channels'; NaN where one was no finite number."""
    if isinstance(cell, int | float):  # by far the most; numpy would take microseconds for each
        return float(cell)
    if not isinstance(cell, list) or not cell or not all(isinstance(value, int | float) for value in cell):
        return math.nan
    return float(np.mean(cell))


def _heat(
    found: Sequence[Learned],
    what: str,
    step: str,
    values: Sequence[Float[np.ndarray, "steps layers"]],
    centre: float | None,
    *,
    suffix: str = "",
) -> Figure:
    panels = tuple(
        HeatPanel(
            title=one.arm.label,
            values=tuple(tuple(float(v) for v in row) for row in table.T),
            x_names=tuple(compact(s) for s in one.steps),
            y_names=tuple(str(layer + 1) for layer in range(table.shape[1])),
        )
        for one, table in zip(found, values, strict=True)
    )
    plot = Heat(
        panels=panels,
        x_label=step,
        y_label="layer",
        value_label=what,
        centre=centre,
        annotate=False,
        decimals=2,
    )
    name = slug(f"scalars-{what}{suffix}")
    return Figure(name=name, caption=f"Learned {what} by layer and {step}, mean over seeds.", plot=plot)


def _table(evidence: Evidence, found: Sequence[Learned]) -> Table:
    factors = [f.name for f in evidence.varying]
    numbers = ("alpha, first layer", "alpha, last layer", "beta, first layer", "beta, last layer")
    columns = (
        *(Column(name=name, kind=Kind.NAME) for name in factors),
        *(Column(name=name, kind=Kind.NUMBER) for name in numbers),
        Column(name="mean linearity", kind=Kind.NUMBER),
        Column(name="n", kind=Kind.COUNT),
    )
    rows = tuple(
        (
            *(compact(one.arm.levels[n]) if n in one.arm.levels else None for n in factors),
            float(one.alpha[-1, 0]),
            float(one.alpha[-1, -1]),
            float(one.beta[-1, 0]),
            float(one.beta[-1, -1]),
            float(one.linearity[-1].mean()),
            one.num_seeds,
        )
        for one in found
    )
    return Table(columns=columns, rows=rows)
