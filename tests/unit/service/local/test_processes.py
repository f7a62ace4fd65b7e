"""A family is found and ended whole, and nobody else with it."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from service.local import processes
from service.local.processes import MARK, Child

# A parent that starts a child in a session of its own, as Ray's job drivers are, and says its id.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}], start_new_session=True)
print(child.pid, flush=True)
time.sleep(120)
"""
SLEEPS = "import time; time.sleep(120)"
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(120)"


def gone(pid: int) -> bool:
    """No such process, or one that only waits to be reaped."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def start(tmp_path: Path, mark: str, child: str = SLEEPS) -> tuple[subprocess.Popen[bytes], int]:
    log = tmp_path / f"{mark}.log"
    command = (sys.executable, "-c", PARENT.format(child=child))
    process = Child(name="parent", command=command, env={MARK: f"{mark}.parent"}, log=log).start()
    deadline = time.monotonic() + 20
    while not log.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return process, int(log.read_text().split()[0])


def test_the_whole_family_ends(tmp_path: Path) -> None:
    process, grandchild = start(tmp_path, "aaa")
    assert {p.pid for p in processes.family({process.pid}, "aaa")} == {process.pid, grandchild}
    processes.end({process.pid}, "aaa")
    process.wait(5)
    assert gone(grandchild)


def test_an_orphan_is_found_by_its_mark(tmp_path: Path) -> None:
    process, grandchild = start(tmp_path, "bbb")
    process.kill()
    process.wait(5)
    assert not gone(grandchild)
    assert {p.pid for p in processes.family(set(), "bbb")} == {grandchild}
    assert {p.pid for p in processes.family(set(), "bbb.parent")} == {grandchild}
    assert processes.family(set(), "bb") == processes.family(set(), "bbb.other") == set()
    processes.end(set(), "bbb")
    assert gone(grandchild)


def test_others_are_left_alone(tmp_path: Path) -> None:
    process, grandchild = start(tmp_path, "ccc")
    other, other_child = start(tmp_path, "ddd")
    try:
        processes.end({process.pid}, "ccc")
        process.wait(5)
        assert other.poll() is None and not gone(other_child) and gone(grandchild)
    finally:
        processes.end({other.pid}, "ddd")
        other.wait(5)


def test_who_does_not_listen_is_killed(tmp_path: Path) -> None:
    process, grandchild = start(tmp_path, "eee", STUBBORN)
    assert processes.end({process.pid}, "eee", grace_s=0.5) >= 1
    process.wait(5)
    assert gone(grandchild)


def test_an_id_used_again_is_not_the_same_process() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEPS]) as process:
        known = processes.identity(process.pid)
        assert processes.alive(known) and not processes.replaced(known)
        assert processes.replaced({**known, "began": known["began"] - 100})
        process.kill()
    assert not processes.alive(known) and not processes.replaced(known)
    with pytest.raises(psutil.NoSuchProcess):
        processes.identity(process.pid)
