"""Checks of MLflow beside the ledger: each ended trial once, and one summary of an ended study."""

import json
from collections import defaultdict
from collections.abc import Iterator

from service.ledger.tables import ENDED_TRIALS
from tests.promises.found import FoundStudy, Row, ShownRun

STATUS = {
    "done": "FINISHED",
    "diverged": "FINISHED",
    "pruned": "FINISHED",
    "failed": "FAILED",
    "cancelled": "KILLED",
}


def check_published(one: FoundStudy) -> Iterator[str]:
    """MLflow shows what the ledger has."""
    found = list(one.experiments)
    if len(found) != 1:
        yield f"mlflow: {len(found)} experiments"
        return
    if one.study["experiment_id"] != found[0]:
        yield f"mlflow: the ledger knows experiment {one.study['experiment_id']}, it is {found[0]}"
    runs: dict[str, list[ShownRun]] = defaultdict(list)
    for run in one.experiments[found[0]]:
        runs[run.tags.get("ablate.trial_id", "")].append(run)
    for key, same in runs.items():
        if len(same) > 1:
            yield f"mlflow: {len(same)} runs of {key[:6]}"
    yield from _summary(one, runs.pop(one.id, []))
    for trial in one.trials:
        yield from _trial(one, trial, runs.pop(trial["id"], []))
    yield from _arms(one, {key: runs.pop(key) for key in list(runs) if key.startswith("arm:")})
    if runs:
        yield f"mlflow: runs of nobody: {sorted(runs)}"


def _arms(one: FoundStudy, runs: dict[str, list[ShownRun]]) -> Iterator[str]:
    """Every arm that has ended has one run, of all its seeds that came to an end."""
    states: dict[str, list[str]] = defaultdict(list)
    for trial in one.trials:
        if trial["phase"] == "measuring":
            states[trial["arm_id"]].append(trial["state"])
    found: dict[str, list[float]] = defaultdict(list)
    for key, same in runs.items():
        for run in same:
            found[key.split(":")[1]] += [value for name, _, value in run.points if name == "num_seeds"]
    for arm_id, told in states.items():
        num_finished = sum(state in ("done", "diverged") for state in told)
        ended = all(state in ENDED_TRIALS for state in told)
        if ended and found.pop(arm_id, []) != [float(num_finished)] * bool(num_finished):
            yield f"mlflow: arm {arm_id[:6]} has not one run of {num_finished} seeds"
    if one.study["published_at"] is not None and set(found) - set(states):
        yield f"mlflow: runs of arms of nobody: {sorted(found)}"


def _summary(one: FoundStudy, summaries: list[ShownRun]) -> Iterator[str]:
    """The one summary is that of the last build."""
    if one.state == "paused":
        return
    if one.study["published_at"] is None:
        yield "mlflow: the study is not published"
    if [run.status for run in summaries] != ["FINISHED"]:
        yield f"mlflow: summaries are {[run.status for run in summaries]}"
    effects = one.answer.effects if one.answer is not None else None
    if any(run.effects != effects for run in summaries):
        yield "mlflow: the summary is not that of the last build"


def _trial(one: FoundStudy, trial: Row, runs: list[ShownRun]) -> Iterator[str]:
    never_begun = trial["state"] == "cancelled" and one.state == "cancelled" and not runs
    if trial["state"] not in ENDED_TRIALS or never_begun:
        return
    if not runs:
        yield f"mlflow: no run of {trial['id'][:6]}, which is {trial['state']}"
    for run in runs:
        yield from _run(trial, run)


def _run(trial: Row, run: ShownRun) -> Iterator[str]:
    """One run beside its trial."""
    name = trial["id"][:6]
    if trial["mlflow_run_id"] != run.run_id:
        yield f"mlflow: the ledger knows run {trial['mlflow_run_id']} of {name}, it is {run.run_id}"
    if run.status != STATUS[trial["state"]]:
        yield f"mlflow: {name} is {trial['state']} and its run {run.status}"
    if run.tags.get("ablate.state") != trial["state"]:
        yield f"mlflow: {name} is {trial['state']} and its tag says {run.tags.get('ablate.state')}"
    if (run.tags.get("ablate.reason") or None) != (trial["reason"] or None):
        yield f"mlflow: {name} has the reason {trial['reason']!r}, its run {run.tags.get('ablate.reason')!r}"
    for setting, value in trial["settings"].items():
        if run.params.get(setting) != (value if isinstance(value, str) else json.dumps(value)):
            yield f"mlflow: {name} has {setting}={value!r}, its run {run.params.get(setting)!r}"
    wanted = _points(trial)
    if trial["state"] != "failed" and run.points != wanted:
        more, fewer = sorted(run.points - wanted), sorted(wanted - run.points)
        yield f"mlflow: of {name} there are points {more[:5]} too many and {fewer[:5]} too few"


def _points(trial: Row) -> set[tuple[str, int, float]]:
    curve = trial["curve"] or {}
    points = {
        (key, int(step), float(value))
        for key, told in curve.items()
        for step, value in told
        if value is not None
    }
    last = max((step for _, step, _ in points), default=0)
    once = {key: value for key, value in (trial["metrics"] or {}).items() if key not in curve}
    return points | {(key, last, float(value)) for key, value in once.items() if value is not None}
