"""Builds effects and reports from the ledger: now and then while a study runs, and for good at its end."""

import json
import logging
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from ablations.contrast import compile_contrasts
from ablations.design import compile_design
from ablations.effects import judge
from ablations.errors import Json
from ablations.manifest import Manifest
from ablations.report import html, markdown
from ablations.report.build import build_report
from ablations.results import Results, TrialRecord
from ablations.spec import parse_study
from service.ledger import Ledger, attempts, counts, studies, trials
from service.ledger.attempts import Attempt
from service.ledger.studies import StudyRow

logger = logging.getLogger(__name__)

INTERIM_S = 3.0
SHARE = 10.0
"""An interim build waits this many times as long as the last one took: at most a tenth of a core."""
PACKAGES = ("ablate", "torch", "ray", "optuna", "numpy", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Effects and reports of one study at one point of its history."""

    effects: Json
    reports: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interim:
    seq: int
    due_at: float


class ReportBuilder:
    """Finds the studies whose report is due and builds it."""

    def __init__(
        self,
        ledger: Ledger,
        manifest: Callable[[str], Manifest],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._manifest = manifest
        self._clock = clock
        self._interims: dict[str, _Interim] = {}

    def build_due(self) -> int:
        """Build what is due; how many reports were stored. One study's trouble does not stop the others."""
        with self._ledger.read() as tx:
            active, cancelled = studies.active(tx), studies.unbuilt(tx)
            ended = {study.id for study in active if not counts.num_open(tx, study.id)}
        running = [study for study in active if study.state in ("queued", "running")]
        self._interims = {
            study.id: self._interims[study.id] for study in running if study.id in self._interims
        }
        num_stored = 0
        for study in [*running, *cancelled]:
            final = study.id in ended or study.state == "cancelled"
            try:
                num_stored += self._complete(study) if final else self._update(study)
            except Exception:
                # Much code reads whatever trials left behind; the next study is not to blame.
                logger.exception("study %s: the report could not be built", study.id)
                self._interims[study.id] = _Interim(seq=-1, due_at=self._clock() + 60.0)
        return num_stored

    def _complete(self, study: StudyRow) -> bool:
        """The last build, stored together with the study's end."""
        if self._clock() < self._due_at(study.id):
            return False
        built, records = self._build(study, final=study.state != "cancelled")
        state = study.state if study.state == "cancelled" else _final_state(records)
        with self._ledger.write() as tx:
            past = attempts.all_of(tx, study.id)
            error = _error(records, past) if state == "failed" else None
            stored = studies.complete(
                tx, study.id, state=state, effects=built.effects, reports=built.reports, error=error
            )
        if stored:
            logger.info("study %s is %s", study.id, state)
        return stored

    def _update(self, study: StudyRow) -> bool:
        """A build in between, if something has happened and the last one is old enough."""
        last = self._interims.get(study.id)
        started = self._clock()
        if last is not None and (last.seq >= study.seq or started < last.due_at):
            return False
        built, _ = self._build(study, final=False)
        with self._ledger.write() as tx:
            stored = studies.save_interim(
                tx, study.id, seq=study.seq, effects=built.effects, reports=built.reports
            )
        took = self._clock() - started
        self._interims[study.id] = _Interim(
            seq=study.seq, due_at=self._clock() + max(INTERIM_S, SHARE * took)
        )
        return stored

    def _due_at(self, study_id: str) -> float:
        last = self._interims.get(study_id)
        return last.due_at if last is not None and last.seq < 0 else 0.0

    def _build(self, study: StudyRow, *, final: bool) -> tuple[Built, list[TrialRecord]]:
        with self._ledger.read() as tx:
            records = [TrialRecord.from_json(record) for record in trials.records(tx, study.id)]
            past = attempts.all_of(tx, study.id)
        return build(study, self._manifest, records, num_attempts=len(past), final=final), records


def build(
    study: StudyRow,
    manifest: Callable[[str], Manifest],
    records: Sequence[TrialRecord],
    *,
    num_attempts: int,
    final: bool,
) -> Built:
    """Effects and reports from what was asked and what was measured, and nothing else."""
    spec = parse_study(dict(study.spec))
    design = compile_design(spec, manifest(spec.trainable))
    results = Results.build(design, records)
    effects = judge(compile_contrasts(design), results, final=final)
    report = build_report(
        study_id=study.id,
        design=design,
        effects=effects,
        results=results,
        records=records,
        provenance=_provenance(study, records, num_attempts=num_attempts),
    )
    return Built(
        effects=effects.to_json(),
        reports={
            "html": html.render(report),
            "md": markdown.render(report),
            "json": json.dumps(report.to_json(), allow_nan=False),
        },
    )


def _final_state(records: Sequence[TrialRecord]) -> str:
    """Failed only if no measuring trial came to an end; holes leave a study done."""
    finished = any(r.phase == "measuring" and r.state in ("done", "diverged") for r in records)
    return "done" if finished else "failed"


def _error(records: Sequence[TrialRecord], past: Sequence[Attempt]) -> str:
    """Why nothing came out: what most trials say, or else the last attempt."""
    reasons = Counter(r.reason for r in records if r.reason is not None)
    if reasons:
        return reasons.most_common(1)[0][0]
    return (past[-1].error if past else None) or "no measuring trial finished"


def _provenance(study: StudyRow, records: Sequence[TrialRecord], *, num_attempts: int) -> dict[str, Json]:
    return {
        "created": _iso(study.created_at),
        "started": _iso(study.started_at),
        "built": _iso(time.time()),
        "attempts": num_attempts,
        "devices": [device for device in sorted({r.device for r in records if r.device})],
        "trial_seconds": round(sum(r.seconds or 0.0 for r in records), 3),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
