"""Processes of the embedded system: each found again by its parent, session or mark, and ended by its id."""

import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

# Every process started here inherits this variable: the id of one `up`, a dot, the child's name.
MARK = "ABLATE_UP_ID"
POLL_S = 0.1
LAST_WORDS_S = 1.0
# What somebody's shell may hold and would lead a child to a system that is not this one.
FOREIGN = ("RAY_ADDRESS", "RAY_AUTH_TOKEN", "MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID")


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One long-lived process that `up` starts: what to run, with which variables, where its log goes."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path

    def start(self) -> subprocess.Popen[bytes]:
        """Start it in a session of its own, so that Ctrl-C reaches only `up`, which ends it in order."""
        inherited = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command,
                env={**inherited, **self.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def identity(pid: int) -> dict[str, float]:
    """A process as later recognised: its id and when it began, since ids are used again.

    Raises: psutil.NoSuchProcess when it is gone.
    """
    return {"pid": pid, "began": psutil.Process(pid).create_time()}


def alive(known: Mapping[str, float]) -> bool:
    """Whether exactly this process still runs."""
    try:
        process = psutil.Process(int(known["pid"]))
        same = abs(process.create_time() - known["began"]) < 1.0
        return bool(same and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def replaced(known: Mapping[str, float]) -> bool:
    """Whether the id is another process's by now. An id that only vanished may still name a session."""
    return bool(psutil.pid_exists(int(known["pid"]))) and not alive(known)


def family(roots: Collection[int], mark: str, *, spare: Collection[int] = ()) -> set[psutil.Process]:
    """Everything that descends from these processes.

    Ray's workers leave their parent's process group and some overwrite their environment, so three signs
    are read: a parent in the family, a session opened by a root, the mark (of one `up`, or of one child
    of it) in the environment.
    """
    everyone = [p for p in psutil.process_iter() if p.pid not in spare]
    members = {p.pid for p in everyone if p.pid in roots or _bears(p, mark) or _session(p.pid) in roots}
    parents = {p.pid: _parent(p) for p in everyone}
    while more := {pid for pid, parent in parents.items() if parent in members and pid not in members}:
        members |= more
    return {p for p in everyone if p.pid in members and _runs(p)}


def end(roots: Collection[int], mark: str, *, grace_s: float = 5.0, spare: Collection[int] = ()) -> int:
    """End the family; returns how many had to be killed.

    The roots are asked and given the grace, since each ends its own; who outlives them is killed.
    """
    known = family(roots, mark, spare=spare)
    for process in known:
        if process.pid in roots:
            _signal(process, signal.SIGTERM)
    _wait({p for p in known if p.pid in roots}, grace_s)
    _wait(known, LAST_WORDS_S)
    killed = 0
    # A dying parent may have started one more; look until a look finds nobody.
    for _ in range(50):
        left = {p for p in known if _runs(p)} | family(roots, mark, spare=spare)
        if not left:
            break
        killed += len(left)
        for process in left:
            _signal(process, signal.SIGKILL)
        known |= left
        _wait(left, 2.0)
    return killed


def _wait(processes: Iterable[psutil.Process], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while any(_runs(p) for p in processes) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def _runs(process: psutil.Process) -> bool:
    """False for a process that is gone, was replaced by another of its id, or waits to be reaped."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _bears(process: psutil.Process, mark: str) -> bool:
    try:
        return f"{process.environ().get(MARK)}.".startswith(f"{mark}.")
    except (psutil.Error, OSError):
        return False


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def _parent(process: psutil.Process) -> int:
    try:
        return int(process.ppid())
    except psutil.Error:
        return -1


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    try:
        process.send_signal(number)
    except psutil.NoSuchProcess:
        pass
