"""What passes between those who hand out trials and those who train them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from traceback import format_exception, format_tb
from typing import Any, Literal, Protocol, Self

from ablations.errors import Json

REASON_CHARS, TRACEBACK_CHARS = 1_000, 20_000
State = Literal["done", "diverged", "failed", "pruned", "cancelled"]
# A point at which the test split is read beside the end: an epoch, or the epoch of the best validation.
Reading = int | float | Literal["best_validation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One trial to train: resolved settings, seed, and what its data, by name, and code, by role, hash to.

    `readings` are the declared points, beside the end, at which the test split is scored: the metrics
    read there are named `test_accuracy/5`, `test_accuracy/best_validation`. Without `tests` the trial is
    part of a search, and the test split is not looked at.
    """

    trial_id: str
    settings: Mapping[str, Json]
    seed: int
    fingerprint: str = ""
    data: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, str] = field(default_factory=dict)
    readings: tuple[Reading, ...] = ()
    tests: bool = True

    def to_json(self) -> dict[str, Json]:
        """The lease as it travels."""
        return {
            **asdict(self),
            "settings": dict(self.settings),
            "data": dict(self.data),
            "code": dict(self.code),
            "readings": list(self.readings),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """The lease that travelled; fields it does not know are ignored."""
        known: dict[str, Any] = {name: data[name] for name in cls.__slots__ if name in data}
        return cls(**{**known, "readings": tuple(known.get("readings") or ())})


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far one trial is: its step and its newest curve values."""

    trial_id: str
    step: float
    metrics: Mapping[str, float | None]

    def to_json(self) -> dict[str, Json]:
        """The report as it travels."""
        return {"trial_id": self.trial_id, "step": self.step, "metrics": dict(self.metrics)}

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """The report that travelled."""
        return cls(**data)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a trial ended, with everything that is kept of it.

    `curve` maps a metric to its (step, value) points, None where a value was not finite. `scalars` holds
    learned alpha and beta, one list of layers for each of `steps`. `pack` is the number of trials that
    trained beside it, itself included. Of a trial that no worker has trained there are no seconds, device
    and pack. Units: seconds are its share of the worker's time.
    """

    trial_id: str
    state: State
    metrics: Mapping[str, float | None] = field(default_factory=dict)
    curve: Mapping[str, Sequence[tuple[float, float | None]]] = field(default_factory=dict)
    # JSON; its type is recursive, which the check of what arrives at the service cannot follow.
    scalars: Any = None
    reason: str | None = None
    traceback: str | None = None
    seconds: float | None = 0.0
    device: str | None = "cpu"
    pack: int | None = 1

    def to_json(self) -> dict[str, Json]:
        """The outcome as it travels and as the ledger keeps it."""
        curve: dict[str, Json] = {
            name: [[step, value] for step, value in points] for name, points in self.curve.items()
        }
        values: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "metrics": dict(self.metrics), "curve": curve}

    @classmethod
    def failed(cls, lease: "Lease", error: BaseException, *, device: str, seconds: float = 0.0) -> Self:
        """The outcome of a trial that raised, with its traceback."""
        return cls(
            trial_id=lease.trial_id,
            state="failed",
            reason=shortened(f"{_named(error)}: {_words(error)}", REASON_CHARS),
            traceback=shortened(_trace(error), TRACEBACK_CHARS),
            device=device,
            seconds=seconds,
        )

    @classmethod
    def from_json(cls, data: Mapping[str, Json]) -> Self:
        """The outcome that travelled."""
        known: dict[str, Any] = {name: data[name] for name in cls.__slots__ if name in data}
        curve = {
            name: tuple((step, value) for step, value in points)
            for name, points in (known.get("curve") or {}).items()
        }
        return cls(**{**known, "curve": curve})


def shortened(text: str, most: int) -> str:
    """The beginning and the end of a text that is longer than anybody reads."""
    if len(text) <= most:
        return text
    return f"{text[: most // 2]} [{len(text) - most} characters left out] {text[-(most // 2) :]}"


def _named(error: BaseException) -> str:
    """Its class by the name it was given, whatever that says of itself."""
    return str.__str__(vars(type)["__name__"].__get__(type(error)))


def _words(error: BaseException) -> str:
    try:
        return str.__str__(str(error))  # plain text, where the exception's own is not
    except BaseException as worse:  # an exception's text is user code too
        return f"(its text cannot be had: {_named(worse)})"


def _trace(error: BaseException) -> str:
    try:
        return "".join(format_exception(error))
    except BaseException:
        return "".join(format_tb(vars(BaseException)["__traceback__"].__get__(error)))


class Source(Protocol):
    """Where trials come from and where their ends go."""

    def draw(self, room: int) -> Sequence[Lease]:
        """Up to `room` trials; empty when nothing is left or the time is up."""
        ...

    def report(self, reports: Sequence[Report]) -> Mapping[str, str]:
        """Tell how far trials are; the answer names those that must stop: "pruned" or "cancelled"."""
        ...

    def commit(self, outcomes: Sequence[Outcome]) -> None:
        """Hand in ended trials."""
        ...
