"""The supervisor restarts what dies, for as long as it lives a while in between."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from service.local.processes import Child
from service.local.supervisor import MAX_RESTARTS, Supervisor, SystemBroken
from service.local.system import System

SLEEPS = "import time; time.sleep(600)"


class OneChild(System):
    """A system of one process, which sleeps or dies at once."""

    program = SLEEPS

    def children(self) -> tuple[Child, ...]:
        command = (sys.executable, "-S", "-c", self.program)
        return (Child(name="sleeper", command=command, env={}, log=self.logs / "sleeper.log"),)


class DiesAtOnce(OneChild):
    """A system whose process never lives."""

    program = "raise SystemExit(3)"


def supervisor_of(kind: type[System], folder: Path, steady_s: float) -> Supervisor:
    ports = {"mlflow": 1, "ray_dashboard": 2}
    system = kind(data_dir=folder, host="127.0.0.1", port=3, ports=ports, mark=f"test-{os.getpid()}")
    system.prepare()
    return Supervisor(system=system, steady_s=steady_s)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_deaths_far_apart_are_each_restarted_however_many(tmp_path: Path) -> None:
    supervisor = supervisor_of(OneChild, tmp_path, steady_s=0.0)
    supervisor.start(supervisor.system.children()[0])
    watching = threading.Thread(target=supervisor.watch)
    watching.start()
    for _ in range(MAX_RESTARTS + 2):
        victim = supervisor.running["sleeper"].pid
        os.kill(victim, signal.SIGKILL)
        until(lambda dead=victim: supervisor.running["sleeper"].pid != dead or not watching.is_alive())  # type: ignore[misc]
    assert watching.is_alive() and supervisor.running["sleeper"].poll() is None
    supervisor.stopping = True
    watching.join(60)
    supervisor.end()


def test_one_that_never_lives_ends_the_system_and_says_so(tmp_path: Path) -> None:
    supervisor = supervisor_of(DiesAtOnce, tmp_path, steady_s=30.0)
    supervisor.start(supervisor.system.children()[0])
    with pytest.raises(SystemBroken, match=f"sleeper died {MAX_RESTARTS + 1} times in a row"):
        supervisor.watch()
    supervisor.end()


class DiesOnce(OneChild):
    """A system whose process dies at its first start, before it is ready: a head on a busy machine."""

    program = """
import pathlib, sys, time
before = pathlib.Path("BEFORE")
if not before.exists():
    before.touch()
    sys.exit(1)
pathlib.Path("READY").touch()
time.sleep(600)
"""

    def children(self) -> tuple[Child, ...]:
        program = self.program
        for name in ("BEFORE", "READY"):
            program = program.replace(name, str(self.data_dir / name.lower()))
        command = (sys.executable, "-S", "-c", program)
        return (Child(name="sleeper", command=command, env={}, log=self.logs / "sleeper.log"),)

    def checks(self) -> dict[str, Callable[[], bool]]:
        return {"sleeper": (self.data_dir / "ready").exists}


def test_one_that_dies_before_it_is_ready_is_started_again(tmp_path: Path) -> None:
    supervisor = supervisor_of(DiesOnce, tmp_path, steady_s=30.0)
    supervisor.start(supervisor.system.children()[0])
    supervisor.wait_until_ready()
    assert supervisor.restarts == {"sleeper": 1} and supervisor.running["sleeper"].poll() is None
    supervisor.end()
