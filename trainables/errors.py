"""What can go wrong in training code.

TrainableError
  UnknownTrainable     no trainable of this name        -> 422
  PluginMissing        code named by a manifest cannot be imported here: the trial fails
  DataUnavailable      a dataset is neither here nor to be had: the trial fails
  DataMismatch         data that is not what the trial was planned for: the trial fails
  CodeMismatch         code that is not what the trial was planned with: the trial fails
  PackTooLarge         more trials asked for in one pack than memory holds: the trials fail
  BadCheckpoint        a whole saved state of more than tensors and plain data: the trial fails
  SwapError            a network whose activations cannot be replaced as asked: the trial fails
  CannotBuild          no compiler here, or it refused: activations are computed without their kernel
Stopped                no error: how user code that goes on after a stop is broken off
"""

from collections.abc import Sequence
from typing import Self


class TrainableError(Exception):
    """Anything training code refuses to do."""


class UnknownTrainable(TrainableError):
    """No trainable of this name is in the catalogue."""


class PluginMissing(TrainableError):
    """The code named by a manifest cannot be imported in this process."""


class DataUnavailable(TrainableError):
    """A dataset that is not here and cannot be fetched."""


class DataMismatch(TrainableError):
    """The data on this machine is not what the trial was planned for."""

    @classmethod
    def told(cls, name: str, here: str, planned: str) -> Self:
        """The error for a dataset whose hash is `here` and should be `planned`."""
        return cls(f"data_mismatch: {name} here is {here[:12]}, the trial was planned for {planned[:12]}")


class CodeMismatch(TrainableError):
    """Code on this worker is not what the trial was planned with."""

    @classmethod
    def naming(cls, roles: Sequence[str]) -> Self:
        """What differs, and what to do."""
        return cls(
            f"code_mismatch: {', '.join(roles)} changed after the trial was planned, or differs on this "
            "node; retry plans it anew with the code as it is"
        )


class PackTooLarge(TrainableError):
    """More trials in one pack than this worker's memory holds."""

    @classmethod
    def told(cls, num: int, *, needed: int, free: int) -> Self:
        """The error for so many trials that need so many bytes at least."""
        mib = 2**20
        return cls(
            f"pack_too_large: {num} of these trials need at least {needed // mib} MiB together, a worker "
            f"here has {free // mib} MiB free; ask for a smaller pack, or leave it to auto"
        )


class BadCheckpoint(TrainableError):
    """A saved state that holds something else than tensors and plain data."""


class SwapError(TrainableError):
    """A network whose activations cannot be replaced as asked."""


class CannotBuild(TrainableError):
    """No compiler here, or it refused."""


class Stopped(Exception):
    """Raised inside `run.report` when the trial was told to stop some reports ago and went on."""
