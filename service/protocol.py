"""What a driver and the service tell each other: every message on /internal is described here, once.

How a trial ended is `Outcome`, how far it is is `Report`, and what a slot needs to train it is `Lease`:
training code defines them, since it imports nothing from here. All others are defined below.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, Self

from pydantic import Field

from ablations.results.environments import Environment
from trainables.training.lease import Lease, Outcome, Report

PROTOCOL = 1
"""Raised when a driver of one version can no longer work with an API of another."""

LOST_EXIT = 75
"""The exit code of a driver whose attempt ended because what it ran on was lost: it may be tried again."""
MAX_ID_CHARS = 40
Id = Annotated[str, Field(max_length=MAX_ID_CHARS)]


class _Message:
    """A dataclass that travels as an object of its fields."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """The message as it travels."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The message that travelled; fields it does not know are ignored."""
        names = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        return cls(**{name: data[name] for name in names if name in data})


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialToRun(_Message):
    """A trial as a driver gets it, ended ones included."""

    id: str
    arm_id: str
    seed: int
    phase: str
    candidate: int | None
    repeat: int | None
    arm: str
    levels: Mapping[str, Any]
    settings: Mapping[str, Any]
    state: str
    attempts: int
    fingerprint: str | None
    metrics: Mapping[str, float | None] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyToRun(_Message):
    """The study of an attempt. `generation` is how many times all of it was run anew."""

    id: str
    name: str
    project: str
    spec: Mapping[str, Any]
    generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Work(_Message):
    """All an attempt starts from: the study, its trials as planned, and the length of its lease."""

    study: StudyToRun
    trials: tuple[TrialToRun, ...]
    lease_s: float
    protocol: int = PROTOCOL

    def to_json(self) -> dict[str, Any]:
        """The message as it travels."""
        trials = [trial.to_json() for trial in self.trials]
        return {
            "protocol": self.protocol,
            "study": self.study.to_json(),
            "trials": trials,
            "lease_s": self.lease_s,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The message that travelled."""
        return cls(
            study=StudyToRun.from_json(data["study"]),
            trials=tuple(TrialToRun.from_json(trial) for trial in data["trials"]),
            lease_s=data["lease_s"],
            protocol=data["protocol"],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved(_Message):
    """The resolved settings of a planned trial, and what it will run with.

    `metrics` names what a reused trial must have.
    """

    id: Id
    settings: Mapping[str, Any]
    fingerprint: Annotated[str, Field(pattern="^[0-9a-f]{1,64}$")]
    environment: Environment | None = None
    metrics: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The message as it travels."""
        return {
            "id": self.id,
            "settings": self.settings,
            "fingerprint": self.fingerprint,
            "environment": None if self.environment is None else self.environment.to_json(),
            "metrics": list(self.metrics),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A ready trial: its lease as slots receive it, what it runs with, the metrics that a reused one has."""

    lease: Lease
    environment: Environment | None = None
    metrics: tuple[str, ...] = ()

    @property
    def trial_id(self) -> str:
        """The trial."""
        return self.lease.trial_id

    def resolved(self) -> Resolved:
        """What the service is told of it."""
        return Resolved(
            id=self.trial_id,
            settings=self.lease.settings,
            fingerprint=self.lease.fingerprint,
            environment=self.environment,
            metrics=self.metrics,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Running(_Message):
    """How far a running trial is."""

    id: Id
    step: float | None = None
    metrics: Mapping[str, float | None] | None = None

    @classmethod
    def reported(cls, report: Report) -> Self:
        """What a slot reported of a trial; a value that is no finite number is not told."""
        metrics = {name: _finite(value) for name, value in report.metrics.items()}
        return cls(id=report.trial_id, step=_finite(report.step), metrics=metrics)


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How a trial ended, as far as a driver goes on from it."""

    trial_id: str
    state: str
    metrics: Mapping[str, float | None] | None
    reason: str | None = None
    seconds: float | None = None
    reused: bool = False

    @classmethod
    def ended(cls, outcome: Outcome) -> Self:
        """A trial that a slot has ended."""
        return cls(
            trial_id=outcome.trial_id,
            state=outcome.state,
            metrics=outcome.metrics,
            reason=outcome.reason,
            seconds=outcome.seconds,
        )


KEPT = tuple(field.name for field in fields(Outcome) if field.name not in ("trial_id", "state"))
"""What is kept of an outcome, beside which trial it is of and its state: a column of the ledger each."""
COPIED = tuple(name for name in KEPT if name not in ("reason", "traceback"))
"""What a trial takes over from the finished one whose results it reuses."""


def received(data: Mapping[str, Any]) -> Outcome:
    """The outcome that a slot handed in; one that could never be sent on is a failure that says why."""
    outcome = Outcome.from_json(data)
    try:
        json.dumps(outcome.to_json(), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        wrong = {name: value for name, value in outcome.metrics.items() if _finite(value) is None}
        odd = ", ".join(f"{name} is {value}" for name, value in wrong.items() if value is not None)
        return as_failed(outcome, f"the result cannot be recorded: {odd or error}")
    return outcome


def never_ran(trial_id: str, reason: str) -> Outcome:
    """The failure of a trial that no slot has an outcome of."""
    return Outcome(trial_id=trial_id, state="failed", reason=reason, seconds=None, device=None, pack=None)


def as_failed(outcome: Outcome, reason: str) -> Outcome:
    """The same trial's outcome as a failure without numbers."""
    return replace(never_ran(outcome.trial_id, reason), device=outcome.device, pack=outcome.pack)


def _finite(value: Any) -> float | None:
    return value if isinstance(value, int | float) and math.isfinite(value) else None
