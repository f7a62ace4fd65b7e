"""What is wrong with an installation and its data directory, and what to do about it."""

import os
import shutil
import stat
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from sqlalchemy import select

from service.api.routes.health import make_probes
from service.errors import BadSettings, ServiceError
from service.ledger import check_schema, open_ledger, outbox
from service.ledger.tables import db_now
from service.local import processes
from service.local.ports import is_free, kept_ports
from service.local.record import read_record
from service.settings import LEAST_SECRET, Settings

DISTRIBUTION = "ablation-service"
SCARCE_BYTES = 2 * 1024**3
CLOCK_S = 2.0
"""So far may this machine's clock be from the database's: leases and reports compare the two."""


class Health(StrEnum):
    """How one thing stands."""

    OK = "ok"
    NOTE = "note"
    FAULT = "fault"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at, what was seen, and what to do unless it is well."""

    subject: str
    health: Health
    seen: str
    advice: str = ""


def examine(data_dir: Path, environ: Mapping[str, str]) -> list[Finding]:
    """Everything, whether the system runs or not; changes nothing."""
    if not data_dir.is_dir():
        gone = _fault("data directory", f"{data_dir} does not exist", "`ablate up` makes it")
        return [*_versions(), *_cores(), gone]
    record = read_record(data_dir)
    running = record is not None and processes.alive(record["supervisor"])
    found = [*_versions(), *_cores(), *_disk(data_dir), *_secrets(data_dir)]
    found += [*_orphans(record, running), *_ports(data_dir, running)]
    try:
        settings = Settings.from_env({**environ, **_addresses(data_dir, record if running else None)})
    except BadSettings as error:
        return [*found, _fault("settings", str(error), "correct the variable")]
    told = environ.get("ABLATE_SECRET", "")
    if not settings.database_url.startswith("sqlite") and len(told) < LEAST_SECRET:
        seen = "ABLATE_SECRET is not set, or short, and the database is PostgreSQL"
        found.append(
            _fault("shared secret", seen, "give API and worker the same, e.g. of `openssl rand -hex 32`")
        )
    return [*found, *_ledger(settings), *_reachable(settings)]


def _ok(subject: str, seen: str) -> Finding:
    return Finding(subject=subject, health=Health.OK, seen=seen)


def _note(subject: str, seen: str, advice: str) -> Finding:
    return Finding(subject=subject, health=Health.NOTE, seen=seen, advice=advice)


def _fault(subject: str, seen: str, advice: str) -> Finding:
    return Finding(subject=subject, health=Health.FAULT, seen=seen, advice=advice)


def _addresses(data_dir: Path, record: Mapping[str, Any] | None) -> dict[str, str]:
    """Where things are, and for a running embedded system where it said that its parts are."""
    # The secret is not needed here, and looking must not make one.
    known = {"ABLATE_DATA_DIR": str(data_dir), "ABLATE_SECRET": "-" * LEAST_SECRET}
    if record is None:
        return known
    return {
        **known,
        "ABLATE_RAY_DASHBOARD_URL": record["ray"],
        "ABLATE_MLFLOW_URL": record["mlflow"],
        "ABLATE_RAY_TOKEN_PATH": str(data_dir / "ray_token"),
    }


def _versions() -> Iterator[Finding]:
    python = ".".join(map(str, sys.version_info[:3]))
    wrong = [text for text in map(_mismatch, requires(DISTRIBUTION) or ()) if text]
    if wrong:
        yield _fault("versions", "; ".join(wrong), "install again with -c docker/constraints.txt")
    else:
        yield _ok("versions", f"{DISTRIBUTION} {version(DISTRIBUTION)} and what it needs, Python {python}")


def _mismatch(text: str) -> str | None:
    """What is wrong with the installed version of one requirement."""
    wanted = Requirement(text)
    if wanted.marker is not None and not wanted.marker.evaluate({"extra": ""}):
        return None
    try:
        found = version(wanted.name)
    except PackageNotFoundError:
        return f"{wanted.name} is not installed"
    fits = wanted.specifier.contains(found, prereleases=True)
    return None if fits else f"{wanted.name} is {found}, needed {wanted.specifier}"


def _cores() -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0]
    if load > 2 * cores:
        yield _note("cores", f"load {load:.1f} on {cores}", "other programs slow everything down")
    else:
        yield _ok("cores", f"{cores}, load {load:.1f}")


def _disk(data_dir: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(data_dir).free
    seen = f"{free / 1024**3:.1f} GiB free under {data_dir}"
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        yield _fault("disk", f"{data_dir} cannot be written", "give it to the user who runs the service")
    elif free < SCARCE_BYTES:
        yield _fault("disk", seen, "make room: a full disk stops every write")
    else:
        yield _ok("disk", seen)


def _secrets(data_dir: Path) -> Iterator[Finding]:
    for name in ("secret", "ray_token"):
        path = data_dir / name
        if not path.exists():
            yield _note(name, f"there is no {path}", "`ablate up` makes it")
        elif stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield _fault(name, f"others may read {path}", f"chmod 600 {path}")
        elif not path.read_text().strip():
            yield _fault(name, f"{path} is empty", "stop the system, remove the file, start again")
        else:
            yield _ok(name, "there, for its owner only")


def _orphans(record: Mapping[str, Any] | None, running: bool) -> Iterator[Finding]:
    if record is None:
        yield _ok("processes", "none were started here")
        return
    left = sorted(name for name, known in record["processes"].items() if processes.alive(known))
    if running:
        yield _ok("processes", f"`ablate up` runs as {record['pid']}, with {', '.join(left)}")
    elif left:
        advice = f"`ablate down --data-dir {record['data_dir']}` ends them"
        yield _fault("processes", f"{', '.join(left)} outlived their `ablate up`", advice)
    else:
        yield _note(
            "processes", "the last `ablate up` did not end in order", "`ablate up` goes on from there"
        )


def _ports(data_dir: Path, running: bool) -> Iterator[Finding]:
    if running:
        return
    taken = {name: port for name, port in kept_ports(data_dir / "ports.json").items() if not is_free(port)}
    if taken:
        listed = ", ".join(f"{port} ({name})" for name, port in taken.items())
        yield _note("ports", f"taken by others: {listed}", "`ablate up` moves them; old links end")
    else:
        yield _ok("ports", "those of this directory are free")


def _ledger(settings: Settings) -> Iterator[Finding]:
    database = settings.data_dir / "ledger.db"
    if settings.database_url == f"sqlite:///{database}" and not database.exists():
        yield _note("ledger", f"there is no {database}", "`ablate up` makes it")
        return
    try:
        check_schema(settings.database_url)
    except ServiceError as error:
        yield _fault("ledger", error.detail, "see the message; `ablate backup` first")
        return
    yield _ok("ledger", "answers, with this program's schema")
    ledger = open_ledger(settings.database_url)
    try:
        with ledger.read() as tx:
            apart = abs(tx.execute(select(db_now())).scalar_one() - time.time())
            stuck = outbox.parked(tx)
            waiting = outbox.waiting(tx)
    finally:
        ledger.close()
    if apart > CLOCK_S:
        yield _fault("clock", f"{apart:.1f} s from the database's", "set both by NTP")
    else:
        yield _ok("clock", f"{apart:.1f} s from the database's")
    if stuck:
        yield _fault(
            "publication", f"{stuck} of {waiting} were tried and failed", "`ablate show ID` has the reason"
        )
    else:
        yield _ok("publication", f"{waiting} waiting, none failed")


def _reachable(settings: Settings) -> Iterator[Finding]:
    ledger = open_ledger(settings.database_url)
    try:
        probes = make_probes(settings, ledger)
        urls = {"ray": settings.ray_dashboard_url, "mlflow": settings.mlflow_url}
        for name, url in urls.items():
            if url is None:
                yield _note(
                    name, "no address is set, and `ablate up` does not run", "nothing, if that is meant"
                )
            else:
                yield _asked(name, url, probes[name])
    finally:
        ledger.close()


def _asked(name: str, url: str, probe: Callable[[], None]) -> Finding:
    try:
        probe()
    except ServiceError as error:
        return _fault(name, error.detail, f"see its log, or start it: {url}")
    return _ok(name, f"answers at {url}")
