"""What cannot be computed again, copied while the system runs, and put back in a checked form.

A backup is a folder: the ledger, MLflow's store and artifacts, users' datasets, ports and secret, and a
digest of every file in `backup.json`. Checkpoints stay behind: after a restore, unfinished trials begin
again. Logs, locks and process records belong to the machine.
"""

import hashlib
import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from service.errors import ServiceError
from service.ledger import migrate

# The ledger first: what it calls published is then in the copy of MLflow; what is not, is published again.
DATABASES = ("ledger.db", "mlflow/mlflow.db")
FOLDERS = ("mlflow/artifacts", "datasets")
FILES = ("secret", "ports.json")
INDEX = "backup.json"


class BackupRefused(ServiceError):
    """A backup that cannot be made or put back as asked."""


def back_up(data_dir: Path, target: Path) -> tuple[str, ...]:
    """Copy a data directory to a new folder, whole or not at all; the files in it.

    Raises: BackupRefused.
    """
    if not (data_dir / DATABASES[0]).is_file():
        raise BackupRefused(f"{data_dir} holds no ledger.db: nothing to back up")
    with _staged(target) as stage:
        for name in DATABASES:
            if (data_dir / name).is_file():
                _copy_database(data_dir / name, stage / name)
        for name in FOLDERS:
            if (data_dir / name).is_dir():
                shutil.copytree(data_dir / name, stage / name)
        for name in FILES:
            if (data_dir / name).is_file():
                shutil.copy2(data_dir / name, stage / name)
        files = _digests(stage)
        (stage / INDEX).write_text(json.dumps({"created_at": time.time(), "files": files}, indent=1))
    return tuple(files)


def restore(source: Path, data_dir: Path) -> tuple[str, ...]:
    """Put a backup back where no data is yet, after checking every file of it; the files in it.

    An older ledger is brought to this program's schema.
    Raises: BackupRefused, naming what is wrong; WrongSchema for a newer ledger. Nothing is then left behind.
    """
    wanted, found = _noted(source), _digests(source)
    if wanted != found:
        broken = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
        raise BackupRefused(f"{source} is not as it was written: {', '.join(broken[:5])}")
    if data_dir.is_dir() and not any(data_dir.iterdir()):
        data_dir.rmdir()
    with _staged(data_dir) as stage:
        shutil.copytree(source, stage, dirs_exist_ok=True, ignore=shutil.ignore_patterns(INDEX))
        if _digests(stage) != wanted:
            raise BackupRefused(f"{source} changed while it was read")
        for name in DATABASES:
            if (stage / name).is_file():
                _check_database(stage / name)
        migrate(f"sqlite:///{stage / DATABASES[0]}")
    return tuple(wanted)


@contextmanager
def _staged(target: Path) -> Iterator[Path]:
    """A folder beside the target that takes its name at the end of the block, or goes."""
    if target.exists():
        raise BackupRefused(
            f"{target} exists already; name a folder that does not, or an empty one to restore to"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    stage = target.with_name(f".{target.name}.{time.time_ns()}")
    stage.mkdir(mode=0o700)
    try:
        yield stage
        stage.rename(target)
    except OSError as error:
        raise BackupRefused(f"{target}: {error}") from error
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _copy_database(source: Path, copy: Path) -> None:
    """SQLite's online backup: one committed state, whoever writes meanwhile."""
    copy.parent.mkdir(parents=True, exist_ok=True)
    with (
        closing(sqlite3.connect(f"{source.as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(copy)) as kept,
    ):
        live.backup(kept)
        # One file, without a log beside it.
        kept.execute("PRAGMA journal_mode=DELETE")
    _check_database(copy)


def _check_database(path: Path) -> None:
    try:
        with closing(sqlite3.connect(path)) as database:
            (verdict,) = database.execute("PRAGMA integrity_check").fetchone()
    except sqlite3.DatabaseError as error:
        verdict = str(error)
    if verdict != "ok":
        raise BackupRefused(f"{path.name} is damaged: {verdict}")


def _noted(source: Path) -> dict[str, str]:
    """The digests that were written with the backup."""
    try:
        return {
            str(name): str(digest)
            for name, digest in json.loads((source / INDEX).read_text())["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupRefused(f"{source} is no backup: its {INDEX} cannot be read ({error})") from None


def _digests(folder: Path) -> dict[str, str]:
    """sha256 of every file but the index, by its path inside the folder."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / INDEX:
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
