"""How long a study stands still when one of the system's processes is killed.

`python -m tests.benchmarks.recovery [--repeats 5] [--kinds api worker slot dispenser driver head up]`

One study of trials of about a second and one slot that takes all cores, so that nothing else advances while
its worker is away. A process is killed (SIGKILL) while the study runs; what counts are the seconds until
the next trial ends by the ledger's own times: a trial's own time is part of them. For `worker` they are
those until a study that was submitted at the kill has an attempt with the cluster; for `head` those since
the new head answers; for `up` everything is killed and `ablate up` is started anew on the same data: its
start is part of the seconds. Burners are processes of lowest priority that keep the machine busy.
"""

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil

from service.local import processes
from service.local.record import read_record
from tests.benchmarks.record import busy_share, summary, write
from tests.integration.system import System, running_system

STUDY: dict[str, Any] = {
    "name": "recovery",
    "trainable": "mlp-classifier",
    "factors": {"base": ["relu", "mish"], "depth": [5, 10]},
    "baseline": {"base": "relu"},
    "fixed": {"dataset": "digits-5k", "width": 32, "epochs": 6, "batch_size": 64, "lr": 1e-3},
    "seeds": 1000,
    "metrics": [{"name": "test_accuracy"}],
    "resources": {"cpus": os.cpu_count() or 1, "pack": 1},
}
OTHER: dict[str, Any] = {**STUDY, "name": "other", "seeds": 2, "fixed": {**STUDY["fixed"], "epochs": 1}}
IN_FLIGHT_S = 0.7
"""What ended before the kill of a slot may be written down this much later."""
PATIENCE_S = 300.0
BETWEEN = 3


class Scene:
    """A running system with a running study."""

    def __init__(self, system: System, data_dir: Path) -> None:
        self.system, self.data_dir = system, data_dir
        self.study_id = system.submit(STUDY)["id"]

    def ended_after(self, moment: float) -> list[float]:
        """When trials ended since then, by the ledger."""
        return self._ask(
            "SELECT finished_at FROM trials WHERE study_id = ? AND finished_at > ? ORDER BY finished_at",
            (self.study_id, moment),
        )

    def submitted_after(self, study_id: str) -> list[float]:
        """When a study's attempts were with the cluster."""
        return self._ask(
            "SELECT submitted_at FROM attempts WHERE study_id = ? AND submitted_at IS NOT NULL", (study_id,)
        )

    def settle(self) -> None:
        """Until some trials have ended after whatever was before."""
        now = time.time()
        wait(lambda: len(self.ended_after(now)) >= BETWEEN)

    def pids(self, start: str) -> list[int]:
        """Processes of this system whose command line begins so."""
        record = read_record(self.data_dir)
        assert record is not None
        found = []
        for process in processes.family({p["pid"] for p in record["processes"].values()}, record["mark"]):
            with suppress(psutil.Error):
                if " ".join(process.cmdline()).startswith(start):
                    found.append(process.pid)
        return found

    def child(self, name: str) -> int:
        """One of the processes that `ablate up` started."""
        record = read_record(self.data_dir)
        assert record is not None
        return int(record["processes"][name]["pid"])

    def _ask(self, query: str, values: tuple[Any, ...]) -> list[float]:
        with closing(sqlite3.connect(f"file:{self.data_dir / 'ledger.db'}?mode=ro", uri=True)) as ledger:
            return [float(row[0]) for row in ledger.execute(query, values)]


def wait(found: Callable[[], Any]) -> Any:
    """What is found at last."""
    deadline = time.monotonic() + PATIENCE_S
    while not (answer := found()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing within {PATIENCE_S:.0f} s")
        time.sleep(0.05)
    return answer


def kill(pid: int) -> float:
    """Kill a process; when."""
    os.kill(pid, signal.SIGKILL)
    return time.time()


def stood_still(scene: Scene, pid: int, in_flight_s: float = IN_FLIGHT_S) -> float:
    """Seconds from the kill of a process until a trial ends."""
    killed_at = kill(pid)
    return float(wait(lambda: scene.ended_after(killed_at + in_flight_s))[0]) - killed_at


def slot(scene: Scene) -> float:
    """The worker that trains."""
    # More CPUs than one: a Tune trial, and none of the workers that its driver loads beforehand.
    return stood_still(scene, scene.pids("ray::ResourceTrainable")[0])


def dispenser(scene: Scene) -> float:
    """The study's dispenser."""
    return stood_still(scene, scene.pids("ray::Dispenser")[0])


def driver(scene: Scene) -> float:
    """The study's driver."""
    (pid,) = scene.pids(f"python -m service.driver ablate-{scene.study_id}")
    return stood_still(scene, pid)


def api(scene: Scene) -> float:
    """The API: training goes on, and what has ended is written down when it is back."""
    return stood_still(scene, scene.child("api"), in_flight_s=0.2)


def worker(scene: Scene) -> float:
    """The worker: until somebody's study, submitted meanwhile, has a driver on its way."""
    killed_at = kill(scene.child("worker"))
    other = scene.system.submit(OTHER)["id"]
    submitted_at = float(wait(lambda: scene.submitted_after(other))[0])
    scene.system.client.post(f"/v1/studies/{other}/cancel").raise_for_status()
    time.sleep(5.0)
    return submitted_at - killed_at


def head(scene: Scene) -> float:
    """Ray's head, from when the next one answers."""
    record = read_record(scene.data_dir)
    assert record is not None
    token = {"Authorization": f"Bearer {(scene.data_dir / 'ray_token').read_text().strip()}"}
    before = scene.child("ray")
    kill(before)

    def answers() -> bool:
        with suppress(httpx.HTTPError):
            again = scene.child("ray") != before
            return again and httpx.get(f"{record['ray']}/api/jobs/", headers=token, timeout=1).is_success
        return False

    def changed() -> bool:
        with suppress(KeyError, AssertionError):
            return scene.child("ray") != before
        return False

    wait(changed)
    wait(answers)
    answered_at = time.time()
    return float(wait(lambda: scene.ended_after(answered_at))[0]) - answered_at


KINDS: dict[str, Callable[[Scene], float]] = {
    "api": api,
    "worker": worker,
    "slot": slot,
    "dispenser": dispenser,
    "driver": driver,
    "head": head,
}


def up(folder: Path) -> float:
    """Everything of `ablate up`, and its start anew."""
    with running_system(folder) as system:
        scene = Scene(system, folder)
        scene.settle()
        record = read_record(folder)
        assert record is not None
        everything = processes.family({p["pid"] for p in record["processes"].values()}, record["mark"])
        system.process.kill()
        for process in everything:
            with suppress(psutil.Error):
                process.kill()
        system.process.wait()
        study_id = scene.study_id
    started_at = time.time()
    with running_system(folder) as system:
        scene = Scene.__new__(Scene)
        scene.system, scene.data_dir, scene.study_id = system, folder, study_id
        return float(wait(lambda: scene.ended_after(started_at))[0]) - started_at


@contextmanager
def burners(num: int) -> Iterator[None]:
    """Processes of lowest priority that keep the machine busy."""
    code = "import os; os.nice(19)\nwhile True: pass"
    burning = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(num)]
    try:
        yield
    finally:
        for process in burning:
            process.kill()
            process.wait()


def measure(kinds: list[str], repeats: int) -> dict[str, list[float]]:
    """Seconds of every kind, in turn."""
    found: dict[str, list[float]] = {kind: [] for kind in kinds}
    with tempfile.TemporaryDirectory(prefix="ab-") as folder:
        data_dir = Path(folder) / "data"
        if set(kinds) - {"up"}:
            with running_system(data_dir) as system:
                scene = Scene(system, data_dir)
                for kind in (kind for _ in range(repeats) for kind in kinds if kind != "up"):
                    scene.settle()
                    found[kind].append(KINDS[kind](scene))
                    print(f"{kind} {found[kind][-1]:.1f} s", flush=True)
        for repeat in range(repeats if "up" in kinds else 0):
            found["up"].append(up(Path(folder) / f"up{repeat}"))
            print(f"up {found['up'][-1]:.1f} s", flush=True)
    return found


def main() -> None:
    """Kill, wait, and write the record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--kinds", nargs="+", default=[*KINDS, "up"], choices=[*KINDS, "up"])
    parser.add_argument("--burners", type=int, default=0)
    options = parser.parse_args()
    busy = busy_share()
    with burners(options.burners):
        found = measure(options.kinds, options.repeats)
    results = {
        "busy_before": busy,
        "burners": options.burners,
        "seconds": {kind: {**summary(values), "samples": values} for kind, values in found.items()},
    }
    print(json.dumps(results, indent=1), flush=True)
    write("recovery", "seconds until a trial ends again after a process was killed", results)


if __name__ == "__main__":
    main()
