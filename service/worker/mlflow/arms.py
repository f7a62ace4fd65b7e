"""What MLflow is shown of an arm: one run, with means over its seeds and the ends of their intervals.

MLflow's page loads a hundred runs, which are few trials but many arms.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ablations.design.reading import Reading
from ablations.identity import digest
from ablations.results.values import Points, add_readings
from ablations.stats.paired import MIN_SEEDS, paired_t
from service.ledger import Ledger, trials
from service.ledger.studies import StudyRow
from service.ledger.trials import TrialRow
from service.worker.mlflow.runs import KIND, STATUS, STUDY, TRIAL, MlflowRun, params_of
from service.worker.mlflow.tracker import MetricPoint
from service.worker.mlflow.views import BY_LAYER

ARM, PREFIX = "arm", "arm:"
LEVEL = 0.95
FINISHED = ("done", "diverged")
MOST, AT_ONCE = 1000, 16
"""Of a larger study the first so many arms have runs: more can be read in the report."""


def arm_of(key: str) -> str | None:
    """The arm whose run it is, by the tag that says so; None of a trial's, a study's or a superseded run."""
    return key.split(":")[1] if key.startswith(PREFIX) and "." not in key else None


def batches(
    ledger: Ledger,
    study: StudyRow,
    some: Collection[str] | None,
    *,
    setting_names: Iterable[str],
    readings: Sequence[Reading],
) -> Iterator[list[MlflowRun]]:
    """The runs of arms that wait for no further seed, a few at a time, in the order of the study."""
    with ledger.read() as tx:
        ended = list(_ended(trials.measured(tx, study.id, some)))
    names = tuple(setting_names)
    for first in range(0, min(len(ended), MOST), AT_ONCE):
        chosen = ended[first : first + AT_ONCE]
        with ledger.read() as tx:
            ids = [row.id for rows in chosen for row in rows]
            records = {record["id"]: record for record in trials.records(tx, study.id, ids)}
        start_ms = round(study.created_at * 1000)
        runs = [
            run_of_arm(
                rows, records, setting_names=names, readings=readings, start_ms=start_ms + rows[0].position
            )
            for rows in chosen
        ]
        yield [run for run in runs if run is not None]


def _ended(rows: Iterable[TrialRow]) -> Iterator[list[TrialRow]]:
    arms: dict[str, list[TrialRow]] = {}
    for row in rows:
        arms.setdefault(row.arm_id, []).append(row)
    for same in arms.values():
        if all(row.state in STATUS for row in same):
            yield same


def run_of_arm(
    rows: Sequence[TrialRow],
    records: Mapping[str, Mapping[str, Any]],
    *,
    setting_names: Iterable[str],
    readings: Sequence[Reading],
    start_ms: int,
) -> MlflowRun | None:
    """An arm as a run; None if no seed came to an end. Its key changes with what it was computed from.

    Every metric is the mean over seeds at the last step, with `_low` and `_high` (95 %, Student's t) where
    there are two seeds or more; a rate is a share of the seeds. Curves are means over seeds at the steps
    that all have. Learned scalars are `alpha_by_layer` and `beta_by_layer`, whose steps are layers.
    """
    finished = [row for row in rows if row.state in FINISHED]
    if not finished:
        return None
    first = finished[0]
    found = [records[row.id] for row in finished]
    measured = [
        add_readings(readings, row.state, record["metrics"], record["curve"])
        for row, record in zip(finished, found, strict=True)
    ]
    curves = _mean_curves([record["curve"] for record in found])
    last = max((step for points in curves.values() for step in points), default=0)
    rates = {reading.name for reading in readings if reading.kind == "rate"}
    end_ms = round(max(row.finished_at or 0.0 for row in finished) * 1000)
    values = {name: value for name, value in _summaries(measured, rates).items() if name not in curves}
    values["num_seeds"] = float(len(finished))
    by_step = [*((name, points) for name, points in curves.items()), *_by_layer(found)]
    points = [(name, step, value) for name, steps in by_step for step, value in steps.items()]
    points += [(name, last, value) for name, value in values.items()]
    levels = {"seed": f"{len(finished)} of {len(rows)}"}
    key = f"{PREFIX}{first.arm_id}:{digest([first.study_id, [[*point] for point in points]])[:16]}"
    return MlflowRun(
        trial_id=key,
        name=first.arm or "the recipe",
        tags={
            KIND: ARM,
            STUDY: first.study_id,
            TRIAL: key,
            "ablate.arm_id": first.arm_id,
            "mlflow.source.name": "ablate",
            "mlflow.source.type": "JOB",
        },
        params=params_of(first, setting_names) | levels,
        metrics=tuple(
            MetricPoint(key=name, value=value, step=step, timestamp_ms=end_ms) for name, step, value in points
        ),
        artifacts={},
        status="FINISHED",
        start_ms=start_ms,
        end_ms=end_ms,
    )


def _summaries(measured: Sequence[Mapping[str, float | None]], rates: set[str]) -> dict[str, float]:
    """The mean of every metric over the seeds that have it, and the ends of its interval."""
    summaries: dict[str, float] = {}
    for name in dict.fromkeys(name for each in measured for name in each):
        values = np.array([each[name] for each in measured if each.get(name) is not None], dtype=float)
        values = values[np.isfinite(values)]
        if not len(values):
            continue
        summaries[name] = float(values.mean())
        if name not in rates and len(values) >= MIN_SEEDS:
            fit = paired_t(values[None], level=LEVEL)
            summaries |= {f"{name}_low": float(fit.low[0]), f"{name}_high": float(fit.high[0])}
    return {name: value for name, value in summaries.items() if np.isfinite(value)}


def _mean_curves(curves: Sequence[Mapping[str, Points]]) -> dict[str, dict[int, float]]:
    means: dict[str, dict[int, float]] = {}
    for name in dict.fromkeys(name for curve in curves for name in curve):
        each = [_finite(curve.get(name, ())) for curve in curves if name in curve]
        shared = set.intersection(*map(set, each))
        means[name] = {step: sum(points[step] for points in each) / len(each) for step in sorted(shared)}
    return {name: points for name, points in means.items() if points}


def _finite(points: Points) -> dict[int, float]:
    return {
        int(step): float(value)
        for step, value in points
        if step is not None and value is not None and np.isfinite(value)
    }


def _by_layer(records: Sequence[Mapping[str, Any]]) -> Iterable[tuple[str, dict[int, float]]]:
    """The scalars that each layer ended with, where all seeds have as many layers."""
    for name, by_layer in zip(("alpha", "beta"), BY_LAYER, strict=True):
        ends = [record["scalars"][name][-1] for record in records if (record["scalars"] or {}).get(name)]
        layers = [[float(np.mean(layer)) for layer in end] for end in ends]
        if layers and len({len(each) for each in layers}) == 1:
            means = np.mean(layers, axis=0)
            yield (
                by_layer,
                {i + 1: float(value) for i, value in enumerate(means) if np.isfinite(value)},
            )
