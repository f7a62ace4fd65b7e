"""What a benchmark leaves behind: one JSON file with figures, spread, machine and versions."""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

OUT = Path("benchmarks-out")
PACKAGES = ("torch", "ray", "numpy", "fastapi", "sqlalchemy", "mlflow", "optuna")
# A sample is taken again when other people's processes had more than this share of the machine.
FOREIGN = 0.08


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median, extremes and number of some samples."""
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "n": len(values),
    }


def ratios(of: Sequence[float], to: Sequence[float]) -> dict[str, float]:
    """The same of ratios of samples taken one after the other."""
    return summary([a / b for a, b in zip(of, to, strict=True)])


def machine() -> dict[str, Any]:
    """Where and with what it was measured."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in PACKAGES},
        "commit": _commit(),
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def write(name: str, what: str, results: Any) -> Path:
    """The record of one benchmark, replacing the last one; its path."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"{name}.json"
    content = {"benchmark": name, "what": what, "machine": machine(), "results": results}
    path.write_text(json.dumps(content, indent=1) + "\n")
    print(f"wrote {path}", flush=True)
    return path


@contextmanager
def foreign_share() -> Iterator[list[float]]:
    """Appends the share of the machine that went to processes other than this one and its descendants."""
    share: list[float] = []
    started, total, own = time.perf_counter(), _busy_s(), _own_s()
    yield share
    seconds = time.perf_counter() - started
    foreign = (_busy_s() - total) - (_own_s() - own)
    share.append(max(0.0, foreign / seconds / (os.cpu_count() or 1)))


def busy_share(seconds: float = 2.0) -> float:
    """The share of the machine in use while nothing should be."""
    before = _busy_s()
    time.sleep(seconds)
    return (_busy_s() - before) / seconds / (os.cpu_count() or 1)


def undisturbed(measure: Callable[[], float], *, tries: int = 4) -> tuple[float, float]:
    """A sample, and the foreign share while it was taken; the least disturbed of a few tries."""
    found: list[tuple[float, float]] = []
    for _ in range(tries):
        with foreign_share() as share:
            value = measure()
        found.append((share[0], value))
        if share[0] <= FOREIGN:
            break
    share_of_best, best = min(found)
    return best, share_of_best


def alternate(
    contenders: Mapping[str, Callable[[], float]], repeats: int
) -> tuple[dict[str, list[float]], float]:
    """Samples of every contender, in turn and every other time in reverse; the worst foreign share."""
    samples: dict[str, list[float]] = {name: [] for name in contenders}
    worst = 0.0
    for repeat in range(repeats):
        names = list(contenders) if repeat % 2 == 0 else list(contenders)[::-1]
        for name in names:
            value, share = undisturbed(contenders[name])
            samples[name].append(value)
            worst = max(worst, share)
    return samples, worst


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - times.iowait - times.guest - times.guest_nice)


def _own_s() -> float:
    total = 0.0
    me = psutil.Process()
    for process in [me, *me.children(recursive=True)]:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
