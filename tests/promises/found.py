"""What was found after a run: plain values of ledger and MLflow, and what users had been told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ablations.results.results import TrialRecord

Row = Mapping[str, Any]


@dataclass(slots=True)
class Ask:
    """One request about a study, and how it was answered, if it was."""

    study_id: str
    verb: str
    key: str | None = None
    status: int | None = None


@dataclass(slots=True)
class Promises:
    """What the service has answered to users, as these remember it."""

    study_ids: list[str] = field(default_factory=list)
    by_key: dict[str, set[str]] = field(default_factory=dict)
    """The studies answered to each key under which one was to be made."""
    asks: list[Ask] = field(default_factory=list)
    done: dict[str, tuple[int, Any]] = field(default_factory=dict)
    """Attempts and metrics of a trial when it was shown as done for the first time."""

    def makes(self, key: str) -> None:
        """A request is to make one study under this key."""
        self.by_key.setdefault(key, set())

    def accepted(self, study_id: str, key: str) -> None:
        """A study was accepted."""
        if study_id not in self.study_ids:
            self.study_ids.append(study_id)
        self.by_key.setdefault(key, set()).add(study_id)

    def ask(self, study_id: str, verb: str, key: str | None = None) -> Ask:
        """A request is sent."""
        self.asks.append(Ask(study_id, verb, key))
        return self.asks[-1]

    def answered(self, ask: Ask, status: int) -> None:
        """Its answer came."""
        ask.status = status

    def shown(self, trial: Row) -> None:
        """A user was shown this trial as done."""
        self.done.setdefault(trial["id"], (trial["attempts"], trial["metrics"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRun:
    """A run as MLflow has it; points are (key, step, value)."""

    run_id: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    points: frozenset[tuple[str, int, float]]
    status: str
    end_ms: int | None
    effects: Any = None
    """What a summary run holds as effects.json."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The last build of a study's report: its effects, and the report in each of its formats."""

    interim: bool
    effects: Any
    reports: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundStudy:
    """One study with all that belongs to it."""

    study: Row
    trials: Sequence[Row]
    attempts: Sequence[Row]
    events: Sequence[Row]
    records: Sequence[TrialRecord]
    """The trials once more, as a report is built of them."""
    answer: Answer | None
    experiments: Mapping[str, Sequence[ShownRun]]
    """All of MLflow's experiments with the tag of this study, and their runs."""

    @property
    def id(self) -> str:
        """The study's id."""
        return str(self.study["id"])

    @property
    def state(self) -> str:
        """The study's state."""
        return str(self.study["state"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """All studies, and which of them each key stands for."""

    studies: Sequence[FoundStudy]
    by_key: Mapping[str, str]
    began: Sequence[tuple[str, int, str]] = ()
    """Study, attempt and trial of every time that a worker began a trial, where that is known."""
