"""Large designs: what it costs to compile, plan and judge 10^3, 10^4 and 10^5 trials.

`python -m tests.benchmarks.judging [--repeats 5]`

Each sample is a new process on one thread, so that its peak memory is its own; imports are not timed. Two
questions are asked of the same arms: one row averaged over all of them (with the simple effects and
interactions that every study gets beside it), and one row a pair of arms, all of them in one family.
Ends with an error where 10,000 arms by 10 seeds take 10 s or 1 GB, or where cost grows faster than trials.
Held to the limit are seconds of the processor: what the clock shows where nothing else runs on it.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.design import Design, planned_trials
from ablations.effects.judge import judge
from ablations.plan.plan import make_plan
from ablations.results.results import Results, TrialRecord
from tests.benchmarks.record import foreign_share, summary, write
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL, study_of

DEPTHS = {1_000: 5, 10_000: 50, 100_000: 500}
FAMILIES: dict[str, dict[str, Any]] = {
    "one row": {"over": ["base", "width", "depth"]},
    "a row a pair": {"within": ["base", "width", "depth"]},
}
METRICS = [{"name": "test_accuracy"}, {"name": "collapsed", "of": "test_accuracy", "below": 0.8}]
MAX_SECONDS, MAX_BYTES = 10.0, 10**9
MAX_EXPONENT = 1.15  # 1 is linear; sorting and caches may add a little


def study(num_depths: int, family: str) -> dict[str, Any]:
    """20 arms a depth, by 10 seeds."""
    factors = {
        "scalars": ["none", "shared"],
        "base": ["relu", "mish"],
        "width": [16, 32, 64, 128, 256],
        "depth": list(range(1, num_depths + 1)),
    }
    contrasts = {"scalars": {"vary": "scalars", **FAMILIES[family]}}
    changes = {"metric": ..., "metrics": METRICS, "analysis": {"contrasts": contrasts}}
    return {**SMALL, "factors": factors, "seeds": 10, **changes}


def records_of(design: Design) -> list[TrialRecord]:
    """Finished trials with random accuracies."""
    rng = np.random.default_rng(0)
    trials = planned_trials(design)
    rows = [{"arm_id": t.arm.id, "seed": t.seed, "phase": t.phase, "state": "done"} for t in trials]
    return [TrialRecord.from_json({**row, "metrics": {"test_accuracy": rng.random()}}) for row in rows]


def measure(num_depths: int, family: str) -> dict[str, float]:
    """Seconds of each part, and the peak memory of this process."""
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = work()
        seconds[name] = time.perf_counter() - start
        return result

    asked = study_of(study(num_depths, family))
    cpu = time.process_time()
    plan = timed("plan", lambda: make_plan(asked, MLP))
    contrasts = timed("contrasts", lambda: compile_contrasts(plan.design))
    cpu = time.process_time() - cpu
    records = records_of(plan.design)
    started = time.process_time()
    results = timed("table", lambda: Results.build(plan.design, records))
    effects = timed("judge", lambda: judge(contrasts, results, final=True))
    timed("json", effects.to_json)
    cpu += time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        **seconds,
        "seconds": sum(seconds.values()),
        "cpu_seconds": cpu,
        "peak_bytes": peak,
        "trials": len(records),
    }


def sample(num_trials: int, family: str) -> dict[str, float]:
    """One measurement in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.judging", "--one", str(DEPTHS[num_trials]), family]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with foreign_share() as share:
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found: dict[str, float] = json.loads(done.stdout)
    assert found["trials"] == num_trials
    return {**found, "foreign_share": share[0]}


def main() -> None:
    """Measure every size of every family in turn, write the record, and hold it to the limits."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--one", nargs=2, metavar=("DEPTHS", "FAMILY"))
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure(int(options.one[0]), options.one[1])))
        return
    cases = [(family, size) for family in FAMILIES for size in DEPTHS]
    samples: dict[tuple[str, int], list[dict[str, float]]] = {case: [] for case in cases}
    for _ in range(options.repeats):
        for family, size in cases:
            samples[family, size].append(sample(size, family))
    results = {family: _family({n: samples[family, n] for n in DEPTHS}) for family in FAMILIES}
    write("judging", "seconds to compile, plan and judge a study of 10 seeds, one thread", results)
    too_much = [line for family, found in results.items() for line in _excess(family, found)]
    if too_much:
        sys.exit("\n".join(too_much))


def _family(samples: dict[int, list[dict[str, float]]]) -> dict[str, Any]:
    found: dict[str, Any] = {
        f"{size} trials": {name: summary([one[name] for one in many]) for name in many[0]}
        for size, many in samples.items()
    }
    least = {size: min(one["cpu_seconds"] for one in many) for size, many in samples.items()}
    small, middle, large = sorted(least)
    found["exponents"] = {
        f"{low} to {high}": math.log(least[high] / least[low]) / math.log(high / low)
        for low, high in ((small, middle), (middle, large))
    }
    print(json.dumps(found["exponents"]), flush=True)
    return found


def _excess(family: str, found: dict[str, Any]) -> list[str]:
    """What breaks the limits, by the quickest and the largest sample of the largest size."""
    large = found[f"{max(DEPTHS)} trials"]
    limits = (
        ("seconds", large["cpu_seconds"]["min"], MAX_SECONDS),
        ("bytes", large["peak_bytes"]["max"], MAX_BYTES),
        ("exponent", max(found["exponents"].values()), MAX_EXPONENT),
    )
    return [
        f"{family}: {value:.4g} {name}, over {limit:.4g}" for name, value, limit in limits if value > limit
    ]


if __name__ == "__main__":
    main()
