"""Large designs: compiled, planned and judged in seconds, at a cost that grows linearly in trials."""

import time
from typing import Any

import numpy as np
import pytest

from ablations.contrast import compile_contrasts
from ablations.design import planned_trials
from ablations.effects import judge
from ablations.plan import make_plan
from ablations.results import Results, TrialRecord
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL, study_of

pytestmark = pytest.mark.benchmark

METRICS = [{"name": "test_accuracy"}, {"name": "collapsed", "of": "test_accuracy", "below": 0.8}]


def study(num_depths: int) -> dict[str, Any]:
    """20 arms a depth, by 10 seeds."""
    factors = {
        "scalars": ["none", "shared"],
        "base": ["relu", "mish"],
        "width": [16, 32, 64, 128, 256],
        "depth": list(range(1, num_depths + 1)),
    }
    return {**SMALL, "factors": factors, "seeds": 10, "metric": ..., "metrics": METRICS}


def measure(num_depths: int) -> tuple[int, float]:
    """The trials of a study, and the seconds it takes to compile, plan and judge it."""
    rng = np.random.default_rng(0)
    start = time.process_time()
    design = make_plan(study_of(study(num_depths)), MLP).design
    contrasts, trials = compile_contrasts(design), planned_trials(design)
    seconds = time.process_time() - start
    records = [
        TrialRecord(
            arm_id=trial.arm.id,
            seed=trial.seed,
            phase="measuring",
            candidate=None,
            repeat=None,
            state="done",
            attempts=1,
            settings={},
            metrics={"test_accuracy": float(rng.random())},
            reason=None,
            curve={},
            scalars=None,
            seconds=1.0,
            device="cpu",
        )
        for trial in trials
    ]
    start = time.process_time()
    judge(contrasts, Results.build(design, records), final=True)
    return len(trials), seconds + time.process_time() - start


def test_ten_thousand_arms_by_ten_seeds() -> None:
    measure(5)  # imports and caches
    times = dict(measure(num_depths) for num_depths in (5, 50, 500))
    for num_trials, seconds in times.items():
        print(f"{num_trials} trials: {seconds:.2f} s")
    assert list(times) == [1_000, 10_000, 100_000]
    assert times[100_000] < 10
    # Ten times the trials may cost up to twenty times as much: linear, with room for a busy machine.
    assert times[100_000] < 20 * max(times[10_000], 0.1)
