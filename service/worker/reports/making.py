"""Everything a build needs is read and built of: in this process, or in one of its own with a deadline."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ablations.manifest import Manifest
from ablations.report.document.document import Report
from ablations.results.results import TrialRecord
from service.ledger import Ledger, attempts, open_ledger, trials
from service.ledger.builds import FigureFile
from service.ledger.studies import StudyRow
from service.worker.reports.build import Built, build, error_of, final_state
from service.worker.reports.drawing import draw_files
from service.worker.reports.precedents import precedent_of
from service.workshop import Workshop
from trainables.catalogue import LiveCatalogue

BY_S, BY_S_A_TRIAL = 120.0, 0.01
"""How long one build may take: more than a study of that size needs, so that a search without end ends."""


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
        state = study.state if study.state == "cancelled" else final_state(records)
        return Made(
            built=built,
            measured=any(record.metrics for record in records),
            state=state,
            error=error_of(records, past) if state == "failed" else None,
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


def _by_s(study: StudyRow) -> float:
    return BY_S + BY_S_A_TRIAL * study.num_trials
