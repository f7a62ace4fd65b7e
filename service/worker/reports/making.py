"""Everything a build needs is read and built of: in this process, or in one of its own with a deadline."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ablations.contrasts.hindsight import Precedent
from ablations.errors import Json
from ablations.manifest import Manifest
from ablations.report.document.document import Report
from ablations.results.results import TrialRecord
from service.ledger import Ledger, anew, attempts, open_ledger, trials
from service.ledger.attempts import Attempt
from service.ledger.builds import FigureFile
from service.ledger.studies import StudyRow
from service.worker.reports.build import Built, build, error_of, final_state, find
from service.worker.reports.drawing import draw_files
from service.worker.reports.precedents import precedent_of
from service.worker.reports.resizing import Growth, growth_of
from service.workshop import Workshop
from trainables.catalogue import LiveCatalogue

BY_S, BY_S_A_TRIAL = 120.0, 0.01
"""How long one build may take: more than a study of that size needs, so that a search without end ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a study ends with: its effects, its state, and why nothing came of it if nothing did."""

    effects: Json
    state: str
    error: str | None


class Maker:
    """Builds and draws in this very process."""

    def __init__(self, ledger: Ledger, manifest: Callable[[str], Manifest]) -> None:
        self._ledger = ledger
        self._manifest = manifest

    def judge(self, study: StudyRow) -> Judged:
        """How a study ends: all that nobody is to wait for, and no more."""
        records, past, precedent = self._read(study)
        found = find(study, self._manifest, records, final=study.state != "cancelled", precedent=precedent)
        state = study.state if study.state == "cancelled" else final_state(records)
        return Judged(
            effects=found.effects.to_json(),
            state=state,
            error=error_of(records, past) if state == "failed" else None,
        )

    def make(self, study: StudyRow, *, final: bool) -> Built:
        """Effects and reports."""
        records, past, precedent = self._read(study)
        with self._ledger.read() as tx:
            num_superseded = anew.num_superseded(tx, study.id)
        return build(
            study,
            self._manifest,
            records,
            num_attempts=len(past),
            num_superseded=num_superseded,
            final=final,
            precedent=precedent,
        )

    def _read(self, study: StudyRow) -> tuple[list[TrialRecord], Sequence[Attempt], Precedent | None]:
        """Everything a study's build needs."""
        with self._ledger.read() as tx:
            records = [TrialRecord.from_json(record) for record in trials.each_record(tx, study.id)]
            return records, attempts.all_of(tx, study.id), precedent_of(tx, study, self._manifest)

    def grow(self, study: StudyRow) -> Growth | None:
        """The number of seeds that a study's pilot sets, and what is to be run; None if nothing ended."""
        with self._ledger.read() as tx:
            records = [TrialRecord.from_json(record) for record in trials.each_record(tx, study.id)]
        return growth_of(study, self._manifest, records)

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
        self._judge = partial(judge_elsewhere, url, datasets_dir)
        self._make = partial(make_elsewhere, url, datasets_dir)
        self._grow = partial(grow_elsewhere, url, datasets_dir)

    def judge(self, study: StudyRow) -> Judged:
        """As here, elsewhere, before all that is not urgent. Raises: WorkOverdue, WorkDied."""
        return self._workshop.do(_by_s(study), True, self._judge, study)

    def make(self, study: StudyRow, *, final: bool) -> Built:
        """As here, elsewhere. Raises: WorkOverdue, WorkDied."""
        return self._workshop.do(_by_s(study), False, self._make, study, final=final)

    def grow(self, study: StudyRow) -> Growth | None:
        """As here, elsewhere. Raises: WorkOverdue, WorkDied."""
        return self._workshop.do(_by_s(study), True, self._grow, study)

    def draw(self, report: Report) -> tuple[FigureFile, ...]:
        """As here, elsewhere. Raises: WorkOverdue, WorkDied."""
        return self._workshop.do(BY_S, False, draw_files, report)


@contextmanager
def maker_elsewhere(url: str, datasets_dir: Path) -> Iterator[Maker]:
    """What a bench builds with: it has its own way to the ledger."""
    ledger = open_ledger(url)
    try:
        yield Maker(ledger, LiveCatalogue(datasets_dir).manifest)
    finally:
        ledger.close()


def judge_elsewhere(url: str, datasets_dir: Path, study: StudyRow) -> Judged:
    """What a bench does of a verdict."""
    with maker_elsewhere(url, datasets_dir) as maker:
        return maker.judge(study)


def make_elsewhere(url: str, datasets_dir: Path, study: StudyRow, *, final: bool) -> Built:
    """What a bench does of a build."""
    with maker_elsewhere(url, datasets_dir) as maker:
        return maker.make(study, final=final)


def grow_elsewhere(url: str, datasets_dir: Path, study: StudyRow) -> Growth | None:
    """What a bench does of what a pilot sets."""
    with maker_elsewhere(url, datasets_dir) as maker:
        return maker.grow(study)


def _by_s(study: StudyRow) -> float:
    return BY_S + BY_S_A_TRIAL * study.num_trials
