"""Effects and reports of one study at one point of its history, from its rows alone."""

import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ablations
from ablations.contrasts.contrast import compile_contrasts
from ablations.contrasts.hindsight import Precedent, in_hindsight
from ablations.design.design import Design
from ablations.effects.judge import Effects, judge
from ablations.effects.standing import LABELS, State
from ablations.errors import Json
from ablations.manifest import Manifest
from ablations.plan.compile import compile_design
from ablations.report.build import build_report
from ablations.report.document.document import Report
from ablations.report.renderers import html, latex, markdown, sheets
from ablations.report.sections.versions import environment_facts
from ablations.results.results import Results, TrialRecord
from ablations.study.parsing import parse_study
from service.ledger.attempts import Attempt
from service.ledger.studies import StudyRow
from trainables.revisions import revision_of

HOME = Path(ablations.__file__).parent
PACKAGES = ("ablation-service", "torch", "ray", "optuna", "numpy", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The effects of one study at one point of its history, and what they were computed from."""

    design: Design
    results: Results
    effects: Effects


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Effects and reports of one study at one point of its history."""

    effects: Json
    formats: Mapping[str, str]
    report: Report


def find(
    study: StudyRow,
    manifest: Callable[[str], Manifest],
    records: Sequence[TrialRecord],
    *,
    final: bool,
    precedent: Precedent | None = None,
) -> Found:
    """Effects from what was asked, what was measured, what was known before, and nothing else."""
    spec = parse_study(dict(study.spec))
    design = compile_design(spec, manifest(spec.trainable))
    results = Results.build(design, records)
    contrasts, extended, early = compile_contrasts(design), False, False
    if precedent is not None:
        hindsight = in_hindsight(contrasts, precedent, design.seeds)
        contrasts, extended, early = hindsight.contrasts, hindsight.extended, hindsight.early
    state = final_state(records) if final else _state(study.state)
    effects = judge(contrasts, results, final=final, extended=extended, early=early, state=state)
    return Found(design=design, results=results, effects=effects)


def build(
    study: StudyRow,
    manifest: Callable[[str], Manifest],
    records: Sequence[TrialRecord],
    *,
    num_attempts: int,
    num_superseded: int = 0,
    final: bool,
    precedent: Precedent | None = None,
) -> Built:
    """Effects, and reports that say no more than they do."""
    found = find(study, manifest, records, final=final, precedent=precedent)
    design, effects = found.design, found.effects
    report = build_report(
        study_id=study.id,
        design=design,
        effects=effects,
        results=found.results,
        records=records,
        provenance=_provenance(study, records, num_attempts=num_attempts, num_superseded=num_superseded),
    )
    return Built(
        effects=effects.to_json(),
        formats={
            "html": html.render(report),
            "md": markdown.render(report),
            "json": json.dumps(report.to_json(), allow_nan=False),
            "latex": latex.render(report),
            "csv": sheets.effects(effects),
            "csv-trials": sheets.trials(design, records),
        },
        report=report,
    )


def _state(word: str) -> State:
    for state in LABELS:
        if state == word:
            return state
    raise ValueError(f"{word!r} is no state of a study: {', '.join(LABELS)}")


def final_state(records: Sequence[TrialRecord]) -> State:
    """Failed only if no measuring trial came to an end; holes leave a study done."""
    finished = any(r.phase == "measuring" and r.state in ("done", "diverged") for r in records)
    return "done" if finished else "failed"


def error_of(records: Sequence[TrialRecord], past: Sequence[Attempt]) -> str:
    """Why nothing came out: what most trials say, or else the last attempt."""
    reasons = Counter(r.reason for r in records if r.reason is not None)
    if reasons:
        return reasons.most_common(1)[0][0]
    return (past[-1].error if past else None) or "no measuring trial finished"


def _provenance(
    study: StudyRow, records: Sequence[TrialRecord], *, num_attempts: int, num_superseded: int
) -> dict[str, Json]:
    return {
        "created": _iso(study.created_at),
        "started": _iso(study.started_at),
        "built": _iso(time.time()),
        "attempts": num_attempts,
        **({"superseded results": num_superseded} if num_superseded else {}),
        "devices": [device for device in sorted({r.device for r in records if r.device})],
        "trial_seconds": round(sum(r.seconds or 0.0 for r in records), 3),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        **({"commit": commit} if (commit := revision_of(HOME)) else {}),
        "ran with": environment_facts([record.environment for record in records if record.metrics]),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
