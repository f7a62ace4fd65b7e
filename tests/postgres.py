"""A private PostgreSQL cluster on a free loopback port, for tests."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_PLACES = ("/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin")


def find_binaries() -> Path | None:
    """The folder with initdb and pg_ctl, or none."""
    for place in (*_PLACES, *os.environ.get("PATH", "").split(os.pathsep)):
        if (Path(place) / "initdb").exists() and (Path(place) / "pg_ctl").exists():
            return Path(place)
    return None


@contextmanager
def postgres(binaries: Path, password: str | None = None) -> Iterator[str]:
    """Start a cluster, give the URL of its `postgres` database, stop and remove it.

    Its superuser is `ablate` and nobody is asked for a password; or, with one, `postgres`, and everybody is.
    """
    user = _ordinary_user()
    # A short path of its own: the server's socket lives in it, and the user must be able to enter.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    data, port = folder / "data", _free_port()
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        (folder / "password").write_text(password or "")
        name, trust = (
            ("ablate", ["-A", "trust"]) if password is None else ("postgres", ["-A", "scram-sha-256"])
        )
        if password is not None:
            trust.append(f"--pwfile={folder / 'password'}")
        _run(user, binaries / "initdb", "-D", data, "-U", name, *trust, "-E", "UTF8", "--no-sync")
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_connections=100"
        _run(user, binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
        try:
            yield f"postgresql://{name}@127.0.0.1:{port}/postgres"
        finally:
            _run(user, binaries / "pg_ctl", "-D", data, "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _ordinary_user() -> pwd.struct_passwd | None:
    """Whom to become: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise LookupError("neither user postgres nor nobody exists")


def _run(user: pwd.struct_passwd | None, *command: object) -> None:
    words = [str(word) for word in command]
    ids = {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    # No pipes: the server would inherit and hold them open.
    with tempfile.TemporaryFile() as output:
        code = subprocess.run(words, cwd="/", stdout=output, stderr=output, timeout=60, **ids).returncode
        output.seek(0)
        assert code == 0, output.read().decode()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
