"""Checks of what happened: events, attempts and their results, in the order in which they were told."""

import math
from collections.abc import Iterator, Mapping, Sequence

from service.ledger.tables import ENDED_TRIALS, OPEN_TRIALS
from tests.promises.found import FoundStudy, Row

STEPS: Mapping[str, set[str]] = {
    "planned": {"leased", "done", "failed", "planned"},
    "leased": {"running", "planned", *ENDED_TRIALS},
    "running": {"planned", *ENDED_TRIALS},
    "failed": {"planned"},
}
"""Which states may follow which, as events tell them; a cancelled study ends its trials without a word."""
LIVE_ATTEMPTS = ("submitted", "running")


class History:
    """The states of a study, its trials and its attempts, event by event."""

    def __init__(self, one: FoundStudy) -> None:
        self._one = one
        self.states: dict[str, str] = dict.fromkeys((trial["id"] for trial in one.trials), "planned")
        self.leases = dict.fromkeys(self.states, 0)
        self.study_state: str | None = None
        self._live: int | None = None

    def follow(self) -> Iterator[str]:
        """Take every event in and say what could not follow on what was before."""
        for place, event in enumerate(self._one.events):
            data = event["data"]
            if event["kind"] == "trial":
                yield from self._trial(event, _retries(self._one.events[place:]))
            elif event["kind"] == "superseded":
                self.states = dict.fromkeys(self.states, "planned")
                self.leases = dict.fromkeys(self.leases, 0)
            elif event["kind"] == "study":
                self.study_state = data["state"]
                if self.study_state == "cancelled":
                    self.states = {i: "cancelled" if s in OPEN_TRIALS else s for i, s in self.states.items()}
            elif event["kind"] == "attempt":
                yield from self._attempt(data)

    def _trial(self, event: Row, retries: bool) -> Iterator[str]:
        trial_id, now = event["data"]["trial"], event["data"]["state"]
        was, name = self.states.get(trial_id), trial_id[:6]
        if now not in STEPS.get(str(was), set()):
            yield f"trial: {name} went from {was} to {now} at event {event['seq']}"
        if was == "failed" and not retries:
            yield f"trial: {name} failed and is planned again though nobody retried it"
        if now == "leased":
            self.leases[trial_id] = self.leases.get(trial_id, 0) + 1
            if self._live is None:
                yield f"trial: {name} is leased while no attempt is live"
            if self.study_state not in ("queued", "running"):
                yield f"trial: {name} is leased while the study is {self.study_state}"
        self.states[trial_id] = now

    def _attempt(self, data: Row) -> Iterator[str]:
        number, state = data["number"], data["state"]
        if state == "pending":
            if self._live is not None:
                yield f"attempt: {number} begins while {self._live} is live"
            self._live = number
        elif number != self._live:
            yield f"attempt: {number} is {state} while {self._live} is live"
        elif state not in LIVE_ATTEMPTS:
            self._live = None


def check_events(one: FoundStudy) -> Iterator[str]:
    """Numbered without gaps, never backwards, and telling how everything came to be as it is."""
    numbers = [event["seq"] for event in one.events]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"events: numbers are {numbers}"
    if one.study["seq"] != len(numbers):
        yield f"events: there are {len(numbers)}, the study says {one.study['seq']}"
    history = History(one)
    yield from history.follow()
    if history.study_state != one.state:
        yield f"events: the last says {history.study_state}, the study is {one.state}"
    for trial in one.trials:
        name, state, leases = trial["id"][:6], history.states[trial["id"]], history.leases[trial["id"]]
        if state != trial["state"]:
            yield f"trial: {name} is {trial['state']}, its events say {state}"
        if leases != trial["attempts"]:
            yield f"trial: {name} counts {trial['attempts']} leases, not {leases}"


def _retries(later: Sequence[Row]) -> bool:
    """Whether what happens to trials here is part of a retry: the study's own event follows them at once."""
    other = next((event for event in later if event["kind"] != "trial"), None)
    return other is not None and other["kind"] == "study" and "retried" in other["data"]


def check_attempts(one: FoundStudy) -> Iterator[str]:
    """Numbered, one at a time, and each result written by an attempt that was live then."""
    numbers = [attempt["number"] for attempt in one.attempts]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"attempt: numbers are {numbers}"
    spans = _spans(one)
    for trial in one.trials:
        if trial["attempt"] is None or trial["state"] not in ENDED_TRIALS or _written_without(trial):
            continue
        at = _ended_at(one, trial["id"])
        first, last = spans.get(trial["attempt"], (0, 0))
        if at is not None and not first < at < last:
            name, number = trial["id"][:6], trial["attempt"]
            yield f"fence: {name} ended at event {at} by attempt {number}, live {first} to {last}"


def _written_without(trial: Row) -> bool:
    """Whether a trial's end needed no live attempt: the study was cancelled or given up."""
    given_up = trial["state"] == "failed" and (trial["reason"] or "").startswith("attempts_failed")
    return given_up or trial["state"] == "cancelled"


def _spans(one: FoundStudy) -> dict[int, tuple[int, float]]:
    """From which event to which each attempt was live."""
    spans: dict[int, tuple[int, float]] = {}
    for event in one.events:
        if event["kind"] == "attempt":
            number, state = event["data"]["number"], event["data"]["state"]
            if state == "pending":
                spans[number] = (event["seq"], math.inf)
            elif state not in LIVE_ATTEMPTS:
                spans[number] = (spans.get(number, (0, 0))[0], event["seq"])
    return spans


def _ended_at(one: FoundStudy, trial_id: str) -> int | None:
    """The number of the event that told a trial's last end."""
    told = (event for event in one.events if event["kind"] == "trial" and event["data"]["trial"] == trial_id)
    return max((event["seq"] for event in told if event["data"]["state"] in ENDED_TRIALS), default=None)


def check_again(one: FoundStudy, began: Sequence[tuple[int, str]]) -> Iterator[str]:
    """No attempt that began when a trial had ended runs it, unless it was planned again meanwhile."""
    spans = _spans(one)
    for attempt, trial_id in began:
        first, last = spans.get(attempt, (0, 0))
        state = "planned"
        for event in one.events:
            data = event["data"]
            if event["kind"] == "superseded":
                state = "planned"
            elif event["kind"] == "trial" and data["trial"] == trial_id:
                if event["seq"] < first or data["state"] == "planned":
                    state = data["state"]
            if event["seq"] > last:
                break
        if state in ENDED_TRIALS:
            yield f"again: {trial_id[:6]} was {state} and attempt {attempt} ran it"
