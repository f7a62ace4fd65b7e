"""States of unfinished trainings on disk, so that a killed one goes on where it was saved."""

import hashlib
import io
import os
from contextlib import suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import Any

import torch

from trainables.errors import BadCheckpoint
from trainables.training.lease import Lease

EVERY_S = 30.0
DIGEST_BYTES = hashlib.sha256().digest_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """A folder that all workers of a study reach; two files a trial, gone when the trial has ended.

    Files are found by trial and fingerprint: after a change of code, data or settings nothing is resumed.
    A file is a sha256 and what it is of. The one before the newest stays: where the newest is damaged, a
    training goes on from that, and without a good one from the start.
    Trainings that save by themselves do it when `every_s` have passed.
    """

    folder: Path
    every_s: float = EVERY_S

    def save(self, lease: Lease, state: object) -> None:
        """Keep a state of tensors and plain data, all or nothing, on the disk when this returns."""
        newest, before = self._paths(lease)
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = newest.with_name(f".{newest.name}.{os.getpid()}")
        packed = io.BytesIO()
        torch.save(state, packed)
        with partial.open("wb") as file:
            file.write(hashlib.sha256(packed.getbuffer()).digest())
            file.write(packed.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileNotFoundError):  # the first, or another worker was quicker
            newest.replace(before)
        partial.replace(newest)
        _sync(self.folder)

    def load(self, lease: Lease, device: str) -> Any:
        """The newest state that is whole, or None.

        Raises: BadCheckpoint for a state that holds something else than tensors and plain data.
        """
        for path in self._paths(lease):
            packed = _whole(path)
            if packed is None:
                continue
            try:
                # Generators keep their state on the CPU; tensors find their device when they are copied in.
                return torch.load(packed, map_location="cpu", weights_only=True)
            except Exception as error:  # whatever unpickling raises
                raise BadCheckpoint(f"{path.name} cannot be restored on {device}: {error}") from error
        return None

    def drop(self, lease: Lease) -> None:
        """Forget a trial that has ended, with what workers that were killed have left of it."""
        newest, before = self._paths(lease)
        for path in (newest, before, *self.folder.glob(f".{escape(newest.name)}.*")):
            path.unlink(missing_ok=True)

    def _paths(self, lease: Lease) -> tuple[Path, Path]:
        """The newest file and the one before."""
        newest = self.folder / f"{lease.trial_id}-{lease.fingerprint[:16]}.pt"
        return newest, newest.with_name(f"{newest.name}.before")


def _whole(path: Path) -> io.BytesIO | None:
    """What was written to a file, None where it is not there or not as it was written."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    digest, packed = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    return io.BytesIO(packed) if hashlib.sha256(packed).digest() == digest else None


def _sync(folder: Path) -> None:
    """Have the names of its files on the disk too."""
    place = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some file systems sync no folders
            os.fsync(place)
    finally:
        os.close(place)
