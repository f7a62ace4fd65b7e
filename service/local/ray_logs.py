"""Ray keeps a log of every process that it ever had; those of processes that are gone are dropped here."""

import re
from pathlib import Path

import psutil

KEPT_S = 600.0
"""For how long after the last line of a process that is gone."""
KEPT_JOBS = 200
EVERY_S = 60.0
OF_A_PROCESS = re.compile(
    r"(?:worker|python-core-worker|python-core-driver)-.*[-_](\d+)\.(?:log|out|err)(?:\.\d+)?"
)
OF_ITS_EVENTS = re.compile(r"event_(?:CORE_WORKER|EXPORT_TASK)_(\d+)\.log")
OF_A_JOB = re.compile(r"(?:job-driver|supervisor)-.*\.log")
OF_A_SETUP = re.compile(r"runtime_env_setup-.*\.log")


def prune(logs: Path, now: float) -> int:
    """Drop the logs of ended processes and all but the newest of ended jobs; how many files that were.

    `now` is in seconds since the epoch, as the files' times are.
    """
    return sum(
        _prune(folder, now)
        for folder in (logs, *(logs / name for name in ("events", "export_events", "jobs")))
        if folder.is_dir()
    )


def _prune(folder: Path, now: float) -> int:
    jobs: list[tuple[float, Path]] = []
    dropped = 0
    for path in folder.iterdir():
        try:
            written = path.lstat().st_mtime
        except FileNotFoundError:
            continue
        if OF_A_JOB.fullmatch(path.name):
            jobs.append((written, path))
        elif now - written > KEPT_S and _is_over(path.name):
            path.unlink(missing_ok=True)
            dropped += 1
    for written, path in sorted(jobs)[:-KEPT_JOBS]:
        if now - written > KEPT_S:
            path.unlink(missing_ok=True)
            dropped += 1
    return dropped


def _is_over(name: str) -> bool:
    process = OF_A_PROCESS.fullmatch(name) or OF_ITS_EVENTS.fullmatch(name)
    if process is None:
        return OF_A_SETUP.fullmatch(name) is not None
    # A number that is somebody else's by now keeps its log a little longer.
    return not psutil.pid_exists(int(process[1]))
