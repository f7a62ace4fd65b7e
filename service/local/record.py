"""up.json: what runs on a data directory, so that `down` finds it whatever became of `up`."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from service.local import processes
from service.local.system import System


def ready_line(system: System) -> dict[str, Any]:
    """What `up` prints once all is ready."""
    return {
        "api": system.api,
        "mlflow": system.mlflow,
        "ray": system.ray,
        "data_dir": str(system.data_dir),
        "pid": os.getpid(),
    }


def write_record(system: System, running: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Note this process and its children."""
    known = {name: processes.identity(p.pid) for name, p in running.items() if p.poll() is None}
    record = {
        **ready_line(system),
        "mark": system.mark,
        "supervisor": processes.identity(os.getpid()),
        "processes": known,
        "ports": {"api": system.port, **system.ports},
        "ray_temp_dir": str(system.ray_temp_dir),
    }
    fresh = system.data_dir / ".up.json"
    fresh.write_text(json.dumps(record, indent=1))
    fresh.replace(system.data_dir / "up.json")


def read_record(data_dir: Path) -> dict[str, Any] | None:
    """What up.json says; None where nothing was started."""
    try:
        return dict(json.loads((data_dir / "up.json").read_text()))
    except FileNotFoundError:
        return None


def drop_record(data_dir: Path, ray_temp_dir: Path) -> None:
    """After the end: keep Ray's logs, drop its temp dir and up.json."""
    session = ray_temp_dir / "session_latest" / "logs"
    if session.is_dir():
        kept = data_dir / "logs" / "ray"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(session, kept, symlinks=True, ignore_dangling_symlinks=True)
    shutil.rmtree(ray_temp_dir, ignore_errors=True)
    (data_dir / "up.json").unlink(missing_ok=True)


def end_leftovers(data_dir: Path) -> None:
    """End what an `up` that was killed left running."""
    record = read_record(data_dir)
    if record is None:
        return
    # An id that is somebody else's by now is not ours to end.
    roots = {known["pid"] for known in record["processes"].values() if not processes.replaced(known)}
    processes.end(roots, record["mark"], spare={os.getpid()})
    drop_record(data_dir, Path(record["ray_temp_dir"]))


def say(text: str) -> None:
    """Tell the person at the terminal; stdout belongs to the ready line."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
