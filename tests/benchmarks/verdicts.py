"""How often a verdict is wrong: whole studies without an effect, simulated from spec to verdict.

And how often a claim about a margin is, where the difference is just as large as that.

`python -m tests.benchmarks.verdicts` writes the table in docs/verdicts.md, a few minutes on one core.

All studies of a cell are judged at once, as rows of one large family whose p-values are adjusted study by
study; the first of each cell are judged one by one as well, and must agree.
"""

import argparse
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ablations.contrasts.contrast import Contrast, compile_contrasts
from ablations.design.design import Design
from ablations.effects.collapse import watch_collapse
from ablations.effects.effect import EffectRow
from ablations.effects.holes import SIDES, fills_of, is_overturned
from ablations.effects.inference import Inference, infer
from ablations.effects.judge import judge
from ablations.effects.margin import about_margin
from ablations.effects.simultaneous import simultaneous
from ablations.effects.verdict import Ruling, rule
from ablations.effects.wording import Verdict
from ablations.results.results import Results
from ablations.results.scoring import find_gaps
from tests.unit.ablations.studies import SMALL, design_of

COMMAND = "python -m tests.benchmarks.verdicts"
PAGE = Path(__file__).parents[2] / "docs" / "verdicts.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"
NUM_STUDIES, NUM_AT_MARGIN, NUM_CHECKED, SEED, ALPHA = 5_000, 20_000, 10, 20261, 0.05
NUM_SEEDS, FAMILIES = (3, 5, 10, 20), (1, 4, 12)
LEVEL, SPREAD, BLOCK, STEP, CRASHED, COLLAPSE_RATE = 0.8, 0.01, 0.02, 0.01, 0.2, 0.1
PROMISED, MARGIN = 0.055, 0.05

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
UNEQUAL = "one arm spreads three times as far"
SMALLER = ("equivalent", "not worse", "better", "worse, but by less than the margin")
LARGER = ("better by more than the margin",)
MARGINS: dict[str, tuple[str, float, tuple[str, ...]]] = {
    "worse by the margin, normal": ("normal", -MARGIN, SMALLER),
    "worse by the margin, skewed, both arms": ("skewed, both arms", -MARGIN, SMALLER),
    "worse by the margin, one arm spreads three times as far": (UNEQUAL, -MARGIN, SMALLER),
    "better by the margin, normal, called more": ("normal", MARGIN, LARGER),
}
"""Errors, the true difference, and the claims that are false of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What was found for one condition, number of seeds and size of the family.

    `wrong` is the share of studies with a wrong verdict, `unwatched` that without what is said of missing
    runs, `warned` the share of wrong verdicts beside which it says that they rest on rates of collapse: on
    one that is not excluded, or on the collapses that were seen.
    """

    condition: str
    num_seeds: int
    num_rows: int
    wrong: float
    unwatched: float
    warned: float | None


@cache
def study(num_seeds: int, num_rows: int, margin: float | None = None) -> tuple[Design, Contrast]:
    """One arm against one in every stratum: a family of so many rows."""
    factors: dict[str, Any] = {"scalars": ["none", "shared"], "depth": list(range(1, num_rows + 1))}
    analysis: dict[str, Any] = {"contrasts": {"it": {"vary": "scalars", "within": ["depth"]}}}
    if margin is not None:
        analysis["margin"] = {SMALL["metric"]: margin}
    design = design_of({**SMALL, "factors": factors}, seeds=num_seeds, analysis=analysis)
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
    studies = tables_of(design, contrast, *sides)
    found, verdicts, warned = judge_many(design, contrast, studies)
    for i in range(min(NUM_CHECKED, num_studies)):
        rows = judge(compile_contrasts(design), results_of(design, studies[i]), final=True).contrasts[0].rows
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


def tables_of(design: Design, contrast: Contrast, of: np.ndarray, against: np.ndarray) -> np.ndarray:
    """The values of all studies, by study, arm and seed."""
    tables = np.full((len(of), len(design.arms), of.shape[2]), np.nan)
    index = {arm.id: i for i, arm in enumerate(design.arms)}
    for i, row in enumerate(contrast.rows):
        for arm, weight in row.weights.items():
            tables[:, index[arm]] = of[:, i] if weight > 0 else against[:, i]
    return tables


def results_of(design: Design, values: np.ndarray, names: tuple[str, ...] | None = None) -> Results:
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


def many_rows(design: Design, contrast: Contrast, studies: np.ndarray) -> tuple[Contrast, Results]:
    """All studies as one: their rows as one family, their arms as those of one design."""
    num_studies, num_arms, num_seeds = studies.shape
    rows = tuple(
        replace(row, weights={f"{i} {arm}": weight for arm, weight in row.weights.items()})
        for i in range(num_studies)
        for row in contrast.rows
    )
    names = tuple(f"{i} {arm.id}" for i in range(num_studies) for arm in design.arms)
    results = results_of(design, studies.reshape(num_studies * num_arms, num_seeds), names)
    return replace(contrast, rows=rows), results


def judge_many(
    design: Design, contrast: Contrast, studies: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The verdicts of all studies, without and with what is said of missing runs, and which are warned of."""
    num_studies = len(studies)
    many, results = many_rows(design, contrast, studies)
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
        warned[i] = each.in_doubt
    return verdicts, kept, warned.reshape(kept.shape)


def _rule(contrast: Contrast, found: Inference, num_studies: int) -> np.ndarray:
    """The verdicts by study and row."""
    return np.array([one.verdicts for one in _rulings(contrast, found, num_studies)], dtype=object)


def _rulings(contrast: Contrast, found: Inference, num_studies: int) -> list[Ruling]:
    """The ruling of each study."""
    flags = {field.name: getattr(found, field.name) for field in fields(Inference) if field.type is bool}
    arrays = [field.name for field in fields(Inference) if field.name not in flags]
    num_rows = len(contrast.rows)

    def one(i: int) -> Ruling:
        some = slice(i * num_rows, (i + 1) * num_rows)
        each = Inference(**flags, **{name: getattr(found, name)[some] for name in arrays})
        return rule(contrast, each, alpha=ALPHA)

    return [one(i) for i in range(num_studies)]


def simulate_margin(
    condition: str, num_seeds: int, num_rows: int, num_studies: int, seed: int = SEED
) -> Cell:
    """So many studies whose differences are as large as the margin, and what is falsely claimed of them."""
    errors, difference, false = MARGINS[condition]
    rng = np.random.default_rng([seed, 1000 + list(MARGINS).index(condition), num_seeds, num_rows])
    design, contrast = study(num_seeds, num_rows, MARGIN)
    of, against = CONDITIONS[errors](rng, (num_studies, num_rows, num_seeds))
    block = LEVEL + BLOCK * rng.normal(size=(num_studies, 1, num_seeds))
    studies = tables_of(design, contrast, of + difference + block, against + block)
    words = np.array(_claims(design, contrast, studies)).reshape(num_studies, num_rows)
    for i in range(min(NUM_CHECKED, num_studies)):
        rows = judge(compile_contrasts(design), results_of(design, studies[i]), final=True).contrasts[0].rows
        assert [row.words for row in rows] == list(words[i]), (condition, num_seeds, i)
    wrong = np.vectorize(lambda said: any(said.startswith(claim) for claim in false))(words)
    share = float(wrong.any(axis=1).mean())
    return Cell(
        condition=condition,
        num_seeds=num_seeds,
        num_rows=num_rows,
        wrong=share,
        unwatched=share,
        warned=None,
    )


def _claims(design: Design, contrast: Contrast, studies: np.ndarray) -> list[str]:
    """The verdicts of all rows in words, about the margin."""
    many, results = many_rows(design, contrast, studies)
    scores = find_gaps(many, results).dropped()
    found = infer(many, scores, level=1 - ALPHA, margin=MARGIN, complete=False)
    rulings = _rulings(contrast, found, len(studies))
    inside = np.concatenate([one.tost_adjusted for one in rulings]) <= ALPHA
    verdicts = [verdict for one in rulings for verdict in one.verdicts]
    # Bonferroni over the rows of one study, not over all of them.
    at_once = simultaneous(many, scores, alpha=ALPHA * len(studies))
    blank = EffectRow(
        contrast="", metric="", of="", against="", within={}, estimate=None, low=None, high=None, p=None,
        p_adjusted=None, others={}, n=studies.shape[2], holes=0, unit="", verdict=None,
    )  # fmt: skip
    rows = (
        about_margin(
            contrast,
            replace(blank, verdict=verdict, simultaneous=at_once[i]),
            MARGIN,
            inside=bool(inside[i]),
            coarse=bool(found.coarse[i] == 1),
        )
        for i, verdict in enumerate(verdicts)
    )
    return [row.words or "" for row in rows]


def lines_of(cells: Iterable[Cell], title: str = "studies without an effect") -> Iterator[str]:
    """The table, a line a condition and number of seeds."""
    yield (f"| {title} | seeds | " + " | ".join(f"{n} row{'s' if n > 1 else ''}" for n in FAMILIES) + " |")
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
    if cell.condition in UNPROMISED and cell.warned is not None:
        text += f", {100 * cell.warned:.1f} % warned"
    return text


def main() -> None:
    """Simulate every cell, write the table, and end with an error where a promise is broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, help="a cell; otherwise what the table says")
    parser.add_argument("--only", default="", help="lines that begin so; the others stay as they are")
    options = parser.parse_args()
    before, found, rest = re.split(f"{BEGIN}|{END}", PAGE.read_text(encoding="utf-8"))
    sizes = f"{NUM_STUDIES} studies a cell, {NUM_AT_MARGIN} at the margin"
    cells, lines = list[Cell](), [f"`{COMMAND}`, {sizes}, seed {SEED}:"]
    for title, conditions, one, num_studies in TABLES:
        chosen = [name for name in conditions if name.startswith(options.only)]
        new = list(_simulated(chosen, one, options.studies or num_studies))
        head, *shown = lines_of(new, title)
        shown += [line for line in found.splitlines() if _condition(line) not in ("", *chosen)]
        order = {name: i for i, name in enumerate(conditions)}
        kept = [line for line in shown if _condition(line) in order]
        rule = shown[0]
        lines += ["", head, rule, *sorted(kept, key=lambda line: order[_condition(line)])]
        cells += new
    table = "\n".join(lines)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest}", encoding="utf-8")
    promised = [cell for cell in cells if cell.condition not in UNPROMISED]
    if broken := [cell for cell in promised if cell.wrong > PROMISED]:
        sys.exit("\n".join(map(str, broken)))


def _condition(line: str) -> str:
    """The condition of a line of the table."""
    return line.split(" | ")[0].removeprefix("| ").strip() if line.startswith("| ") else ""


TABLES: tuple[tuple[str, Iterable[str], Callable[[str, int, int, int], Cell], int], ...] = (
    ("studies without an effect", CONDITIONS, simulate, NUM_STUDIES),
    ("studies whose differences are as large as the margin", MARGINS, simulate_margin, NUM_AT_MARGIN),
)


def _simulated(
    conditions: Iterable[str], one: Callable[[str, int, int, int], Cell], num_studies: int
) -> Iterator[Cell]:
    """Every cell of these conditions, told as it comes."""
    for condition in conditions:
        for num_seeds in NUM_SEEDS:
            for num_rows in FAMILIES:
                cell = one(condition, num_seeds, num_rows, num_studies)
                sys.stderr.write(f"{cell}\n")
                yield cell


if __name__ == "__main__":
    main()
