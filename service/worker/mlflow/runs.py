"""What MLflow is shown of a trial, from the ledger alone: name, tags, params, metrics, artifacts."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ablations.design.reading import Reading
from ablations.results.values import Points, add_readings
from service.ledger.trials import TrialRow
from service.worker.mlflow.tracker import MetricPoint, as_json

STATUS = {
    "done": "FINISHED",
    "diverged": "FINISHED",
    "pruned": "FINISHED",
    "failed": "FAILED",
    "cancelled": "KILLED",
}
ABSENT = "-"
KIND, STUDY, TRIAL = "ablate.kind", "ablate.study_id", "ablate.trial_id"
STATE, REASON = "ablate.state", "ablate.reason"
NOTE = "mlflow.note.content"


@dataclass(frozen=True, slots=True, kw_only=True)
class MlflowRun:
    """One run, ready to be sent. Times are milliseconds since 1970 and never change for an ended trial."""

    trial_id: str
    name: str
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: tuple[MetricPoint, ...]
    artifacts: Mapping[str, bytes]
    status: str
    start_ms: int
    end_ms: int


def run_of(
    row: TrialRow,
    record: Mapping[str, Any],
    *,
    setting_names: Iterable[str],
    readings: Iterable[Reading] = (),
) -> MlflowRun:
    """A trial as a run. `setting_names` are all that the trainable knows: the same keys in every run.

    `readings` are what the study reads: rates, and values at a step, are metrics of the run too.
    """
    ended = row.finished_at or row.leased_at or 0.0
    began = max(0.0, ended - (row.seconds or 0.0))
    start_ms, end_ms = round(began * 1000), round(ended * 1000)
    measured = add_readings(readings, row.state, record["metrics"], record["curve"])
    artifacts = {"curve.json": as_json(record["curve"])} if record["curve"] else {}
    if record["scalars"]:
        artifacts["scalars.json"] = as_json(record["scalars"])
    return MlflowRun(
        trial_id=row.id,
        name=f"{row.arm} seed={row.seed}" if row.arm else f"{row.id} seed={row.seed}",
        tags=_tags(row) | _commits(record),
        params=params_of(row, setting_names),
        metrics=tuple(_metrics(record["curve"], measured, start_ms, end_ms)),
        artifacts=artifacts,
        status=STATUS[row.state],
        start_ms=start_ms,
        end_ms=end_ms,
    )


def superseded_tags(trial_id: str, generation: int) -> dict[str, str]:
    """What marks a run whose trial runs anew: no view shows it, and it is not found as the trial's run."""
    return {
        KIND: "superseded",
        TRIAL: f"{trial_id}.{generation}",
        NOTE: "Superseded: all trials of the study were run anew after this one.",
    }


def _tags(row: TrialRow) -> dict[str, str]:
    tags = {
        KIND: "tuning" if row.phase == "tuning" else "trial",
        STUDY: row.study_id,
        TRIAL: row.id,
        "ablate.arm_id": row.arm_id,
        "ablate.factors": json.dumps(dict(row.levels)),
        STATE: row.state,
        "ablate.device": row.device,
        "ablate.fingerprint": row.fingerprint,
        REASON: row.reason,
        "ablate.reused_from": row.reused_from,
        "mlflow.source.name": "ablate",
        "mlflow.source.type": "JOB",
    }
    return {name: str(value) for name, value in tags.items() if value}


def _commits(record: Mapping[str, Any]) -> dict[str, str]:
    """The commits of a trial's code, where it is in repositories, and whether each was clean."""
    commits = (record.get("environment") or {}).get("commits") or {}
    tags = {f"ablate.commit.{part.removeprefix('code:')}": said for part, said in commits.items()}
    own = next((said for part, said in commits.items() if part.startswith("code:trainable:")), None)
    return tags | ({"mlflow.source.git.commit": own.split()[0]} if own else {})


def params_of(row: TrialRow, setting_names: Iterable[str]) -> dict[str, str]:
    """Levels and settings of a trial; the same keys in every run of a study."""
    params = dict.fromkeys(setting_names, ABSENT)
    params |= {name: _shown(value) for name, value in row.levels.items()}
    params |= {name: _shown(value) for name, value in row.settings.items()}
    return params | {"arm": row.arm or ABSENT, "seed": str(row.seed)}


def _metrics(
    curve: Mapping[str, Points], measured: Mapping[str, Any], start_ms: int, end_ms: int
) -> Iterable[MetricPoint]:
    """Curves by step, then what was measured once at the last step; what is not finite is left out."""
    last = max((step for points in curve.values() for step, _ in points if step is not None), default=0)
    for name, points in curve.items():
        for step, value in points:
            if step is not None and value is not None and _finite(value):
                share = step / last if last else 1.0
                at = round(start_ms + (end_ms - start_ms) * min(1.0, max(0.0, share)))
                yield MetricPoint(key=name, value=float(value), step=int(step), timestamp_ms=at)
    for name, value in measured.items():
        if name not in curve and _finite(value):
            yield MetricPoint(key=name, value=float(value), step=int(last), timestamp_ms=end_ms)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value)
