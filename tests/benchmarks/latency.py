"""From POST to an answer: first result, verdict stored, everything in MLflow; cold, and then warm.

`python -m tests.benchmarks.latency [--systems 1] [--repeats 5] [--pause 20] [--idle 20] [--environ A=B]`

A study of 12 perceptrons that train for 0.3 s in all, each time with seeds of its own, so that nothing is
reused. Cold is the first study of a fresh system, posted as soon as `ablate up` says ready; warm are those
after it, each posted `--pause` seconds after everything of the last one was in MLflow. The time line says
when each phase was reached, from the ledger's events and the driver's log. Then the idle system is
watched: the processor time and the memory (proportional, so that shared pages count once) of all its
processes and of those that stand ready for a study.
"""

import argparse
import json
import re
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil

from service.local import processes
from service.local.record import read_record
from tests.benchmarks.record import busy_share, summary, write
from tests.integration.system import System, running_system

NUM_SEEDS = 3
STUDY: dict[str, Any] = {
    "name": "latency",
    "trainable": "mlp-classifier",
    "factors": {"scalars": ["none", "per_layer"], "base": ["relu", "mish"]},
    "baseline": {"scalars": "none"},
    "fixed": {"dataset": "digits-5k", "width": 32, "depth": 2, "epochs": 2, "lr": 1e-3},
    "metrics": [{"name": "test_accuracy"}],
}
POLL_S = 0.02
PATIENCE_S = 300.0
ENDS = ("first_result_s", "verdict_s", "mlflow_s")
LOG_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) (.*)")
PHASES = ("has loaded", "has a study", "study ", "is planned", "first trials are fixed")
"""What the driver's log says on its way to the first trial."""


def ask(system: System, number: int) -> dict[str, Any]:
    """Post a study and watch it to its end; seconds since the POST, and the time line."""
    seeds = list(range(1000 + NUM_SEEDS * number, 1000 + NUM_SEEDS * (number + 1)))
    busy = busy_share(1.0)
    posted, started = time.time(), time.perf_counter()
    study_id = system.submit({**STUDY, "seeds": seeds})["id"]
    reached: dict[str, float] = {}
    while len(reached) < len(ENDS):
        study = system.client.get(f"/v1/studies/{study_id}").raise_for_status().json()
        now = time.perf_counter() - started
        seen = (study["progress"]["done"] > 0, study["state"] == "done", study["published"])
        for name, there in zip(ENDS, seen, strict=True):
            if there:
                reached.setdefault(name, now)
        if now > PATIENCE_S or study["state"] in ("failed", "cancelled"):
            raise RuntimeError(f"no verdict: {study}")
        time.sleep(POLL_S)
    trained = sum(row["seconds"] or 0.0 for row in system.trials(study_id))
    line = timeline(system, study_id, posted)
    return {**reached, "training_s": trained, "busy_before": busy, "timeline": line}


def timeline(system: System, study_id: str, posted: float) -> dict[str, float]:
    """Seconds from the POST to each phase; what was ready before it is negative."""
    reached: dict[str, float] = {}
    times: dict[str, list[float]] = defaultdict(list)
    text = system.client.get(f"/v1/studies/{study_id}/events").text
    for line in text.splitlines():
        if line.startswith("data:"):
            event = json.loads(line.removeprefix("data:"))
            at = datetime.fromisoformat(event["at"]).timestamp() - posted
            kind = "trial" if "trial" in event else "attempt" if "number" in event else "study"
            times[f"{kind} {event.get('state')}"].append(at)
    for name, every in times.items():
        reached[f"first {name}" if name.startswith("trial") else name] = min(every)
    reached["last trial done"] = max(times["trial done"])
    log = system.client.get(f"/v1/studies/{study_id}/logs").text
    for found in map(LOG_LINE.match, log.splitlines()):
        if found is not None and found[3].startswith(PHASES):
            at = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").timestamp() + int(found[2]) / 1000
            name = "the driver has its work" if found[3].startswith("study ") else found[3]
            reached.setdefault(name, at - posted)
    return {name: round(at, 2) for name, at in sorted(reached.items(), key=lambda item: item[1])}


def idle_cost(data_dir: Path, seconds: float) -> dict[str, Any]:
    """What the system takes while nothing is asked of it, and which part of that stands ready."""
    record = read_record(data_dir)
    assert record is not None
    roots = [known["pid"] for known in record["processes"].values()]
    family = processes.family(roots, record["mark"])
    before = _cpu_s(family)
    started = time.perf_counter()
    time.sleep(seconds)
    taken = _cpu_s(family)
    elapsed = time.perf_counter() - started
    share = {pid: (taken[pid] - cpu) / elapsed for pid, cpu in before.items() if pid in taken}
    names = {process.pid: _name(process) for process in family}
    ready = [process for process in family if is_ready(names[process.pid])]
    return {
        "all": {"cores": sum(share.values()), "bytes": sum(map(_bytes, family)), "processes": len(family)},
        "standing_ready": {
            "cores": sum(share.get(process.pid, 0.0) for process in ready),
            "bytes": sum(map(_bytes, ready)),
            "processes": sorted((names[process.pid], share.get(process.pid, 0.0)) for process in ready),
        },
    }


def is_ready(name: str) -> bool:
    """Whether a process of an idle system is there for the next study: jobs and all of their workers.

    A node's agents have such names too, and are there in any case.
    """
    return "service.driver" in name or (name.startswith("ray::") and not name.endswith("Agent"))


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())[:60].strip()
    return ""


def _cpu_s(family: set[psutil.Process]) -> dict[int, float]:
    taken = {}
    for process in family:
        with suppress(psutil.Error):
            times = process.cpu_times()
            taken[process.pid] = times.user + times.system
    return taken


def _bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def told(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians with spread."""
    names = (*ENDS, "training_s", "busy_before")
    return {name: summary([run[name] for run in runs]) for name in names} if runs else {}


def main() -> None:
    """Measure and write the record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--systems", type=int, default=1, help="fresh systems, each with one cold study")
    parser.add_argument("--repeats", type=int, default=5, help="warm studies on each")
    parser.add_argument("--pause", type=float, default=20.0)
    parser.add_argument("--idle", type=float, default=20.0, help="seconds for which the idle one is watched")
    parser.add_argument("--environ", nargs="*", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    environ = dict(pair.split("=", 1) for pair in options.environ)
    cold, warm, idle, ready = [], [], [], []
    for _ in range(options.systems):
        with (
            tempfile.TemporaryDirectory(prefix="ab-") as folder,
            running_system(Path(folder) / "data", **{"ABLATE_STANDBYS": "1", **environ}) as system,
        ):
            ready.append(system.seconds_to_ready)
            for number in range(options.repeats + 1):
                runs = warm if number else cold
                runs.append(ask(system, number))
                print("warm" if number else "cold", json.dumps(runs[-1]), flush=True)
                time.sleep(options.pause)
            idle.append(idle_cost(Path(folder) / "data", options.idle))
            print("idle", json.dumps(idle[-1]), flush=True)
    results = {"ready_s": summary(ready), "cold": told(cold), "warm": told(warm), "idle": idle}
    print(json.dumps(results, indent=1), flush=True)
    write("latency", "from POST to first result, verdict and MLflow", {**results, "runs": [cold, warm]})


if __name__ == "__main__":
    main()
