"""How often each kind of failure is made good before it counts: ABLATE_* variables with defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from service.errors import BadSettings

MOST = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """What is borne of each kind of failure. An error raised by a trial's own code fails it at once.

    Units: stall_s is seconds; all others are counts.
    """

    max_deaths: int = 3
    """Deaths of a worker's process, or failures outside its own code, that a trial may cause alone in it."""
    max_memory_deaths: int = 3
    """Kills for want of memory of a worker that had the trial alone."""
    max_hangs: int = 2
    """Hangs of a trial alone in its worker."""
    max_losses: int = 20
    """Losses of nodes or workers in a row with nothing gained in between: for a trial, for an attempt, and
    of whole attempts."""
    max_failed_starts: int = 5
    """Workers in a row that die by themselves before their first trial; then the attempt ends."""
    max_fruitless: int = 3
    """Attempts in a row that fail by themselves with no trial ended and no checkpoint saved."""
    stall_s: float = 1800.0
    """How long a worker may say nothing before it counts as hung."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises: BadSettings, naming the variable."""
        values: dict[str, float] = {}
        for field in fields(cls):
            name = _variable(field.name)
            text = environ.get(name)
            if not text:
                continue
            kind = int if field.type is int else float
            try:
                value = kind(text)
            except ValueError:
                raise BadSettings(f"{name} is no {_words(kind)}: {text!r}") from None
            if not 0 < value < MOST:
                raise BadSettings(f"{name} is out of range, 0 to {MOST:g}: {text!r}")
            values[field.name] = value
        return cls(**values)  # type: ignore[arg-type]

    def to_env(self) -> dict[str, str]:
        """The variables that say the same."""
        return {_variable(field.name): str(getattr(self, field.name)) for field in fields(self)}


def _variable(name: str) -> str:
    return f"ABLATE_{name.upper()}"


def _words(kind: type) -> str:
    return "whole number" if kind is int else "number"
