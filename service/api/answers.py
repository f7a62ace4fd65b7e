"""Ledger rows as answers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

from ablations.design.reading import Reading, read_readings
from ablations.effects.wording import verdicts_text
from ablations.errors import Problems
from ablations.results.failures import classify
from ablations.results.values import Points, add_readings
from ablations.study.parsing import parse_study
from service.ledger import Tx, attempts, builds, counts, outbox, studies
from service.ledger.counts import SameReason
from service.ledger.studies import StudyRow
from service.ledger.tables import ENDED_TRIALS
from service.ledger.trials import TrialRow
from service.schemas import FailedAlike, Links, Progress, Study, Trial
from service.settings import Settings
from trainables.catalogue import Catalogue

MAX_REASONS = 5


def studies_shown(tx: Tx, rows: Sequence[StudyRow], settings: Settings, base: str) -> list[Study]:
    """Studies as they are shown; `base` is the URL of this API."""
    progress = studies.progress_of(tx, [row.id for row in rows])
    failing = [study_id for study_id, count in progress.items() if count["failed"]]
    reasons = counts.reasons_of(tx, failing, at_most=MAX_REASONS) if failing else {}
    ended = [row.id for row in rows if row.state == "done"]
    judged = builds.contrasts_of(tx, ended) if ended else {}
    now = studies.now(tx)
    going = [row.id for row in rows if row.state in ("queued", "running")]
    waiting = attempts.waiting(tx, going) if going else {}
    problems = outbox.errors_of(tx, [row.id for row in rows])
    return [
        Study(
            id=row.id,
            name=row.name,
            state=row.state,  # type: ignore[arg-type]
            progress=Progress(**progress[row.id]),
            verdict=verdicts_text(judged.get(row.id, ())),
            failures=[_alike(reason) for reason in reasons.get(row.id, ())],
            eta_s=_eta_s(row, progress[row.id], now),
            waits_for=waiting.get(row.id),
            published=row.published,
            publish_error=problems.get(row.id),
            links=_links(row, settings, base),
            tags=row.spec.get("tags") or {},
            created_at=utc(row.created_at),
            started_at=None if row.started_at is None else utc(row.started_at),
            finished_at=None if row.finished_at is None else utc(row.finished_at),
            error=row.error,
            spec=dict(row.spec),
        )
        for row in rows
    ]


def study_shown(tx: Tx, row: StudyRow, settings: Settings, base: str) -> Study:
    """One study as it is shown."""
    return studies_shown(tx, [row], settings, base)[0]


def experiment_url(row: StudyRow, settings: Settings) -> str | None:
    """Where MLflow shows the study, once it has its experiment."""
    root = settings.mlflow_public_url or settings.mlflow_url
    if row.experiment_id is None or root is None:
        return None
    if row.mlflow_view and row.mlflow_view.startswith(("http://", "https://")):
        return row.mlflow_view
    return root + (row.mlflow_view or f"/#/experiments/{row.experiment_id}")


def utc(seconds: float) -> str:
    """Seconds since 1970 in ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _alike(same: SameReason) -> FailedAlike:
    failure = classify("failed", same.reason)
    assert failure is not None
    return FailedAlike(num=same.num, failure=failure.name, reason=same.reason, trial=same.first + 1)


def _eta_s(row: StudyRow, count: Mapping[str, int], now: float) -> float | None:
    """How long the rest takes at the speed so far; reused trials took no time and say nothing.

    None after a pause or a retry: most of the time since the start was not spent on trials.
    """
    ended = sum(count[state] for state in ENDED_TRIALS)
    run = ended - count["reused"]
    if row.state != "running" or row.started_at is None or row.requeued_at is not None or run < 1:
        return None
    return round(max(now - row.started_at, 0.0) / run * (count["total"] - ended), 1)


def _links(row: StudyRow, settings: Settings, base: str) -> Links:
    home = f"{base}/v1/studies/{row.id}"
    return Links(
        mlflow=experiment_url(row, settings),
        report=f"{home}/report",
        figures=f"{home}/figures",
        events=f"{home}/events",
    )


def trial_shown(
    row: TrialRow,
    readings: Sequence[Reading],
    curve: Mapping[str, Points] | None = None,
    *,
    with_curve: bool = False,
) -> Trial:
    """A trial with everything that its study reads of it, its curve too where that is wanted."""
    metrics = add_readings(readings, row.state, row.metrics or {}, curve or {})
    names = set(Trial.model_fields) - {"number", "metrics", "failure", "curve"}
    failure = classify(row.state, row.reason)
    return Trial(
        number=row.position + 1,
        metrics=metrics,
        curve=cast(Any, curve or {}) if with_curve else None,
        failure=None if failure is None else failure.name,
        **{name: getattr(row, name) for name in names},
    )


def readings_of(spec: Mapping[str, Any], catalogue: Catalogue) -> tuple[Reading, ...]:
    """What a study reads of its trials; nothing where its trainable is not installed any more."""
    study = parse_study(dict(spec))
    manifest = catalogue.trainables.get(study.trainable)
    return () if manifest is None else read_readings(study, manifest, Problems())
