"""Logs of Ray's processes go some time after these, and none that is still written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from service.local import ray_logs

NOW = 1_000_000.0


@pytest.fixture(scope="module")
def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def log(folder: Path, name: str, age_s: float) -> None:
    (folder / name).write_text("x")
    os.utime(folder / name, (NOW - age_s, NOW - age_s))


def test_what_ended_long_ago_is_dropped_and_nothing_else(tmp_path: Path, gone: int) -> None:
    here, old, young = os.getpid(), ray_logs.KEPT_S + 1, ray_logs.KEPT_S - 1
    dropped = {
        f"worker-a1-01000000-{gone}.out": old,
        f"worker-a1-01000000-{gone}.err": old,
        f"worker-a1-01000000-{gone}.out.1": old,
        f"python-core-worker-a1_{gone}.log": old,
        f"python-core-driver-01ff_{gone}.log": old,
        "runtime_env_setup-01000000.log": old,
    }
    kept = {
        f"worker-b2-01000000-{here}.out": old,
        f"worker-c3-01000000-{gone}.out": young,
        f"python-core-worker-b2_{here}.log": old,
        "gcs_server.out": old,
        "raylet.err": old,
        "dashboard_agent.log": old,
        "job-driver-ablate-x-a1.log": old,
    }
    for name, age_s in {**dropped, **kept}.items():
        log(tmp_path, name, age_s)
    for name in ("events", "export_events", "jobs"):
        (tmp_path / name).mkdir()
    log(tmp_path / "events", f"event_CORE_WORKER_{gone}.log", old)
    log(tmp_path / "events", f"event_CORE_WORKER_{here}.log", old)
    log(tmp_path / "export_events", f"event_EXPORT_TASK_{gone}.log", old)
    log(tmp_path / "jobs", "supervisor-ablate-x-a1.log", old)
    assert ray_logs.prune(tmp_path, NOW) == len(dropped) + 2
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == set(kept)
    assert [path.name for path in (tmp_path / "events").iterdir()] == [f"event_CORE_WORKER_{here}.log"]
    assert not list((tmp_path / "export_events").iterdir()) and list((tmp_path / "jobs").iterdir())


def test_the_newest_jobs_keep_their_logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_logs, "KEPT_JOBS", 2)
    for number in range(5):
        log(tmp_path, f"job-driver-{number}.log", ray_logs.KEPT_S + 10 - number)
    assert ray_logs.prune(tmp_path, NOW) == 3
    assert {path.name for path in tmp_path.iterdir()} == {"job-driver-3.log", "job-driver-4.log"}
