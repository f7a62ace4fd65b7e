"""Builds effects and reports from the ledger: now and then while a study runs, and for good at its end."""

import json
import logging
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
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
from service.ledger import Ledger, attempts, counts, open_ledger, outbox, studies, trials
from service.ledger.attempts import Attempt
from service.ledger.builds import FigureFile
from service.ledger.studies import StudyRow
from service.worker.reports.failure import failed_build
from service.worker.reports.precedents import precedent_of
from service.workshop import WorkOverdue, Workshop
from trainables.catalogue import LiveCatalogue

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
BY_S, BY_S_A_TRIAL = 120.0, 0.01
"""How long one build may take: more than a study of that size needs, so that a search without end ends."""
MAX_LAST, MAX_OTHER = 6, 2
"""How many last builds, and how many other pieces of work, are in hand at once."""
PACKAGES = ("ablation-service", "torch", "ray", "optuna", "numpy", "scipy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Effects and reports of one study at one point of its history."""

    effects: Json
    formats: Mapping[str, str]
    report: Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What is built of a study, with the state and the error it ends with if this is the end."""

    built: Built
    measured: bool
    state: str
    error: str | None


class Maker:
    """Builds and draws in this very process."""

    def __init__(self, ledger: Ledger, manifest: Callable[[str], Manifest]) -> None:
        self._ledger = ledger
        self._manifest = manifest

    def make(self, study: StudyRow, *, final: bool) -> Made:
        """Everything a study's build needs is read, and built of."""
        with self._ledger.read() as tx:
            records = [TrialRecord.from_json(record) for record in trials.each_record(tx, study.id)]
            past = attempts.all_of(tx, study.id)
            precedent = precedent_of(tx, study, self._manifest)
        built = build(
            study, self._manifest, records, num_attempts=len(past), final=final, precedent=precedent
        )
        state = study.state if study.state == "cancelled" else _final_state(records)
        return Made(
            built=built,
            measured=any(record.metrics for record in records),
            state=state,
            error=_error(records, past) if state == "failed" else None,
        )

    def draw(self, report: Report) -> tuple[FigureFile, ...]:
        """The figures of a report, as files."""
        return draw_files(report)


class WorkshopMaker(Maker):
    """Builds and draws in processes of their own, each with a deadline: they harm nobody else."""

    def __init__(
        self, ledger: Ledger, catalogue: LiveCatalogue, workshop: Workshop, *, url: str, datasets_dir: Path
    ) -> None:
        super().__init__(ledger, catalogue.manifest)
        self._workshop = workshop
        self._make = partial(make_elsewhere, url, datasets_dir)

    def make(self, study: StudyRow, *, final: bool) -> Made:
        """As here, elsewhere. Raises: WorkOverdue, WorkDied."""
        urgent = final or study.state == "cancelled"
        return self._workshop.do(_by_s(study), urgent, self._make, study, final=final)

    def draw(self, report: Report) -> tuple[FigureFile, ...]:
        """As here, elsewhere. Raises: WorkOverdue, WorkDied."""
        return self._workshop.do(BY_S, False, draw_files, report)


def make_elsewhere(url: str, datasets_dir: Path, study: StudyRow, *, final: bool) -> Made:
    """What a bench does of a build: it has its own way to the ledger."""
    ledger = open_ledger(url)
    try:
        return Maker(ledger, LiveCatalogue(datasets_dir).manifest).make(study, final=final)
    finally:
        ledger.close()


def draw_files(report: Report) -> tuple[FigureFile, ...]:
    """The figures of a report, as files."""
    return tuple(figure_files(report))


def _by_s(study: StudyRow) -> float:
    return BY_S + BY_S_A_TRIAL * study.num_trials


@dataclass(frozen=True, slots=True, kw_only=True)
class _Interim:
    seq: int
    due_at: float


class ReportBuilder:
    """Finds studies whose report is due and has it built: one after another, or with a maker side by side."""

    def __init__(
        self,
        ledger: Ledger,
        manifest: Callable[[str], Manifest],
        *,
        maker: Maker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._maker = maker or Maker(ledger, manifest)
        self._hands = ThreadPoolExecutor(MAX_LAST + MAX_OTHER, "reports") if maker is not None else None
        self._last: set[str] = set()
        self._other: set[str] = set()
        self._interims: dict[str, _Interim] = {}
        self._tries: dict[str, int] = {}
        self._broken: list[str] | None = None
        self._undrawn: dict[str, Report | None] | None = None

    def build_due(self) -> int:
        """Build what is due; how many reports were stored. One study's trouble does not stop the others."""
        busy = self._last | self._other
        with self._ledger.read() as tx:
            active, cancelled = studies.active(tx), studies.unbuilt(tx)
            ended = {study.id for study in active if not counts.num_open(tx, study.id)}
            paused = studies.paused_since_build(tx)
        running = [study for study in active if study.state in ("queued", "running")]
        running += paused
        for study_id in set(self._interims) - {study.id for study in running}:
            self._interims.pop(study_id, None)
        num_stored = self._have("broken", self._build_broken, self._other)
        for study in [*running, *cancelled]:
            if study.id in busy:
                continue
            final = study.state == "cancelled" or (study.id in ended and study.state != "paused")
            stored = self._have(
                study.id, partial(self._turn, study, final=final), self._last if final else self._other
            )
            num_stored += stored
            if stored and study.state == "cancelled":
                break  # the other cancelled ones come next time: nobody who runs is to wait for them
        # Nobody who waits for a verdict is to wait for figures.
        return num_stored or self._have("figures", self._draw_next, self._other)

    def close(self) -> None:
        """Begin nothing more; what is in hand is not waited for."""
        if self._hands is not None:
            self._hands.shutdown(wait=False, cancel_futures=True)

    def _have(self, name: str, work: Callable[[], int], in_hand: set[str]) -> int:
        """Do a piece of work now, or see that a thread does; how many reports it has stored by now."""
        if self._hands is None:
            return int(work())
        room = MAX_LAST if in_hand is self._last else MAX_OTHER
        if name not in in_hand and len(in_hand) < room:
            in_hand.add(name)
            self._hands.submit(self._do, name, work, in_hand)
        return 0

    def _do(self, name: str, work: Callable[[], int], in_hand: set[str]) -> None:
        try:
            work()
        except Exception:
            logger.exception("%s failed", name)
        finally:
            in_hand.discard(name)

    def _turn(self, study: StudyRow, *, final: bool) -> int:
        """One study's build, if it is due."""
        try:
            return int(self._complete(study) if final else self._update(study))
        except LedgerUnavailable as error:
            logger.warning("study %s: %s", study.id, error)
            return 0
        except Exception as error:
            # Much code reads whatever trials left behind; the next study is not to blame.
            logger.exception("study %s: the report could not be built", study.id)
            return int(self._missed(study, error, final=final))

    def _missed(self, study: StudyRow, error: Exception, *, final: bool) -> bool:
        """A build failed: wait, or, after the last try, end the study without it and say so."""
        if not final:
            # Only something new could help.
            self._interims[study.id] = _Interim(seq=study.seq, due_at=self._clock() + AGAIN_S)
            return False
        # What takes for ever would take for ever again.
        tries = MAX_TRIES if isinstance(error, WorkOverdue) else self._tries.get(study.id, 0) + 1
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
            try:
                self._mend(self._broken[-1])
                num_stored += 1
            except LedgerUnavailable as error:
                # Asked again at the next turn, for this study and for those behind it.
                logger.warning("study %s: %s", self._broken[-1], error)
                return num_stored
            except Exception:
                logger.exception("study %s: the report still cannot be built", self._broken[-1])
            self._broken.pop()
        return num_stored

    def _mend(self, study_id: str) -> None:
        with self._ledger.read() as tx:
            study = studies.get(tx, study_id)
        built = self._maker.make(study, final=study.state != "cancelled").built
        files = self._maker.draw(built.report)
        with self._ledger.write() as tx:
            studies.replace_report(tx, study_id, effects=built.effects, reports=built.formats, figures=files)

    def _complete(self, study: StudyRow) -> bool:
        """The last build, stored together with the study's end."""
        if self._clock() < self._due_at(study.id):
            return False
        made = self._maker.make(study, final=study.state != "cancelled")
        with self._ledger.write() as tx:
            stored = studies.complete(
                tx,
                study.id,
                state=made.state,
                effects=made.built.effects,
                reports=made.built.formats,
                figures_follow=made.measured,
                error=made.error,
            )
        if stored and made.measured:
            self._to_draw()[study.id] = made.built.report
        if stored:
            logger.info("study %s is %s", study.id, made.state)
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
                report = self._maker.make(study, final=study.state != "cancelled").built.report
            files = self._maker.draw(report)
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
        built = self._maker.make(study, final=False).built
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
