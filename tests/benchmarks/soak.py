"""Many small studies, one after the other: what a system holds must not grow with what it has done.

`python -m tests.benchmarks.soak [--minutes 30] [--standbys 0]`

Of every six studies one is cancelled, one extended, one deleted and one paused on its way. Every few seconds
each process's memory (proportional: shared pages count once), its open files and threads are noted, and
the number of processes and of files outside the ledger. At the end the second quarter of the time is compared
with the last: medians, by part of the system. Ends with an error where one grew by more than TOLERATED.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from service.local import processes
from service.local.record import read_record
from tests.benchmarks.latency import STUDY
from tests.benchmarks.record import write
from tests.integration.system import System, running_system

EVERY_S = 5.0
PARTS = {
    "service.api": "api",
    "service.worker": "worker",
    "service.local.mlflow_server": "mlflow",
    "service.cli": "up",
    "gcs_server": "head",
    "raylet": "raylet",
    "dashboard": "dashboard",
    "agent": "agents",
}
"""What a part's command line contains; anything else belongs to studies, comes and goes."""
TOLERATED = {"bytes": (1.05, 8e6), "files": (1.05, 8), "threads": (1.05, 4), "processes": (1.0, 1)}
"""By which factor, and beyond that by how much, each may have grown."""


def part_of(process: psutil.Process) -> str:
    """Which part of the system a process is."""
    try:
        command = " ".join(process.cmdline())
    except psutil.Error:
        return "gone"
    return next((part for piece, part in PARTS.items() if piece in command), "studies")


def sample(data_dir: Path, ray_dir: Path) -> dict[str, dict[str, float]]:
    """Memory, files, threads and number of processes, by part."""
    record = read_record(data_dir)
    assert record is not None
    roots = [known["pid"] for known in record["processes"].values()]
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for process in processes.family(roots, record["mark"]):
        part = part_of(process)
        try:
            held = {"bytes": process.memory_full_info().pss, "files": process.num_fds()}
            held |= {"threads": process.num_threads(), "processes": 1}
        except psutil.Error:
            continue
        found[part].update(held)
    found["temporary files"]["files"] = sum(1 for _ in Path(tempfile.gettempdir()).iterdir())
    found["Ray's session"]["files"] = sum(len(files) for _, _, files in os.walk(ray_dir))
    found["shared memory"]["files"] = sum(1 for _ in Path("/dev/shm").iterdir())
    return {part: dict(held) for part, held in found.items()}


def one_study(system: System, number: int) -> str:
    """Submit a small study and do with it what its number says; how it ended."""
    seeds = list(range(10 + 3 * number, 13 + 3 * number))
    id = system.submit({**STUDY, "name": f"soak-{number}", "seeds": seeds})["id"]
    verb = ("", "cancel", "extend", "", "delete", "pause")[number % 6]
    if verb in ("cancel", "pause"):
        system.client.post(f"/v1/studies/{id}/{verb}").raise_for_status()
    if verb == "pause":
        time.sleep(0.5)
        system.client.post(f"/v1/studies/{id}/resume")
    study = system.wait(id, published=True)
    if verb == "extend":
        more = system.client.post(f"/v1/studies/{id}/extend", json={"seeds": 4}).raise_for_status()
        study = system.wait(more.json()["id"], published=True)
    if verb == "delete":
        system.client.delete(f"/v1/studies/{id}").raise_for_status()
    return str(study["state"])


def grown(samples: Sequence[tuple[float, Mapping[str, Mapping[str, float]]]]) -> dict[str, dict[str, Any]]:
    """Second and last quarter of the time: what each part held in the median, and whether it grew."""
    last = samples[-1][0]
    early = [held for at, held in samples if 0.25 * last <= at < 0.5 * last]
    late = [held for at, held in samples if at >= 0.75 * last]
    table: dict[str, dict[str, Any]] = {}
    for part in sorted({part for _, held in samples for part in held} - {"studies", "gone"}):
        for kind in sorted({kind for held in late for kind in held.get(part, {})}):
            before, after = (
                statistics.median(held.get(part, {}).get(kind, 0) for held in some) for some in (early, late)
            )
            factor, more = TOLERATED[kind]
            row = {"before": before, "after": after, "grew": after > factor * before + more}
            table[f"{part}: {kind}"] = row
    return table


def main() -> None:
    """Run, print the table, write the record."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--standbys", default="0")
    asked = parser.parse_args()
    ends: Counter[str] = Counter()
    samples: list[tuple[float, Mapping[str, Mapping[str, float]]]] = []
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as folder,
        running_system(Path(folder) / "data", ABLATE_STANDBYS=asked.standbys) as system,
    ):
        ray_dir = Path((read_record(system.data_dir) or {})["ray_temp_dir"])
        began = noted = time.monotonic()
        while (now := time.monotonic()) - began < 60 * asked.minutes:
            ends[one_study(system, ends.total())] += 1
            if now - noted >= EVERY_S:
                noted = now
                samples.append((now - began, sample(system.data_dir, ray_dir)))
    table = grown(samples)
    for name, row in table.items():
        print(f"{name:28} {row['before']:>14,.0f} {row['after']:>14,.0f} {'GREW' if row['grew'] else ''}")
    print(f"{ends.total()} studies: {dict(ends)}")
    write("soak", f"{asked.minutes} min of small studies", {"studies": dict(ends), "table": table})
    sys.exit(any(row["grew"] for row in table.values()))


if __name__ == "__main__":
    main()
