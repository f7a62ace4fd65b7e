"""A small disk of its own for a data directory, and how it is filled."""

import errno
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SIZE = "160m"
FILLER = ".filler"


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Mount a disk in memory there. Raises: CalledProcessError where mounting is not allowed."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ("mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder))
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(folder)), check=True, capture_output=True)


def may_mount() -> bool:
    """Whether this user may mount a disk here."""
    probe = Path("/tmp") / f"chaos-mount-{os.getpid()}"
    try:
        with small_disk(probe):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False
    finally:
        probe.rmdir()


def fill(folder: Path, for_s: float) -> None:
    """No room is left on the folder's disk for so long."""
    filler = folder / FILLER
    deadline = time.monotonic() + for_s
    try:
        with filler.open("ab", buffering=0) as file:
            while time.monotonic() < deadline:
                # What others give back meanwhile is taken as well.
                _take_all(file.fileno())
                time.sleep(0.2)
    finally:
        filler.unlink(missing_ok=True)


def _take_all(file: int) -> None:
    for size in (1 << 20, 4096):
        block = bytes(size)
        try:
            while True:
                os.write(file, block)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
