"""Records of trials with planted values, for tests of results and effects."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ablations.design.arm import Arm
from ablations.design.design import Design, planned_trials
from ablations.results.results import Results, TrialRecord


def record_of(arm: Arm, seed: int, metrics: dict[str, float | None], **fields: Any) -> TrialRecord:
    """A finished measuring trial, with some of its fields replaced."""
    row = {
        "arm_id": arm.id,
        "seed": seed,
        "phase": "measuring",
        "state": "done",
        "attempts": 1,
        "settings": dict(arm.settings),
        "metrics": metrics,
    }
    return TrialRecord.from_json({**row, **fields})


def planted(
    design: Design, value: Callable[[Arm], float], *, noise: float = 0.01, block: float = 0.02, seed: int = 0
) -> list[TrialRecord]:
    """Finished trials whose primary metric is `value` of the arm, plus noise of the seed and of the trial."""
    rng = np.random.default_rng(seed)
    blocks = {each: rng.normal(0, block) for each in design.seeds}
    metric = design.readings[0].name
    return [
        record_of(
            trial.arm,
            trial.seed,
            {metric: float(value(trial.arm) + blocks[trial.seed] + rng.normal(0, noise))},
        )
        for trial in planned_trials(design)
        if trial.phase == "measuring"
    ]


def results_of(design: Design, value: Callable[[Arm], float], **changes: Any) -> Results:
    """The same as results."""
    return Results.build(design, planted(design, value, **changes))
