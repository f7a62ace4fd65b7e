"""An embedded system that can be hit, its processes by what they do; `ablate up` is started again."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx
import psutil

from service.ledger import Ledger, open_ledger
from service.local import processes
from service.local.record import read_record
from tests.chaos.disk import fill
from tests.chaos.proxy import Proxy
from tests.chaos.schedule import Means, Step
from tests.integration.system import free_port

READY_S = 180.0
CHILDREN = ("api", "worker", "mlflow", "ray")
# What Ray calls the processes of an attempt, and what its own are called.
TITLES = {
    "dispenser": ("ray::Dispenser",),
    "slot": ("ray::ReadySlot.serve", "ray::ResourceTrainable"),
    "raylet": ("raylet",),
    "gcs": ("gcs_server",),
}
HOLD = """
import sqlite3, sys, time
ledger = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
ledger.execute("BEGIN IMMEDIATE")
time.sleep(float(sys.argv[2]))
"""


def key_of(number: int) -> str:
    """The API key of one schedule, whose project is its own: nothing is reused from another."""
    return f"chaos-key-{number}"


class Victim:
    """One `ablate up` on one data directory, on one port for good.

    `postgresql` is the URL of a database that stands in for SQLite; `proxied` puts proxies in between;
    `small_disk` says that the data directory is on a disk that can be filled.
    """

    def __init__(
        self,
        data_dir: Path,
        keys: Iterable[int],
        *,
        postgresql: str | None = None,
        proxied: bool = False,
        small_disk: bool = False,
    ) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.database_url = postgresql or f"sqlite:///{data_dir / 'ledger.db'}"
        means: dict[Means, bool] = {
            "postgresql": postgresql is not None,
            "lock": postgresql is None,
            "proxies": proxied,
            "fill": small_disk,
        }
        self.means = {name for name, there in means.items() if there}
        digests = [f"p{number}={hashlib.sha256(key_of(number).encode()).hexdigest()}" for number in keys]
        self._env = {**os.environ, "ABLATE_API_KEYS": ",".join(digests)}
        self._proxies = self._interpose(proxied)
        self._log = (data_dir.parent / f"{data_dir.name}.up.log").open("ab")
        self.starts = 0
        self._start()

    @property
    def url(self) -> str:
        """Where the API is, when it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mlflow_url(self) -> str:
        """Where MLflow is, whatever may be before it."""
        record = read_record(self.data_dir)
        assert record is not None
        return str(record["mlflow"])

    def client(self, number: int) -> httpx.Client:
        """A client of this project."""
        headers = {"Authorization": f"Bearer {key_of(number)}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def ledger(self) -> Ledger:
        """The ledger itself, whatever may be before it."""
        return open_ledger(self.database_url)

    def hit(self, step: Step) -> str:
        """Do what the step says; in words what was hit."""
        if step.blow == "net":
            place, _, trouble = step.target.partition("-")
            self._proxies[place].begin(trouble)  # type: ignore[arg-type]
            time.sleep(step.for_s)
            self._proxies[place].end()
        elif step.blow == "lock":
            command = (sys.executable, "-c", HOLD, str(self.data_dir / "ledger.db"), str(step.for_s))
            subprocess.run(command, check=True, timeout=step.for_s + 60)
        elif step.blow == "fill":
            fill(self.data_dir, step.for_s)
        else:
            found = self._find(step.target)
            for process in found:
                self._blow(process, step)
            return f"{step.blow} {step.target} {[process.pid for process in found]}"
        return f"{step.blow} {step.target} {step.for_s:.0f} s"

    def end(self) -> set[int]:
        """End it as `ablate down` does; the ids of processes that are left, which there must not be."""
        record = read_record(self.data_dir)
        subprocess.run(
            [sys.executable, "-m", "service.cli", "down", "--data-dir", str(self.data_dir)],
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        self._await_up(60)
        self._log.close()
        for proxy in self._proxies.values():
            proxy.close()
        return {p.pid for p in processes.family(set(), record["mark"])} if record else set()

    def _interpose(self, proxied: bool) -> Mapping[str, Proxy]:
        self._env["CHAOS_MIGRATED_URL"] = self._env["CHAOS_DATABASE_URL"] = self.database_url
        if not proxied:
            return {}
        self.data_dir.mkdir(parents=True, exist_ok=True)
        proxies = {"mlflow": Proxy(self._mlflow_port), "internal": Proxy(lambda: self.port)}
        self._env["CHAOS_MLFLOW_URL"] = f"http://127.0.0.1:{proxies['mlflow'].port}"
        self._env["CHAOS_INTERNAL_URL"] = f"http://127.0.0.1:{proxies['internal'].port}"
        if "postgresql" in self.means:
            behind = self._database_port()
            proxies["database"] = Proxy(lambda: behind)
            told = self.database_url.replace(f":{behind}/", f":{proxies['database'].port}/")
            self._env["CHAOS_DATABASE_URL"] = told
        return proxies

    def _mlflow_port(self) -> int:
        return int(json.loads((self.data_dir / "ports.json").read_text())["mlflow"])

    def _database_port(self) -> int:
        return int(httpx.URL(self.database_url).port or 0)

    def _start(self) -> None:
        self.starts += 1
        where = ("--data-dir", str(self.data_dir), "--port", str(self.port))
        self._up = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.up", *where],
            env=self._env, stdout=subprocess.PIPE, stderr=self._log, text=True, start_new_session=True,
        )  # fmt: skip
        timer = threading.Timer(READY_S, self._up.kill)
        timer.start()
        assert self._up.stdout is not None
        line = self._up.stdout.readline()
        timer.cancel()
        if not line:
            raise RuntimeError(f"`ablate up` ended with code {self._up.wait()} before it was ready")

    def _await_up(self, for_s: float) -> None:
        self._up.wait(for_s)
        assert self._up.stdout is not None
        self._up.stdout.close()

    def _find(self, target: str) -> list[psutil.Process]:
        if target == "up":
            return [psutil.Process(self._up.pid)]
        if target == "postgres":
            return self._backends()[:1]
        record = read_record(self.data_dir)
        if record is None:
            return []
        if target in CHILDREN:
            known = record["processes"].get(target)
            return [psutil.Process(known["pid"])] if known and processes.alive(known) else []
        members = processes.family({p["pid"] for p in record["processes"].values()}, record["mark"])
        found = [p for p in sorted(members, key=lambda p: p.pid) if _is(p, target)]
        return found[:1]

    def _backends(self) -> list[psutil.Process]:
        """PostgreSQL's processes for its clients: where one is killed, it ends all and recovers."""
        port = str(self._database_port())
        server = next(
            p
            for p in psutil.process_iter()
            if _line(p)[:1] and port in _line(p) and "postgres" in _line(p)[0]
        )
        return [p for p in server.children() if "ablate" in " ".join(_line(p))]

    def _blow(self, process: psutil.Process, step: Step) -> None:
        try:
            if step.blow == "freeze":
                process.suspend()
                time.sleep(step.for_s)
                process.resume()
            else:
                process.send_signal(signal.SIGKILL if step.blow == "kill" else signal.SIGTERM)
        except psutil.NoSuchProcess:
            return
        if step.target == "up" and step.blow != "freeze":
            self._await_up(120)
            self._start()


def _line(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _is(process: psutil.Process, target: str) -> bool:
    line = _line(process)
    if target == "driver":
        return "service.driver" in line
    return " ".join(line).startswith(TITLES[target]) or (bool(line) and Path(line[0]).name in TITLES[target])
