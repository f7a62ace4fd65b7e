"""Measure coverage and size at few seeds by simulation.

`python -m tests.benchmarks.calibration` writes the table that reports quote, a few minutes on one core.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ablations.stats import calibration
from ablations.stats.bootstrap import bca
from ablations.stats.crossing import crossing
from ablations.stats.equivalence import rate_equivalence, tost
from ablations.stats.paired import paired_t
from ablations.stats.permutation import sign_flip
from ablations.stats.proportions import mcnemar, newcombe
from ablations.stats.wilcoxon import wilcoxon

COMMAND = "python -m tests.benchmarks.calibration"
NUM_STUDIES = 20_000
NUM_SEEDS = (3, 5, 10, 20)
SEED = 20260
ALPHA = 0.05
DEPTHS = np.array([1.0, 5.0, 10.0, 15.0, 20.0, 25.0])

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]
ERRORS: dict[str, Draw] = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy-tailed": lambda rng, shape: rng.standard_t(3, size=shape),
    "skewed": lambda rng, shape: rng.lognormal(0, 0.75, size=shape) - np.exp(0.75**2 / 2),
}


def measure(num_studies: int = NUM_STUDIES, num_seeds: tuple[int, ...] = NUM_SEEDS) -> list[dict[str, Any]]:
    """Coverage and size for every number of seeds and every distribution of errors."""
    rows = []
    for seeds in num_seeds:
        for i, (name, draw) in enumerate(ERRORS.items()):
            rng = np.random.default_rng([SEED, seeds, i])
            rows.append(
                {"num_seeds": seeds, "errors": name, **_of_differences(draw(rng, (num_studies, seeds)))}
            )
        rng = np.random.default_rng([SEED, seeds, len(ERRORS)])
        rows.append({"num_seeds": seeds, "errors": "rates of 30 %", **_of_rates(rng, (num_studies, seeds))})
    return rows


def _of_differences(scores: np.ndarray) -> dict[str, dict[str, float]]:
    fit = paired_t(scores)
    low, high = bca(scores)
    margin = 1.0
    return {
        "coverage": {
            "t": _share((fit.low <= 0) & (fit.high >= 0)),
            "bootstrap": _share((low <= 0) & (high >= 0)),
        },
        "size": {
            "paired_t": _share(fit.p <= ALPHA),
            "sign_flip": _share(sign_flip(scores).p <= ALPHA),
            "wilcoxon": _share(wilcoxon(scores) <= ALPHA),
            "tost": _share(tost(scores + margin, margin=margin, test="paired_t") <= ALPHA),
        },
    }


def _of_rates(rng: np.random.Generator, shape: tuple[int, int]) -> dict[str, dict[str, float]]:
    """Two rates of 30 % that agree on most seeds; for equivalence they differ by the margin of 30 points."""
    of = (rng.random(shape) < 0.3).astype(float)
    redrawn = (rng.random(shape) < 0.3).astype(float)
    against = np.where(rng.random(shape) < 0.5, of, redrawn)
    low, high = newcombe(of, against)
    apart = np.where(rng.random(shape) < 3 / 7, 1.0, against)
    return {
        "coverage": {"newcombe": _share((low <= 0) & (high >= 0)), "crossing": _of_crossings(rng, shape)},
        "size": {
            "mcnemar": _share(mcnemar(of, against) <= ALPHA),
            "tost": _share(rate_equivalence(apart, against, margin=0.3) <= ALPHA),
        },
    }


def _of_crossings(rng: np.random.Generator, shape: tuple[int, int]) -> float:
    """A rate that rises from 0 at depth 2 to 1 at depth 22: half of the seeds have collapsed at 12."""
    limits = rng.uniform(2, 22, shape)
    found = [crossing(DEPTHS, (DEPTHS[:, None] >= one).astype(float)) for one in limits]
    return _share(np.array([one.low <= 12 <= one.high for one in found]))


def _share(hits: np.ndarray) -> float:
    return round(float(np.mean(hits)), 5)


def main() -> None:
    """Write the table."""
    path = Path(calibration.__file__).with_name(calibration.FILE)
    rows = measure()
    table = {"command": COMMAND, "num_studies": NUM_STUDIES, "seed": SEED, "level": 0.95, "rows": rows}
    path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        sys.stdout.write(f"{row}\n")


if __name__ == "__main__":
    main()
