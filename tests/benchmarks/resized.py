"""Studies whose pilot sets their number of seeds: how often a verdict is wrong, and a difference found.

`python -m tests.benchmarks.resized` writes its table in docs/verdicts.md, some minutes on one core.

Whole studies, from spec to verdict: the pilots of a cell are sized at once, as rows of one large family, and
then judged with those that came to the same number of seeds; the first of each cell are sized and judged one
by one as well, and must agree.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ablations.contrasts.contrast import Contrast, compile_contrasts
from ablations.design.design import Design
from ablations.effects.judge import judge
from ablations.effects.resizing import resize, seeds_for
from ablations.results.scoring import score
from ablations.stats.blinding import blinded_spread
from ablations.study.analysis import ResizedSpec
from tests.benchmarks.verdicts import (
    BLOCK,
    CONDITIONS,
    LEVEL,
    PAGE,
    PROMISED,
    SPREAD,
    judge_many,
    many_rows,
    results_of,
    tables_of,
)
from tests.unit.ablations.studies import SMALL, design_of

COMMAND = "python -m tests.benchmarks.resized"
BEGIN, END = "<!-- resized: begin -->", "<!-- resized: end -->"
NUM_STUDIES, NUM_PLANTED, NUM_CHECKED, SEED = 20_000, 5_000, 5, 20262
PILOTS, FAMILIES, MOST, POWER = (3, 4, 5), (1, 4), 40, 0.8
SKEW = 0.75
SPREADS = {
    "normal": 2**0.5 * SPREAD,
    "skewed, both arms": (2 * (np.exp(SKEW**2) - 1) * np.exp(SKEW**2)) ** 0.5 * SPREAD,
    "one arm spreads three times as far": 10**0.5 * SPREAD,
}
"""Standard deviations of paired differences; the margin is as large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResizedCell:
    """What was found for one condition, pilot, size of the family and true difference of its first row.

    `effect` is in margins; `any_wrong` is the share of studies with a wrong verdict, `found` that of studies
    which call the first row better.
    """

    condition: str
    pilot: int
    num_rows: int
    effect: float
    any_wrong: float
    found: float
    num_seeds: float


@cache
def study(pilot: int, num_rows: int, margin: float, num_seeds: int | None) -> tuple[Design, Contrast]:
    """One arm against one in every stratum, before and after its number of seeds is set."""
    factors: dict[str, Any] = {"scalars": ["none", "shared"], "depth": list(range(1, num_rows + 1))}
    analysis = {
        "contrasts": {"it": {"vary": "scalars", "within": ["depth"]}},
        "resize": {"pilot": pilot, "power": POWER, "margin": margin, "max": MOST},
    }
    design = design_of({**SMALL, "factors": factors}, seeds=..., analysis=analysis)
    if num_seeds is not None:
        told = {"spread": 0.0, "row": "", "pairs": pilot, "missing": 0, "unknown": [], "enough": True}
        found = ResizedSpec.model_validate({"seeds": num_seeds, **told})
        design = design_of(design.study.resized(found).to_json())
    return design, compile_contrasts(design).contrasts[0]


def simulate(
    condition: str, pilot: int, num_rows: int, num_studies: int, *, effect: float = 0.0, seed: int = SEED
) -> ResizedCell:
    """So many studies where one arm is better by `effect` margins in the first row, and their verdicts."""
    rng = np.random.default_rng([seed, list(SPREADS).index(condition), pilot, num_rows, round(10 * effect)])
    margin = float(SPREADS[condition])
    shape = (num_studies, num_rows, MOST)
    of, against = CONDITIONS[condition](rng, shape)
    block = LEVEL + BLOCK * rng.normal(size=(num_studies, 1, MOST))
    of[:, 0] += effect * margin
    design, contrast = study(pilot, num_rows, margin, None)
    values = tables_of(design, contrast, block + of, block + against)
    sizes = _sizes(design, contrast, values[:, :, :pilot])
    verdicts = np.empty((num_studies, num_rows), dtype=object)
    for num_seeds in np.unique(sizes):
        some = np.flatnonzero(sizes == num_seeds)
        whole = study(pilot, num_rows, margin, int(num_seeds))
        _, verdicts[some], _ = judge_many(*whole, values[some][:, :, :num_seeds])
    for i in range(min(NUM_CHECKED, num_studies)):
        _check(design, values[i], int(sizes[i]), [str(verdict) for verdict in verdicts[i]])
    wrong = np.isin(verdicts, ("better", "worse"))
    if effect > 0:
        wrong[:, 0] = verdicts[:, 0] == "worse"
    return ResizedCell(
        condition=condition,
        pilot=pilot,
        num_rows=num_rows,
        effect=effect,
        any_wrong=float(wrong.any(axis=1).mean()),
        found=float((verdicts[:, 0] == "better").mean()),
        num_seeds=float(sizes.mean()),
    )


def _sizes(design: Design, contrast: Contrast, pilots: np.ndarray) -> np.ndarray:
    """The number of seeds that each pilot sets."""
    many, results = many_rows(design, contrast, pilots)
    spreads = blinded_spread(score(many, results).values).reshape(len(pilots), -1).max(axis=1)
    rule = design.resize
    assert rule is not None
    return np.array([seeds_for(contrast, rule, float(spread)) or MOST for spread in spreads])


def _check(design: Design, values: np.ndarray, num_seeds: int, verdicts: list[str]) -> None:
    """The same study by itself, as the service goes about it."""
    pilot = results_of(design, values[:, : len(design.seeds)])
    found = resize(compile_contrasts(design), pilot)
    assert found.seeds == num_seeds, (found, num_seeds)
    whole = design_of(design.study.resized(found).to_json())
    rows = judge(compile_contrasts(whole), results_of(whole, values[:, :num_seeds]), final=True)
    assert [row.verdict for row in rows.contrasts[0].rows] == verdicts


def lines_of(cells: list[tuple[ResizedCell, ResizedCell]]) -> Iterator[str]:
    """The table, a line a condition, pilot and family: without a difference, and with one of the margin."""
    yield "| differences | pilot | rows | wrong verdicts | mean seeds | margin found | mean seeds |"
    yield "|---|---|---|---|---|---|---|"
    for null, planted in cells:
        yield (
            f"| {null.condition} | {null.pilot} | {null.num_rows} | {100 * null.any_wrong:.1f} % |"
            f" {null.num_seeds:.1f} | {100 * planted.found:.0f} % | {planted.num_seeds:.1f} |"
        )


def main() -> None:
    """Simulate every cell, write the table, and end with an error where the promise is broken."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=NUM_STUDIES)
    options = parser.parse_args()
    cells = []
    for condition in SPREADS:
        for pilot in PILOTS:
            for num_rows in FAMILIES:
                null = simulate(condition, pilot, num_rows, options.studies)
                planted = simulate(condition, pilot, num_rows, NUM_PLANTED, effect=1.0)
                cells.append((null, planted))
                sys.stderr.write(f"{null}\n{planted}\n")
    head = (
        f"`{COMMAND}`, {options.studies} studies a cell without a difference, {NUM_PLANTED} with one,"
        f" seed {SEED}, at most {MOST} seeds:"
    )
    table = "\n".join([head, "", *lines_of(cells)])
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    broken = [cell for pair in cells for cell in pair if cell.any_wrong > PROMISED]
    if broken:
        sys.exit("\n".join(map(str, broken)))


if __name__ == "__main__":
    main()
