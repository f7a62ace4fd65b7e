"""How often a verdict is wrong: whole studies without an effect, simulated from spec to verdict.

`python -m tests.benchmarks.verdicts` writes the table in docs/verdicts.md, a few minutes on one core.

All studies of a cell are judged at once, as rows of one large family whose p-values are adjusted study by
study; the first of each cell are judged one by one as well, and must agree.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ablations.contrasts.contrast import Contrast, compile_contrasts
from ablations.design.design import Design
from ablations.effects.collapse import watch_collapse
from ablations.effects.effect import Verdict
from ablations.effects.holes import SIDES, fills_of, is_overturned
from ablations.effects.inference import Inference, infer
from ablations.effects.judge import judge
from ablations.effects.verdict import rule
from ablations.results.results import Results
from ablations.results.scoring import find_gaps
from tests.unit.ablations.studies import SMALL, design_of

COMMAND = "python -m tests.benchmarks.verdicts"
PAGE = Path(__file__).parents[2] / "docs" / "verdicts.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
NUM_STUDIES, NUM_CHECKED, SEED, ALPHA = 5_000, 10, 20261, 0.05
NUM_SEEDS, FAMILIES = (3, 5, 10, 20), (1, 4, 12)
LEVEL, SPREAD, BLOCK, STEP, CRASHED, COLLAPSE_RATE = 0.8, 0.01, 0.02, 0.01, 0.2, 0.1
PROMISED = 0.055

Draw = Callable[[np.random.Generator, tuple[int, int, int]], tuple[np.ndarray, np.ndarray]]


def _normal(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    return SPREAD * rng.normal(size=shape)


def _skewed(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    """A long tail towards the worse, with a mean of 0."""
    return SPREAD * (np.exp(0.75**2 / 2) - rng.lognormal(0, 0.75, size=shape))


def _with_holes(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """The worst fifth of the runs of one side crash."""
    of = _normal(rng, shape)
    return np.where(of < -0.8416212 * SPREAD, np.nan, of), _normal(rng, shape)


def _far_behind(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A fifth of the runs of one side would end ten spreads behind, and crash; all means are equal."""
    of = _normal(rng, shape) + 10 * CRASHED * SPREAD
    return np.where(rng.random(shape) < CRASHED, np.nan, of), _normal(rng, shape)


def _last_fifth(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """As many seeds as a fifth, one at least, end ten spreads behind on one side and crash; as above."""
    num_lost = max(1, round(CRASHED * shape[2]))
    of = _normal(rng, shape) + 10 * num_lost / shape[2] * SPREAD
    lost = rng.random(shape).argsort(axis=2) < num_lost
    return np.where(lost, np.nan, of), _normal(rng, shape)


def _with_collapse(rng: np.random.Generator, shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """One run in ten of one side ends at 0; the others are better by what that costs on average."""
    level = LEVEL / (1 - COLLAPSE_RATE) - LEVEL
    of = np.where(rng.random(shape) < COLLAPSE_RATE, -LEVEL, level + _normal(rng, shape))
    return of, _normal(rng, shape)


CONDITIONS: dict[str, Draw] = {
    "normal": lambda rng, shape: (_normal(rng, shape), _normal(rng, shape)),
    "skewed, both arms": lambda rng, shape: (_skewed(rng, shape), _skewed(rng, shape)),
    "steps as large as the spread": lambda rng, shape: (_normal(rng, shape), _normal(rng, shape)),
    "one arm spreads three times as far": lambda rng, shape: (3 * _normal(rng, shape), _normal(rng, shape)),
    "worst fifth of one arm crashes": _with_holes,
    "skewed, one arm": lambda rng, shape: (_skewed(rng, shape), _normal(rng, shape)),
    "one arm collapses in one run of ten": _with_collapse,
    "far behind, one run in five of one arm crashes": _far_behind,
    "far behind, a fifth of the seeds of one arm crashes": _last_fifth,
}
STEPPED = "steps as large as the spread"
UNPROMISED = (
    "skewed, one arm",
    "one arm collapses in one run of ten",
    "far behind, one run in five of one arm crashes",
)
PROMISES = tuple(name for name in CONDITIONS if name not in UNPROMISED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What was found for one condition, number of seeds and size of the family.

    `wrong` is the share of studies with a wrong verdict, `unwatched` that without what is said of missing
    runs, `warned` the share of wrong verdicts beside which a collapse rate is not excluded that would turn
    them.
    """

    condition: str
    num_seeds: int
    num_rows: int
    wrong: float
    unwatched: float
    warned: float | None


@cache
def study(num_seeds: int, num_rows: int) -> tuple[Design, Contrast]:
    """One arm against one in every stratum: a family of so many rows."""
    factors: dict[str, Any] = {"scalars": ["none", "shared"], "depth": list(range(1, num_rows + 1))}
    contrasts = {"it": {"vary": "scalars", "within": ["depth"]}}
    design = design_of({**SMALL, "factors": factors}, seeds=num_seeds, analysis={"contrasts": contrasts})
    return design, compile_contrasts(design).contrasts[0]


def simulate(condition: str, num_seeds: int, num_rows: int, num_studies: int, seed: int = SEED) -> Cell:
    """So many studies without an effect, and their verdicts."""
    rng = np.random.default_rng([seed, list(CONDITIONS).index(condition), num_seeds, num_rows])
    design, contrast = study(num_seeds, num_rows)
    shape = (num_studies, num_rows, num_seeds)
    of, against = CONDITIONS[condition](rng, shape)
    block = BLOCK * rng.normal(size=(num_studies, 1, num_seeds))
    sides = [np.where(side == -LEVEL, 0.0, LEVEL + block + side) for side in (of, against)]
    if condition == STEPPED:
        sides = [np.round(side / STEP) * STEP for side in sides]
    studies = _tables(design, contrast, *sides)
    found, verdicts, warned = _judge(design, contrast, studies)
    for i in range(min(NUM_CHECKED, num_studies)):
        rows = judge(compile_contrasts(design), _results(design, studies[i]), final=True).contrasts[0].rows
        assert [row.verdict for row in rows] == [str(v) for v in verdicts[i]], (condition, num_seeds, i)
    wrong, before = (np.isin(each, ("better", "worse")) for each in (verdicts, found))
    return Cell(
        condition=condition,
        num_seeds=num_seeds,
        num_rows=num_rows,
        wrong=float(wrong.any(axis=1).mean()),
        unwatched=float(before.any(axis=1).mean()),
        warned=float(warned[wrong].mean()) if wrong.any() else None,
    )


def _tables(design: Design, contrast: Contrast, of: np.ndarray, against: np.ndarray) -> np.ndarray:
    """The values of all studies, by study, arm and seed."""
    tables = np.full((len(of), len(design.arms), of.shape[2]), np.nan)
    index = {arm.id: i for i, arm in enumerate(design.arms)}
    for i, row in enumerate(contrast.rows):
        for arm, weight in row.weights.items():
            tables[:, index[arm]] = of[:, i] if weight > 0 else against[:, i]
    return tables


def _results(design: Design, values: np.ndarray, names: tuple[str, ...] | None = None) -> Results:
    """Results whose trials have all ended; NaN is a failed one."""
    empty = Results.build(design, [])
    arms = names or empty.arms
    ended = np.ones(values.shape, dtype=bool)
    return replace(
        empty,
        arms=arms,
        tables={design.readings[0].name: values},
        diverged=~ended,
        ended=ended,
        holes=(),
        arm_index={arm: i for i, arm in enumerate(arms)},
    )


def _judge(
    design: Design, contrast: Contrast, studies: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The verdicts of all studies, without and with what is said of missing runs, and which are warned of."""
    num_studies, num_arms, num_seeds = studies.shape
    rows = tuple(
        replace(row, weights={f"{i} {arm}": weight for arm, weight in row.weights.items()})
        for i in range(num_studies)
        for row in contrast.rows
    )
    names = tuple(f"{i} {arm.id}" for i in range(num_studies) for arm in design.arms)
    results = _results(design, studies.reshape(num_studies * num_arms, num_seeds), names)
    many = replace(contrast, rows=rows)
    gaps = find_gaps(many, results)
    found = infer(many, gaps.dropped(), level=1 - ALPHA, complete=False)
    verdicts = _rule(contrast, found, num_studies)
    kept = np.where(np.isfinite(found.estimate).reshape(verdicts.shape), verdicts, "no data")
    if gaps.holes.any():
        best = np.repeat(np.nanmax(studies, axis=(1, 2)), len(contrast.rows))
        fills = fills_of(many, replace(gaps, best=best), found)  # type: ignore[arg-type]
        filled = {
            side: _rule(
                contrast,
                infer(many, gaps.filled(*fills.fill(side, 1.0)), level=1 - ALPHA, complete=False),
                num_studies,
            )
            for side in SIDES
        }
        for place in np.ndindex(kept.shape):
            one: Verdict = verdicts[place]
            if one != "inconclusive" and is_overturned(one, {side: filled[side][place] for side in SIDES}):
                kept[place] = "inconclusive"
    known = watch_collapse(many, results, gaps.dropped(), found, dict(enumerate(kept.ravel())), None)
    warned = np.zeros(kept.size, dtype=bool)
    for i, each in known.items():
        warned[i] = each.turns_at is not None and each.turns_at <= each.not_excluded
    return verdicts, kept, warned.reshape(kept.shape)


def _rule(contrast: Contrast, found: Inference, num_studies: int) -> np.ndarray:
    """The verdicts by study and row."""
    flags = {field.name: getattr(found, field.name) for field in fields(Inference) if field.type is bool}
    arrays = [field.name for field in fields(Inference) if field.name not in flags]
    num_rows = len(contrast.rows)

    def one(i: int) -> tuple[Verdict, ...]:
        some = slice(i * num_rows, (i + 1) * num_rows)
        each = Inference(**flags, **{name: getattr(found, name)[some] for name in arrays})
        return rule(contrast, each, alpha=ALPHA).verdicts

    return np.array([one(i) for i in range(num_studies)], dtype=object)


def lines_of(cells: list[Cell]) -> Iterator[str]:
    """The table, a line a condition and number of seeds."""
    yield (
        "| studies without an effect | seeds | "
        + " | ".join(f"{n} row{'s' if n > 1 else ''}" for n in FAMILIES)
        + " |"
    )
    yield "|---|---|" + "---|" * len(FAMILIES)
    by_line: dict[tuple[str, int], list[Cell]] = {}
    for cell in cells:
        by_line.setdefault((cell.condition, cell.num_seeds), []).append(cell)
    for (condition, num_seeds), found in by_line.items():
        yield f"| {condition} | {num_seeds} | " + " | ".join(_figure(cell) for cell in found) + " |"


def _figure(cell: Cell) -> str:
    text = f"{100 * cell.wrong:.1f} %"
    if cell.unwatched != cell.wrong:
        text += f" (else {100 * cell.unwatched:.0f} %)"
    if cell.condition not in PROMISES and cell.warned is not None:
        text += f", {100 * cell.warned:.1f} % warned"
    return text


def main() -> None:
    """Simulate every cell, write the table, and end with an error where a promise is broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=NUM_STUDIES)
    options = parser.parse_args()
    cells = []
    for condition in CONDITIONS:
        for num_seeds in NUM_SEEDS:
            for num_rows in FAMILIES:
                cells.append(simulate(condition, num_seeds, num_rows, options.studies))
                sys.stderr.write(f"{cells[-1]}\n")
    table = "\n".join([f"`{COMMAND}`, {options.studies} studies a cell, seed {SEED}:", "", *lines_of(cells)])
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    broken = [cell for cell in cells if cell.condition in PROMISES and cell.wrong > PROMISED]
    if broken:
        sys.exit("\n".join(map(str, broken)))


if __name__ == "__main__":
    main()
