"""States of unfinished trainings on disk, so that a killed one goes on where it was saved."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trainables.errors import BadCheckpoint
from trainables.training.lease import Lease

EVERY_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoints:
    """A folder that all workers of a study reach; a file a trial, gone when the trial has ended.

    A file is found by trial and fingerprint: after a change of code, data or settings nothing is resumed.
    Trainings that save by themselves do it when `every_s` have passed.
    """

    folder: Path
    every_s: float = EVERY_S

    def save(self, lease: Lease, state: object) -> None:
        """Keep a state of tensors and plain data, all or nothing."""
        path = self._path(lease)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        torch.save(state, partial)
        partial.replace(path)

    def load(self, lease: Lease, device: str) -> Any:
        """The state last kept, or None.

        Raises: BadCheckpoint for a file that holds something else than tensors and plain data.
        """
        path = self._path(lease)
        if not path.exists():
            return None
        try:
            # Generators keep their state on the CPU; tensors find their device when they are copied in.
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever unpickling raises
            raise BadCheckpoint(f"{path.name} cannot be restored on {device}: {error}") from error

    def drop(self, lease: Lease) -> None:
        """Forget a trial that has ended."""
        self._path(lease).unlink(missing_ok=True)

    def _path(self, lease: Lease) -> Path:
        return self.folder / f"{lease.trial_id}-{lease.fingerprint[:16]}.pt"
