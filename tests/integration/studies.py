"""Small real studies on real digits, and the effects of a study recomputed with scipy alone."""

from collections import defaultdict
from collections.abc import Iterable
from itertools import product
from typing import Any

import numpy as np
from scipy import stats

SMALL: dict[str, Any] = {
    "name": "small-depth",
    "trainable": "mlp-classifier",
    "factors": {
        "scalars": ["none", "per_layer"],
        "base": ["relu", "mish"],
        "beta_init": [0.0, 0.5],
        "depth": [1, 3],
    },
    "baseline": {"scalars": "none"},
    "fixed": {"dataset": "digits-5k", "width": 16, "epochs": 2, "batch_size": 256, "lr": 1e-2},
    "seeds": 3,
    "metrics": [
        {"name": "test_accuracy", "goal": "maximize", "at": "end"},
        {"name": "collapsed", "of": "test_accuracy", "below": 0.8},
    ],
    "tags": {"purpose": "test"},
}


def with_changes(study: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A copy of a study with top-level fields replaced."""
    return {**study, **changes}


def expected_effect(
    trials: Iterable[dict[str, Any]], *, factor: str, of: Any, against: Any, metric: str
) -> dict[str, float]:
    """One effect averaged over all strata, from trial rows alone, by the rule in the study format.

    A stratum is a combination of the other factors that apply on both sides; on either side the arms
    of a stratum are averaged; the score of a seed is the mean over strata of the differences.
    """
    rows = [t for t in trials if t["phase"] == "measuring" and t["levels"].get(factor) in (of, against)]
    sides: dict[Any, list[dict[str, Any]]] = {of: [], against: []}
    for row in rows:
        sides[row["levels"][factor]].append(row)
    names = [set.union(*(set(r["levels"]) for r in side)) for side in sides.values()]
    shared = sorted((names[0] & names[1]) - {factor})
    cells: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for level, side in sides.items():
        for row in side:
            key = (level, row["seed"], *(row["levels"][name] for name in shared))
            cells[key].append(row["metrics"][metric])
    seeds = sorted({row["seed"] for row in rows})
    strata = sorted({key[2:] for key in cells}, key=str)
    scores = [
        np.mean([np.mean(cells[(of, seed, *s)]) - np.mean(cells[(against, seed, *s)]) for s in strata])
        for seed in seeds
    ]
    test = stats.ttest_1samp(scores, 0.0)
    interval = test.confidence_interval(0.95)
    return {
        "estimate": float(np.mean(scores)),
        "low": float(interval.low),
        "high": float(interval.high),
        "p": float(test.pvalue),
        "n": len(seeds),
        "sign_flip": sign_flip(np.array(scores)),
    }


def sign_flip(scores: np.ndarray) -> float:
    """The exact two-sided sign-flip p by counting every flip."""
    flips = np.array(list(product([-1.0, 1.0], repeat=len(scores))))
    means = np.abs(flips @ scores)
    return float(np.mean(means >= abs(scores.sum()) - 1e-12))
