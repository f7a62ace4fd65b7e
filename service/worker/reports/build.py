"""Builds effects and reports from the ledger: now and then while a study runs, and for good at its end."""

import json
import logging
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Literal

from ablations.contrasts.contrast import compile_contrasts
from ablations.contrasts.hindsight import Precedent, in_hindsight
from ablations.effects.judge import judge
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
from service.errors import LedgerUnavailable
from service.ledger import Ledger, attempts, counts, outbox, studies, trials
from service.ledger.attempts import Attempt
from service.ledger.builds import FigureFile
from service.ledger.studies import StudyRow
from service.worker.reports.failure import failed_build
from service.worker.reports.precedents import precedent_of

logger = logging.getLogger(__name__)

FIRST_S = 10.0
"""The first interim build comes so long after the first result: a short study ends without one."""
INTERIM_S = 3.0
SHARE = 10.0
"""An interim build waits this many times as long as the last one took: at most a tenth of a core."""
MAX_TRIES = 3
"""A last report that cannot be built is given up after so many tries; its study ends all the same."""
RETRY_S = (2.0, 10.0)
AGAIN_S = 60.0
PACKAGES = ("ablation-service", "torch", "ray", "optuna", "numpy", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Effects and reports of one study at one point of its history."""

    effects: Json
    formats: Mapping[str, str]
    report: Report


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
        self._tries: dict[str, int] = {}
        self._broken: list[str] | None = None
        self._undrawn: dict[str, Report | None] | None = None

    def build_due(self) -> int:
        """Build what is due; how many reports were stored. One study's trouble does not stop the others."""
        with self._ledger.read() as tx:
            active, cancelled = studies.active(tx), studies.unbuilt(tx)
            ended = {study.id for study in active if not counts.num_open(tx, study.id)}
            paused = studies.paused_since_build(tx)
        running = [study for study in active if study.state in ("queued", "running")]
        running += paused
        self._interims = {
            study.id: self._interims[study.id] for study in running if study.id in self._interims
        }
        num_stored = self._build_broken()
        for study in [*running, *cancelled]:
            final = study.state == "cancelled" or (study.id in ended and study.state != "paused")
            try:
                stored = self._complete(study) if final else self._update(study)
                num_stored += stored
                if stored and study.state == "cancelled":
                    break  # the other cancelled ones come next time: nobody who runs is to wait for them
            except LedgerUnavailable as error:
                logger.warning("study %s: %s", study.id, error)
            except Exception as error:
                # Much code reads whatever trials left behind; the next study is not to blame.
                logger.exception("study %s: the report could not be built", study.id)
                num_stored += self._missed(study, error, final=final)
        # Nobody who waits for a verdict is to wait for figures.
        return num_stored or self._draw_next()

    def _missed(self, study: StudyRow, error: Exception, *, final: bool) -> bool:
        """A build failed: wait, or, after the last try, end the study without it and say so."""
        if not final:
            # Only something new could help.
            self._interims[study.id] = _Interim(seq=study.seq, due_at=self._clock() + AGAIN_S)
            return False
        tries = self._tries.get(study.id, 0) + 1
        self._tries[study.id] = tries
        if tries < MAX_TRIES:
            self._interims[study.id] = _Interim(seq=-1, due_at=self._clock() + RETRY_S[tries - 1])
            return False
        built = failed_build(study.name, error)
        with self._ledger.write() as tx:
            finished = counts.num_finished(tx, study.id)
            state = "cancelled" if study.state == "cancelled" else "done" if finished else "failed"
            return studies.complete(
                tx, study.id, state=state, effects=built.effects, reports=built.reports, error=built.error
            )

    def _build_broken(self) -> int:
        """Once in the life of a worker, build what an earlier one gave up: its code may have been mended."""
        if self._broken is None:
            with self._ledger.read() as tx:
                self._broken = studies.without_report(tx)
        num_stored = 0
        while self._broken:
            study_id = self._broken.pop()
            with self._ledger.read() as tx:
                study = studies.get(tx, study_id)
            try:
                built, _ = self._build(study, final=study.state != "cancelled")
            except Exception:
                logger.exception("study %s: the report still cannot be built", study_id)
                continue
            with self._ledger.write() as tx:
                files = tuple(figure_files(built.report))
                studies.replace_report(
                    tx, study_id, effects=built.effects, reports=built.formats, figures=files
                )
            num_stored += 1
        return num_stored

    def _complete(self, study: StudyRow) -> bool:
        """The last build, stored together with the study's end."""
        if self._clock() < self._due_at(study.id):
            return False
        built, records = self._build(study, final=study.state != "cancelled")
        measured = any(record.metrics for record in records)
        state = study.state if study.state == "cancelled" else _final_state(records)
        with self._ledger.write() as tx:
            past = attempts.all_of(tx, study.id)
            error = _error(records, past) if state == "failed" else None
            stored = studies.complete(
                tx,
                study.id,
                state=state,
                effects=built.effects,
                reports=built.formats,
                figures_follow=measured,
                error=error,
            )
        if stored and measured:
            self._to_draw()[study.id] = built.report
        if stored:
            logger.info("study %s is %s", study.id, state)
        return stored

    def _to_draw(self) -> dict[str, Report | None]:
        """Studies that wait for their figures, with the report if this worker has built it."""
        if self._undrawn is None:
            with self._ledger.read() as tx:
                self._undrawn = dict.fromkeys(outbox.without_summary(tx))
        return self._undrawn

    def _draw_next(self) -> int:
        """Draw one study's figures for paper; they take longer than all the rest of a report."""
        waiting = self._to_draw()
        if not waiting:
            return 0
        study_id, report = next(iter(waiting.items()))
        try:
            if report is None:
                with self._ledger.read() as tx:
                    study = studies.get(tx, study_id)
                report = self._build(study, final=study.state != "cancelled")[0].report
            files = tuple(figure_files(report))
        except LedgerUnavailable:
            raise
        except Exception:
            # The report stands; MLflow must not wait for ever.
            logger.exception("study %s: its figures could not be drawn", study_id)
            files = ()
        with self._ledger.write() as tx:
            stored = studies.add_figures(tx, study_id, files)
        # Only now: a ledger that was away is asked again.
        del waiting[study_id]
        return int(stored)

    def _update(self, study: StudyRow) -> bool:
        """A build in between, if something has happened and the last one is old enough."""
        last = self._interims.get(study.id)
        started = self._clock()
        if last is None and study.state != "paused":
            with self._ledger.read() as tx:
                begun = any(counts.num_ended_by(tx, study.id).values())
            if begun:
                self._interims[study.id] = _Interim(seq=0, due_at=started + FIRST_S)
            return False
        if last is not None and (last.seq >= study.seq or started < last.due_at):
            return False
        built, _ = self._build(study, final=False)
        with self._ledger.write() as tx:
            stored = studies.save_interim(
                tx, study.id, seq=study.seq, effects=built.effects, reports=built.formats
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
            records = [TrialRecord.from_json(record) for record in trials.each_record(tx, study.id)]
            past = attempts.all_of(tx, study.id)
            precedent = precedent_of(tx, study, self._manifest)
        built = build(
            study,
            self._manifest,
            records,
            num_attempts=len(past),
            final=final,
            precedent=precedent,
        )
        return built, records


def build(
    study: StudyRow,
    manifest: Callable[[str], Manifest],
    records: Sequence[TrialRecord],
    *,
    num_attempts: int,
    final: bool,
    precedent: Precedent | None = None,
) -> Built:
    """Effects and reports from what was asked, what was measured, what was known before, and nothing else."""
    spec = parse_study(dict(study.spec))
    design = compile_design(spec, manifest(spec.trainable))
    results = Results.build(design, records)
    contrasts, extended = compile_contrasts(design), False
    if precedent is not None:
        hindsight = in_hindsight(contrasts, precedent, design.seeds)
        contrasts, extended = hindsight.contrasts, hindsight.extended
    state = _final_state(records) if final else _state(study.state)
    effects = judge(contrasts, results, final=final, extended=extended, state=state)
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


def figure_files(report: Report) -> Iterator[FigureFile]:
    """Every figure as PDF and SVG; one that cannot be drawn is left out."""
    # Here and not above: it loads matplotlib's PDF and SVG writers.
    from ablations.report.drawing import figures

    for figure in report.figures():
        formats: tuple[Literal["pdf", "svg"], ...] = ("pdf", "svg")
        for suffix in formats:
            try:
                body = figures.paper(figure, suffix)
            except Exception:
                logger.exception("figure %s could not be drawn as %s", figure.name, suffix)
                continue
            yield FigureFile(name=f"{figure.name}.{suffix}", caption=figure.caption, body=body)


def _state(word: str) -> State:
    for state in LABELS:
        if state == word:
            return state
    raise ValueError(f"{word!r} is no state of a study: {', '.join(LABELS)}")


def _final_state(records: Sequence[TrialRecord]) -> State:
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
        "ran with": environment_facts([record.environment for record in records if record.metrics]),
    }


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _iso(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
