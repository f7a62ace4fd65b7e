"""Watches over the processes of one embedded system: starts, restarts, ends them."""

import os
import subprocess
import time
from dataclasses import dataclass, field

from service.errors import ServiceError
from service.local import processes, ray_logs
from service.local.processes import Child
from service.local.record import drop_record, say, write_record
from service.local.system import System

READY_WITHIN_S = 180.0
LOOK_S = 0.2
# A process that dies this often without having lived STEADY_S in between is broken.
MAX_RESTARTS = 5
STEADY_S = 30.0
LOG_TAIL_LINES = 15


class SystemBroken(ServiceError):
    """A process of the embedded system died and cannot be kept alive."""


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """The running children of one system; restarts one that dies, ends all."""

    system: System
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    steady_s: float = STEADY_S
    restarts: dict[str, int] = field(default_factory=dict)
    began: dict[str, float] = field(default_factory=dict)
    stopping: bool = False

    def start(self, child: Child) -> None:
        """Start a child and note it in up.json, so that `down` finds it whatever happens to this process."""
        self.running[child.name] = child.start()
        self.began[child.name] = time.monotonic()
        write_record(self.system, self.running)

    def wait_until_ready(self) -> None:
        """Return when every process does its work or somebody asked to stop.

        One that dies meanwhile is started again: Ray ends a head that was not up within half a minute, which
        a busy machine may take.

        Raises: SystemBroken when one dies again and again, or after READY_WITHIN_S.
        """
        children = {child.name: child for child in self.system.children()}
        every, began = self.system.checks(), time.monotonic()
        checks = dict(every)
        while checks and not self.stopping:
            for name, process in list(self.running.items()):
                if process.poll() is not None:
                    self._restart(children[name], process)
                    checks[name] = every[name]
            for name in [name for name, check in checks.items() if check()]:
                del checks[name]
                say(f"{name} is ready after {time.monotonic() - began:.1f} s")
            if time.monotonic() - began > READY_WITHIN_S:
                raise SystemBroken(
                    f"not ready after {READY_WITHIN_S:.0f} s: {', '.join(checks)}; see {self.system.logs}"
                )
            time.sleep(LOOK_S)

    def watch(self) -> None:
        """Keep the children alive, and Ray's logs few, until somebody asks to stop.

        Raises: SystemBroken when one dies again and again.
        """
        children = {child.name: child for child in self.system.children()}
        logs, pruned = self.system.ray_temp_dir / "session_latest" / "logs", time.monotonic()
        while not self.stopping:
            if time.monotonic() - pruned > ray_logs.EVERY_S and logs.is_dir():
                ray_logs.prune(logs, time.time())
                pruned = time.monotonic()
            for name, process in list(self.running.items()):
                if process.poll() is not None and not self.stopping:
                    self._restart(children[name], process)
            time.sleep(LOOK_S)

    def end(self) -> None:
        """End every process, Ray's workers included; keep Ray's logs, drop its temp dir."""
        roots = {process.pid for process in self.running.values()}
        processes.end(roots, self.system.mark, spare={os.getpid()})
        for process in self.running.values():
            process.wait()
        drop_record(self.system.data_dir, self.system.ray_temp_dir)

    def _restart(self, child: Child, died: subprocess.Popen[bytes]) -> None:
        say(f"{child.name} ended with code {died.returncode}:\n{self._tail(child.name)}")
        steady = time.monotonic() - self.began[child.name] >= self.steady_s
        self.restarts[child.name] = 1 if steady else self.restarts.get(child.name, 0) + 1
        if self.restarts[child.name] > MAX_RESTARTS:
            raise SystemBroken(
                f"{child.name} died {MAX_RESTARTS + 1} times in a row, each within {self.steady_s:g} s;"
                f" stopping. Its log: {child.log}"
            )
        # What a dead Ray head or server leaves behind would hold its ports.
        processes.end({died.pid}, f"{self.system.mark}.{child.name}", grace_s=2.0, spare={os.getpid()})
        say(f"starting {child.name} again ({self.restarts[child.name]} of {MAX_RESTARTS})")
        self.start(child)

    def _tail(self, name: str) -> str:
        lines = (self.system.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LOG_TAIL_LINES:])
