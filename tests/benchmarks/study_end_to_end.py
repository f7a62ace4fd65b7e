"""A study of 64 perceptrons end to end through HTTP, against Ray Tune as users and as experts run it.

`python -m tests.benchmarks.study_end_to_end [--repeats 1] [--kinds ours default expert]`

digits-5k, width 32, relu and mish, static and per-layer scalars, depths 1, 7, 13, 20, 4 seeds, 20 epochs of
batches of 128, Adam, validated every epoch, tested at the end. Every contender finds its system up and idle,
started fresh for it beforehand and ended before the next one's turn: `ablate up` for us, a Ray cluster for
the others, with torch preloaded into its workers for the expert. Ours is from POST until GET says done: the
driver's start, the slots' start, all trainings, the ledger, the verdict. Theirs is their script from start to
end, and for the stricter ratios `Tuner.fit` alone, without the script's imports.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks.record import busy_share, ratios, summary, write
from tests.benchmarks.workers import DATASETS
from tests.integration.nodes import nodes
from tests.integration.system import running_system

DEPTHS = (1, 7, 13, 20)
FIXED = {"width": 32, "epochs": 20, "batch_size": 128, "lr": 1e-3}
STUDY: dict[str, Any] = {
    "name": "sixty-four",
    "trainable": "mlp-classifier",
    "factors": {"scalars": ["none", "per_layer"], "base": ["relu", "mish"], "depth": list(DEPTHS)},
    "baseline": {"scalars": "none"},
    "fixed": {"dataset": "digits-5k", "optimizer": "adam", **FIXED},
    "seeds": 4,
    "metrics": [{"name": "test_accuracy"}],
    "resources": {"cpus": 1, "pack": "auto"},
}
TRIALS = [
    {"scalars": scalars, "base": base, "depth": depth, "seed": seed, **FIXED}
    for scalars, base, depth, seed in product(("none", "per_layer"), ("relu", "mish"), DEPTHS, range(4))
]


def ours() -> dict[str, Any]:
    """Through our service, in a fresh data directory: nothing can be reused."""
    with (
        tempfile.TemporaryDirectory(prefix="ab-") as folder,
        running_system(Path(folder) / "data", ABLATE_STANDBYS="1") as system,
    ):
        time.sleep(3)
        busy = busy_share()
        started = time.perf_counter()
        study = system.submit(STUDY)
        system.wait(study["id"])
        seconds = time.perf_counter() - started
        rows = system.trials(study["id"])
    found = {_key({**row["levels"], "seed": row["seed"]}): row for row in rows}
    mine = [found[_key(trial)] for trial in TRIALS]
    return {
        "seconds": seconds,
        "fit_seconds": seconds,
        "accuracy": [row["metrics"]["test_accuracy"] for row in mine],
        "packs": sorted({row.get("pack") or 0 for row in mine}),
        "training_seconds": sum(row["seconds"] or 0.0 for row in mine),
        "busy_before": busy,
    }


def theirs(kind: str) -> dict[str, Any]:
    """Through Ray Tune, on a cluster of its own."""
    if kind == "expert":
        os.environ["RAY_preload_python_modules"] = "torch"
    try:
        with tempfile.TemporaryDirectory() as folder, nodes([{"CPU": 2}]) as cluster:
            plan = Path(folder) / "plan.json"
            plan.write_text(json.dumps({"trials": TRIALS, "data": str(_data(Path(folder)))}))
            command = [sys.executable, "-m", "tests.benchmarks.ray_baselines", kind, str(plan)]
            env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
            time.sleep(8)
            busy = busy_share()
            started = time.perf_counter()
            done = subprocess.run(
                command, env={**env, **cluster.env}, capture_output=True, text=True, check=False
            )
            seconds = time.perf_counter() - started
            if done.returncode:
                raise RuntimeError(done.stderr[-4000:])
    finally:
        os.environ.pop("RAY_preload_python_modules", None)
    result = json.loads(done.stdout.splitlines()[-1])
    return {"seconds": seconds, **result, "busy_before": busy}


CONTENDERS: dict[str, Callable[[], dict[str, Any]]] = {
    "ours": ours,
    "default": lambda: theirs("default"),
    "expert": lambda: theirs("expert"),
}


def _key(trial: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(trial[name] for name in ("scalars", "base", "depth", "seed"))


def _data(folder: Path) -> Path:
    from trainables.data.tensors import to_device
    from trainables.data.vision import load

    DATASETS.mkdir(exist_ok=True)
    data = to_device(load("digits-5k", DATASETS), "cpu")
    splits = {"train": data.train, "val": data.val, "test": data.test}
    arrays = {f"{name}_x": split.x.numpy() for name, split in splits.items()}
    arrays |= {f"{name}_y": split.y.numpy() for name, split in splits.items()}
    np.savez(folder / "digits.npz", **arrays)
    return folder / "digits.npz"


def compare(runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Seconds, ratios, and how equal the accuracies of the same trial are."""
    mine = runs["ours"]
    result: dict[str, Any] = {
        name: {
            "seconds": summary([r["seconds"] for r in all_]),
            "fit_seconds": summary([r["fit_seconds"] for r in all_]),
        }
        for name, all_ in runs.items()
    }
    result["packs"], result["training_seconds"] = mine[-1]["packs"], [r["training_seconds"] for r in mine]
    result["busy_before"] = {name: [r["busy_before"] for r in all_] for name, all_ in runs.items()}
    for name, all_ in runs.items():
        if name == "ours":
            continue
        seconds = [r["seconds"] for r in mine]
        result[f"{name}_to_ours"] = ratios([r["seconds"] for r in all_], seconds)
        result[f"{name}_fit_to_ours"] = ratios([r["fit_seconds"] for r in all_], seconds)
        difference = np.array(mine[0]["accuracy"]) - np.array(all_[0]["accuracy"])
        result[f"{name}_accuracy"] = {
            "mean": float(np.mean(all_[0]["accuracy"])),
            "ours": float(np.mean(mine[0]["accuracy"])),
            "mean_difference": float(difference.mean()),
            "standard_error": float(difference.std(ddof=1) / np.sqrt(len(difference))),
            "largest_difference": float(np.abs(difference).max()),
            # Of 1,000 images; theirs come through float32.
            "equal_trials": int((np.abs(difference) < 0.0005).sum()),
            "mean_difference_to_depth_7": float(difference[[t["depth"] <= 7 for t in TRIALS]].mean()),
        }
    return result


def main() -> None:
    """Alternate the contenders and write the record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", default=list(CONTENDERS), choices=list(CONTENDERS))
    options = parser.parse_args()
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in options.kinds}
    for repeat in range(options.repeats):
        for name in options.kinds if repeat % 2 == 0 else options.kinds[::-1]:
            runs[name].append(CONTENDERS[name]())
            shown = {k: v for k, v in runs[name][-1].items() if k != "accuracy"}
            print(name, json.dumps(shown), flush=True)
    if "ours" in runs:
        results = compare(runs)
        print(json.dumps(results, indent=1), flush=True)
        write("study_end_to_end", "64 perceptrons, submit to done, systems up beforehand", results)


if __name__ == "__main__":
    main()
