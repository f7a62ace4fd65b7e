"""Where a study stood when it was judged, in the words that every view of it repeats."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ablations.errors import Json
from ablations.results.results import Results

State = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
LABELS: dict[State, str] = {
    "queued": "Interim",
    "running": "Interim",
    "paused": "Paused",
    "cancelled": "Cancelled",
    "failed": "Failed",
    "done": "",
}
LATER = "Estimates may move; p-values and verdicts come"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A study's state, and how many of its measuring trials have a result on the primary metric.

    `look` is the number of seeds of a declared look whose verdicts stand already, `pilot` that of a pilot
    which has not yet set how many there are in all.
    """

    state: State = "done"
    num_results: int = 0
    num_trials: int = 0
    look: int | None = None
    pilot: int | None = None

    @property
    def label(self) -> str:
        """One word for the head of a report; none where the study is done."""
        return LABELS[self.state]

    @property
    def words(self) -> str:
        """What a reader must know before the numbers; nothing where every trial of a done study counts."""
        have = "has" if self.num_results == 1 else "have"
        counted = f"{self.num_results} of {self.num_trials} trials {have} a result"
        verdicts = f"The verdicts are those of the declared look at {self.look} seeds." if self.look else ""
        if self.pilot and self.state in ("queued", "running", "paused"):
            verdicts = (
                f"This is the pilot of {self.pilot} seeds: differences are shown once it has set their"
                " number, p-values and verdicts at the end only."
            )
        match self.state:
            case "queued":
                return f"The study waits to run: {counted}. {verdicts or f'{LATER} at its end only.'}"
            case "running":
                return f"The study is still running: {counted}. {verdicts or f'{LATER} at its end only.'}"
            case "paused":
                later = f"{LATER} only after it is resumed and has ended."
                return f"The study is paused: {counted}. {verdicts or later}"
            case "cancelled":
                early = verdicts or "It ended before its time, so there are no p-values and no verdicts."
                return f"The study was cancelled: {counted}. {early}"
            case "failed":
                return f"The study failed: {counted}."
        lost = self.num_trials - self.num_results
        return f"The study is done, with {lost} of {self.num_trials} trials without a result." if lost else ""

    def to_json(self) -> dict[str, Json]:
        """The standing as clients read it, words included."""
        return {
            "state": self.state,
            "label": self.label,
            "words": self.words,
            "num_results": self.num_results,
            "num_trials": self.num_trials,
        }


def standing_of(state: State, results: Results, *, look: int | None, pilot: int | None = None) -> Standing:
    """The standing of a study with these results."""
    known = [np.isfinite(results.values(reading.name)) for reading in results.readings[:1]]
    shape = (len(results.arms), len(results.seeds))
    return Standing(
        state=state,
        num_results=int(sum(found.sum() for found in known)),
        num_trials=shape[0] * shape[1],
        look=look,
        pilot=pilot,
    )
