"""`ablate up` and `ablate down` as processes: what they start, what they refuse, what they leave behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from service.local import processes
from service.local.record import read_record
from tests.integration.system import free_port

pytestmark = pytest.mark.integration
PATIENCE_S = 120.0


class Up:
    """An `ablate up` in a process of its own."""

    def __init__(self, data_dir: Path, port: int) -> None:
        self.data_dir = data_dir
        self.errors = data_dir.with_suffix(f".{time.monotonic_ns()}.err")
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [*ABLATE, "up", "--data-dir", str(data_dir), "--port", str(port)],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def ready(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.errors.read_text()
        return dict(json.loads(line))

    def record(self) -> dict[str, Any]:
        found = read_record(self.data_dir)
        assert found is not None
        return found


ABLATE = (sys.executable, "-m", "service.cli")


def ablate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*ABLATE, *arguments], capture_output=True, text=True, timeout=PATIENCE_S)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[int], Up]]:
    started: list[Up] = []

    def begin(port: int) -> Up:
        started.append(Up(tmp_path / "data", port))
        return started[-1]

    yield begin
    ablate("down", "--data-dir", str(tmp_path / "data"))
    for up in started:
        up.process.wait(PATIENCE_S)
        assert up.process.stdout is not None
        up.process.stdout.close()


def test_up_and_down(start: Callable[[int], Up], tmp_path: Path) -> None:
    data_dir, port = tmp_path / "data", free_port()
    up = start(port)
    ready = up.ready()
    assert ready == {
        "api": f"http://127.0.0.1:{port}",
        "mlflow": ready["mlflow"],
        "ray": ready["ray"],
        "data_dir": str(data_dir),
        "pid": up.process.pid,
    }
    assert httpx.get(f"{ready['api']}/readyz").status_code == 200
    # Ray's dashboard answers to nobody without the token.
    assert httpx.get(f"{ready['ray']}/api/jobs/").status_code == 401

    for outside in addresses():
        for name in ("api", "mlflow", "ray"):
            with pytest.raises(OSError):
                socket.create_connection((outside, int(ready[name].rpartition(":")[2])), timeout=2).close()

    second = ablate("up", "--data-dir", str(data_dir), "--port", str(free_port()))
    assert second.returncode == 2 and "already runs" in second.stderr and ready["api"] in second.stderr
    assert second.stdout == ""
    other = ablate("up", "--data-dir", str(tmp_path / "other"), "--port", str(port))
    assert other.returncode == 2 and str(port) in other.stderr and "taken" in other.stderr

    worker = up.record()["processes"]["worker"]["pid"]
    os.kill(worker, signal.SIGKILL)
    wait_for(lambda: up.record()["processes"].get("worker", {}).get("pid") not in (None, worker))
    assert "worker ended with code -9" in up.errors.read_text()

    record = up.record()
    members = processes.family({p["pid"] for p in record["processes"].values()}, record["mark"])
    assert len(members) > 8
    # Whatever ended `up`, even this, `down` ends the rest.
    up.process.kill()
    up.process.wait(PATIENCE_S)
    assert ablate("down", "--data-dir", str(data_dir)).returncode == 0
    assert gone(members)
    assert not (data_dir / "up.json").exists()
    assert not Path(record["ray_temp_dir"]).exists()
    assert "nothing runs" in ablate("down", "--data-dir", str(data_dir)).stderr

    again = start(port)
    assert again.ready()["mlflow"] == ready["mlflow"]
    members = processes.family(
        {p["pid"] for p in again.record()["processes"].values()}, again.record()["mark"]
    )
    again.process.send_signal(signal.SIGINT)
    assert again.process.wait(PATIENCE_S) == 0
    assert gone(members)


def test_beyond_loopback_it_wants_keys(tmp_path: Path) -> None:
    refused = ablate(
        "up", "--data-dir", str(tmp_path / "data"), "--host", "0.0.0.0", "--port", str(free_port())
    )
    assert refused.returncode == 2 and "ABLATE_API_KEYS" in refused.stderr


def addresses() -> list[str]:
    """This machine's addresses by which others would reach it."""
    found = [a.address for many in psutil.net_if_addrs().values() for a in many if a.family == socket.AF_INET]
    return [address for address in found if not address.startswith("127.")]


def gone(members: set[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in members)
