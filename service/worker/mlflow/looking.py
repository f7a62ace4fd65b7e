"""What MLflow has of a study that it should not: requests that came late, or twice, leave traces."""

from collections.abc import Mapping, Sequence

from service.ledger.trials import End
from service.worker.mlflow.runs import REASON, STATE, STATUS
from service.worker.mlflow.tracker import TrackedRun

RUNNING = "RUNNING"


def one_of_each(
    found: Mapping[str, Sequence[TrackedRun]], mine: Mapping[str, str]
) -> tuple[dict[str, TrackedRun], list[tuple[str, str]]]:
    """The run of each trial, arm and study, and key and id of those beside it. `mine` are those known of."""
    kept: dict[str, TrackedRun] = {}
    extra: list[tuple[str, str]] = []
    for key, runs in found.items():
        # One that nobody has sent anything since it was made still runs.
        kept[key] = min(runs, key=lambda run: (run.run_id != mine.get(key), run.status == RUNNING))
        extra += [(key, run.run_id) for run in runs if run is not kept[key]]
    return kept, extra


def out_of_date(runs: Mapping[str, TrackedRun], ends: Mapping[str, End]) -> list[str]:
    """Trials whose runs do not say how they ended."""
    return [trial_id for trial_id, end in ends.items() if trial_id in runs and not _says(runs[trial_id], end)]


def _says(run: TrackedRun, end: End) -> bool:
    shown = run.status, run.end_ms, run.tags.get(STATE)
    reason = run.tags.get(REASON, "")
    # MLflow keeps the beginning of a long one.
    return shown == (STATUS[end.state], round(end.at * 1000), end.state) and (
        (end.reason or "").startswith(reason) if reason else not end.reason
    )
