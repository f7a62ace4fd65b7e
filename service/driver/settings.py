"""A driver's settings: all that it reads from its environment, once, and all that it sets there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from service.budgets import Budgets
from service.errors import BadSettings

QUANTUM_S = 60.0
SWITCHES = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",
    "TUNE_GLOBAL_CHECKPOINT_S": "100000",
    "TUNE_MAX_PENDING_TRIALS_PG": "64",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "5",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}
"""Environment of the driver: no logger files, no snapshots (the ledger is the truth), no long waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverSettings:
    """What the service tells a driver's process, and what Tune will tell those of its slots."""

    internal_url: str
    ticket: str
    """It is used up by the first process that asks with it for the job's attempt."""
    datasets_dir: Path
    checkpoints_dir: Path | None
    """Where all studies' unfinished trials are kept, each study's in a folder of its own."""
    quantum_s: float
    environ: Mapping[str, str]
    budgets: Budgets = Budgets()
    num_workers: int = 0
    """How many workers' processes are started and loaded before there are slots."""

    def checkpoints_of(self, study_id: str) -> Path | None:
        """Where a study's unfinished trials are kept."""
        return None if self.checkpoints_dir is None else self.checkpoints_dir / study_id

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises: BadSettings when one is missing or no number."""
        try:
            kept = environ.get("ABLATE_ALL_CHECKPOINTS_DIR")
            return cls(
                internal_url=environ["ABLATE_INTERNAL_URL"],
                ticket=environ["ABLATE_DRIVER_TICKET"],
                datasets_dir=Path(environ["ABLATE_DATASETS_DIR"]),
                checkpoints_dir=Path(kept) if kept else None,
                quantum_s=float(environ.get("ABLATE_QUANTUM_S", QUANTUM_S)),
                budgets=Budgets.from_env(environ),
                num_workers=int(environ.get("ABLATE_STANDBY_WORKERS", 0)),
                environ=dict(environ),
            )
        except KeyError as error:
            raise BadSettings(f"a driver needs the variable {error.args[0]}") from error
        except ValueError as error:
            raise BadSettings(f"ABLATE_QUANTUM_S and ABLATE_STANDBY_WORKERS are numbers: {error}") from error


def enter() -> DriverSettings:
    """Set this process's switches, and read the settings it was started with."""
    os.environ.update(SWITCHES)
    return DriverSettings.from_env(os.environ)
