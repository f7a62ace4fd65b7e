"""Checks of what there is in the end: every trial's result, every study's state, the last report."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from service.ledger.tables import ENDED_TRIALS, OPEN_TRIALS
from tests.promises.found import FoundStudy

Expected = Callable[[Mapping[str, Any], int], tuple[str, float | None] | None]
"""How a trial of these settings and this seed ends, and what it measures, if nothing keeps it from it; None
where that is not known."""
MEASURED = ("done", "diverged", "pruned")


def check_ended(one: FoundStudy) -> Iterator[str]:
    """Every trial has ended, or waits for a reason that users know; and so has the study."""
    open_trials = [trial for trial in one.trials if trial["state"] in OPEN_TRIALS]
    if len(one.trials) != one.study["num_trials"]:
        yield f"trial: there are {len(one.trials)}, the study says {one.study['num_trials']}"
    if one.study["arriving_until"] is not None:
        yield "study: it never arrived"
    if one.state == "paused":
        for trial in open_trials:
            if trial["state"] != "planned":
                yield f"trial: {trial['id'][:6]} is {trial['state']} in a paused study"
    elif open_trials:
        yield f"trial: {len(open_trials)} are open in a study that is {one.state}"
    measured = any(t["phase"] == "measuring" and t["state"] in ("done", "diverged") for t in one.trials)
    if one.state == "done" and not measured:
        yield "study: it is done and nothing was measured"
    if one.state == "failed" and (measured or not one.study["error"]):
        yield f"study: it is failed, measured: {measured}, error: {one.study['error']}"
    for attempt in one.attempts:
        if attempt["finished_at"] is None:
            yield f"attempt: {attempt['number']} is still live"
    for trial in one.trials:
        if trial["state"] in ("failed", "cancelled") and not trial["reason"]:
            yield f"trial: {trial['id'][:6]} is {trial['state']} without a reason"
        if trial["state"] in ENDED_TRIALS and trial["finished_at"] is None:
            yield f"trial: {trial['id'][:6]} ended at no time"


def check_results(one: FoundStudy, expected: Expected) -> Iterator[str]:
    """A trial with a result has the right one, and its own."""
    for trial in one.trials:
        if trial["state"] in MEASURED:
            wanted = expected(trial["settings"], trial["seed"])
            found = trial["state"], (trial["metrics"] or {}).get("test_accuracy")
            if wanted is not None and found != wanted:
                yield f"result: {trial['id'][:6]} is {found[0]} {found[1]}, not {wanted[0]} {wanted[1]}"


def check_answer(one: FoundStudy, answers: Callable[[FoundStudy], Iterator[str]]) -> Iterator[str]:
    """The last build of an ended study is final, and `answers` finds nothing wrong with what it says."""
    if one.state == "paused":
        return
    if one.answer is None or one.answer.interim:
        yield f"build: an ended study has {'no' if one.answer is None else 'an interim'} report"
    else:
        if not one.answer.reports:
            yield "build: an ended study has effects and no report"
        yield from answers(one)
