"""Results: what every arm measured on every seed, and a reason for every hole."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float

from ablations.design.design import Design
from ablations.design.reading import Reading
from ablations.design.search import search_of
from ablations.errors import Json
from ablations.results.environments import Environment, Origin
from ablations.results.values import add_readings, read_value

UNENDED = ("planned", "leased", "running")
TELLING = ("done", "diverged", "pruned")
Curve = tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialRecord:
    """One trial as the ledger holds it; `curve` maps a metric to its (step, value) pairs."""

    arm_id: str
    seed: int
    phase: Literal["tuning", "measuring"]
    candidate: int | None
    repeat: int | None
    state: str
    attempts: int
    settings: Mapping[str, Json]
    metrics: Mapping[str, float | None]
    reason: str | None
    curve: Mapping[str, Curve]
    scalars: Json | None
    seconds: float | None
    device: str | None
    environment: Environment | None = None

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "TrialRecord":
        """The record in a row of the ledger; keys that are no fields are passed over."""
        curve, metrics = record.get("curve") or {}, record.get("metrics") or {}
        return cls(
            arm_id=record["arm_id"],
            seed=record["seed"],
            phase=record["phase"],
            candidate=record.get("candidate"),
            repeat=record.get("repeat"),
            state=record["state"],
            attempts=record.get("attempts") or 0,
            settings=record.get("settings") or {},
            metrics={name: _real(value) for name, value in metrics.items()},
            reason=record.get("reason"),
            curve={
                name: tuple((float(step), _real(value)) for step, value in points)
                for name, points in curve.items()
            },
            scalars=record.get("scalars"),
            seconds=record.get("seconds"),
            device=record.get("device"),
            environment=Environment.from_json(record.get("environment")),
        )

    def metrics_with(self, readings: Iterable[Reading]) -> dict[str, float | None]:
        """Its metrics, with what its study reads of its curve and the rates that it counts."""
        return add_readings(readings, self.state, self.metrics, self.curve)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A value that is missing: one metric of a trial, or all of them (`metric` is None)."""

    arm_id: str
    seed: int
    metric: str | None
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Measuring trials as tables, arms by seeds; NaN marks a hole.

    `diverged` trials count as the declared worst value of each metric; `ended` tells the trials that will
    get no other value from those still to come. `origins` names the trials behind every arm: its own,
    and those of the search that its settings come from.
    """

    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    readings: tuple[Reading, ...]
    tables: Mapping[str, Float[np.ndarray, "arms seeds"]]
    diverged: Bool[np.ndarray, "arms seeds"]
    ended: Bool[np.ndarray, "arms seeds"]
    holes: tuple[Hole, ...]
    arm_index: Mapping[str, int]
    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)

    @classmethod
    def build(cls, design: Design, records: Iterable[TrialRecord]) -> "Results":
        """The results of a design so far."""
        arms, seeds = tuple(arm.id for arm in design.arms), tuple(design.seeds)
        tables = {reading.name: np.full((len(arms), len(seeds)), np.nan) for reading in design.readings}
        diverged = np.zeros((len(arms), len(seeds)), dtype=bool)
        ended = np.zeros((len(arms), len(seeds)), dtype=bool)
        records = tuple(records)
        cells = _measured(records)
        holes: list[Hole] = []
        for (row, arm), (column, seed) in product(enumerate(arms), enumerate(seeds)):
            record = cells.get((arm, seed))
            if record is None:
                holes.append(Hole(arm_id=arm, seed=seed, metric=None, state="planned", reason="not run"))
                continue
            diverged[row, column] = record.state == "diverged"
            ended[row, column] = record.state not in UNENDED
            found, missing = _read(record, design.readings)
            holes.extend(missing)
            for name, value in found.items():
                tables[name][row, column] = value
        return cls(
            arms=arms,
            seeds=seeds,
            readings=tuple(design.readings),
            tables=tables,
            diverged=diverged,
            ended=ended,
            holes=tuple(holes),
            arm_index={arm: row for row, arm in enumerate(arms)},
            origins=_origins(design, records),
        )

    def first(self, num_seeds: int) -> "Results":
        """The results of the first seeds only."""
        seeds = self.seeds[:num_seeds]
        return replace(
            self,
            seeds=seeds,
            tables={name: table[:, :num_seeds] for name, table in self.tables.items()},
            diverged=self.diverged[:, :num_seeds],
            ended=self.ended[:, :num_seeds],
            holes=tuple(hole for hole in self.holes if hole.seed in seeds),
            origins={
                arm: tuple(trial for trial in trials if trial.phase == "tuning" or trial.seed in seeds)
                for arm, trials in self.origins.items()
            },
        )

    def blank(self) -> "Results":
        """The same before anything is known: every value is still to come."""
        none = np.zeros_like(self.ended)
        tables = {name: np.full_like(table, np.nan) for name, table in self.tables.items()}
        return replace(self, tables=tables, diverged=none, ended=none, holes=(), origins={})

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all readings, the primary one first."""
        return tuple(reading.name for reading in self.readings)

    def values(self, metric: str) -> Float[np.ndarray, "arms seeds"]:
        """One reading of every trial: holes are NaN, diverged trials its worst value, rates 0 or 1.

        Raises: KeyError for a name that is no reading.
        """
        return self.tables[metric]

    def reading(self, name: str) -> Reading:
        """What is known about a reading.

        Raises: KeyError for a name that is no reading.
        """
        for reading in self.readings:
            if reading.name == name:
                return reading
        raise KeyError(name)


def reads_curves(readings: Iterable[Reading]) -> bool:
    """Whether a reading may stand in curves only: one at a step."""
    return any(isinstance(reading.at, int) for reading in readings)


def _real(value: float | None) -> float | None:
    return None if value is None else float(value)


def _measured(records: Iterable[TrialRecord]) -> dict[tuple[str, int], TrialRecord]:
    return {(record.arm_id, record.seed): record for record in records if record.phase == "measuring"}


def _origins(design: Design, records: Iterable[TrialRecord]) -> dict[str, tuple[Origin, ...]]:
    """The trials with an outcome behind every arm, those of its search first."""
    tuning = design.study.tuning
    groups = {arm.id: search_of(arm, tuning) if tuning is not None else arm.id for arm in design.arms}
    searching: dict[str, list[Origin]] = defaultdict(list)
    measuring: dict[str, list[Origin]] = defaultdict(list)
    for record in records:
        if record.state not in TELLING or record.arm_id not in groups:
            continue
        found = Origin(
            arm_id=record.arm_id, seed=record.seed, phase=record.phase, environment=record.environment
        )
        if record.phase == "tuning":
            searching[groups[record.arm_id]].append(found)
        else:
            measuring[record.arm_id].append(found)
    return {arm: (*searching[group], *measuring[arm]) for arm, group in groups.items()}


def _read(record: TrialRecord, readings: Iterable[Reading]) -> tuple[dict[str, float], list[Hole]]:
    """The values of a trial by reading, and what is missing."""
    if record.state not in ("done", "diverged"):
        return {}, [_hole(record, None, record.reason or record.state)]
    found: dict[str, float] = {}
    missing: list[Hole] = []
    for reading in readings:
        value = read_value(reading, record.state, record.metrics, record.curve)
        if value is None or not np.isfinite(value):
            missing.append(_hole(record, reading.name, f"{record.state} without a finite value"))
        elif reading.scale == "log" and (value < 0 or (value == 0 and reading.goal == "maximize")):
            missing.append(_hole(record, reading.name, f"{value} has no logarithm"))
        else:
            found[reading.name] = float(value)
    return found, missing


def _hole(record: TrialRecord, metric: str | None, reason: str) -> Hole:
    return Hole(arm_id=record.arm_id, seed=record.seed, metric=metric, state=record.state, reason=reason)
