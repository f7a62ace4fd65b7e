"""`ablate up` and `ablate down`: start the embedded system and end exactly it."""

import fcntl
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from service.auth import check_binding
from service.errors import ServiceError
from service.ledger import migrate
from service.local import processes
from service.local.ports import is_free, keep_ports
from service.local.record import end_leftovers, read_record, ready_line, say
from service.local.supervisor import LOOK_S, Supervisor
from service.local.system import System, address
from service.settings import Settings


class CannotStart(ServiceError):
    """The embedded system cannot start as asked: a taken port, a directory in use."""


def up(data_dir: Path, host: str, port: int, *, make: type[System] = System) -> None:
    """Run the embedded system until interrupted; `make` says of what it consists.

    Raises: CannotStart before anything was started; Broken after everything was ended.
    """
    data_dir = data_dir.expanduser().resolve()
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _sole_use(data_dir):
        end_leftovers(data_dir)
        if not is_free(port, host):
            raise CannotStart(f"port {port} on {host} is taken; choose another with --port")
        check_binding(Settings.from_env({**os.environ, **address(host, port, data_dir)}))
        ports, moved = keep_ports(data_dir / "ports.json")
        for name, old in moved.items():
            say(f"port {old} of {name} is taken by somebody else; it moved to {ports[name]}")
        _run(make(data_dir=data_dir, host=host, port=port, ports=ports, mark=secrets.token_hex(8)))


def down(data_dir: Path, *, within_s: float = 30.0) -> bool:
    """End what `up` started on this data directory; False if nothing ran."""
    data_dir = data_dir.expanduser().resolve()
    record = read_record(data_dir)
    if record is None:
        return False
    supervisor = record["supervisor"]
    if processes.alive(supervisor):
        os.kill(supervisor["pid"], signal.SIGTERM)
        deadline = time.monotonic() + within_s
        while processes.alive(supervisor) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        if processes.alive(supervisor):
            os.kill(supervisor["pid"], signal.SIGKILL)
    end_leftovers(data_dir)
    return True


def _run(system: System) -> None:
    supervisor = Supervisor(system=system)
    system.prepare()
    say(f"starting in {system.data_dir}; logs are in {system.logs}")
    with _until_signalled(supervisor):
        try:
            children = {child.name: child for child in system.children()}
            for name in ("mlflow", "ray"):
                supervisor.start(children[name])
            # Those two take longest, and neither needs the ledger.
            migrate(system.database_url)
            for name in ("worker", "api"):
                supervisor.start(children[name])
            supervisor.wait_until_ready()
            if not supervisor.stopping:
                sys.stdout.write(json.dumps(ready_line(system)) + "\n")
                sys.stdout.flush()
                say("ready; Ctrl-C stops everything")
            supervisor.watch()
        finally:
            say("stopping")
            supervisor.end()
            say("stopped")


@contextmanager
def _sole_use(data_dir: Path) -> Iterator[None]:
    """Hold the data directory's lock, which the kernel lets go of however this process ends."""
    with (data_dir / "up.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            record = read_record(data_dir)
            where = f"its API is {record['api']}" if record else "it is starting or stopping"
            raise CannotStart(
                f"a system already runs on {data_dir}: {where}. `ablate down --data-dir {data_dir}` stops it"
            ) from None
        yield


@contextmanager
def _until_signalled(supervisor: Supervisor) -> Iterator[None]:
    """Turn signals into a wish to stop; a second one changes nothing, since the end is bounded in time."""

    def stop(_number: int, _frame: object) -> None:
        supervisor.stopping = True

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
