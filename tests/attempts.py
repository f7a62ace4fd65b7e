"""Attempts at studies as drivers make them, over a real ledger, and what a report would say of them."""

from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ablations.contrasts.contrast import compile_contrasts
from ablations.contrasts.hindsight import in_hindsight
from ablations.effects.effect import Effects
from ablations.effects.judge import judge
from ablations.plan.compile import compile_design
from ablations.results.results import Results, TrialRecord
from ablations.study.parsing import parse_study
from service.driver.places import Place
from service.driver.preparation import Preparation
from service.ledger import Ledger, attempts, leasing, studies, trials
from service.ledger.trials import TrialRow
from service.protocol import TrialToRun
from service.worker.reports.build import final_state
from service.worker.reports.precedents import precedent_of
from trainables.catalogue import Catalogue
from trainables.digests import forget_digests
from trainables.training.lease import Outcome

HERE = Place(torch=version("torch"), numerics="exact", threads=1, hardware="cpu")
Train = Callable[[TrialRow], Outcome]


class Attempts:
    """Attempts at studies, with a function in the place of workers."""

    def __init__(self, ledger: Ledger, catalogue: Callable[[], Catalogue], datasets_dir: Path) -> None:
        self.ledger, self.catalogue, self.datasets_dir = ledger, catalogue, datasets_dir

    def begin(self, study_id: str, place: Place = HERE) -> tuple[int, list[str]]:
        """A fresh driver: it sees code and data as they are now, and fixes settings. What it reuses."""
        forget_digests()
        with self.ledger.write() as tx:
            number = attempts.begin(tx, study_id).number
            attempts.start(tx, study_id, number)
            work = leasing.work(tx, study_id)
            spec = parse_study(dict(studies.get(tx, study_id).spec))
        catalogue = self.catalogue()
        design = compile_design(spec, catalogue.manifest(spec.trainable))
        made = Preparation(catalogue, design, datasets_dir=self.datasets_dir, place=lambda: place)
        planned = [row for row in work if row.state == "planned"]
        tasks = [made.task(row.id, self.settings_of(row), row.seed, measuring=True) for row in planned]
        with self.ledger.write() as tx:
            reused = leasing.set_settings(tx, study_id, number, [task.resolved() for task in tasks])
        return number, reused

    def settings_of(self, row: TrialToRun) -> Mapping[str, Any]:
        """The settings of a trial: those it was planned with."""
        return row.settings

    def train(self, study_id: str, number: int, num: int, train: Train) -> list[str]:
        """Lease so many planned trials and commit what becomes of them; which those were."""
        with self.ledger.write() as tx:
            planned = [row.id for row in trials.page(tx, study_id, limit=500, state="planned")]
            held = leasing.lease(tx, study_id, number, planned[:num])
            outcomes = [train(row) for row in trials.rows(tx, study_id, held)]
            assert leasing.commit(tx, study_id, number, outcomes) == held
        return held

    def lose(self, study_id: str, number: int) -> None:
        """The driver dies."""
        with self.ledger.write() as tx:
            attempts.lost(tx, study_id, number, "over")

    def complete(self, study_id: str) -> None:
        """A final report is built of a study without open trials."""
        with self.ledger.write() as tx:
            records = [TrialRecord.from_json(record) for record in trials.each_record(tx, study_id)]
            studies.complete(tx, study_id, state=final_state(records), effects={}, reports={})

    def effects(self, study_id: str) -> Effects:
        """The verdicts of a final report, if it were built now."""
        manifest = self.catalogue().manifest
        with self.ledger.read() as tx:
            study = studies.get(tx, study_id)
            records = [TrialRecord.from_json(record) for record in trials.each_record(tx, study_id)]
            precedent = precedent_of(tx, study, manifest)
        spec = parse_study(dict(study.spec))
        design = compile_design(spec, manifest(spec.trainable))
        contrasts, extended, early = compile_contrasts(design), False, False
        if precedent is not None:
            hindsight = in_hindsight(contrasts, precedent, design.seeds)
            contrasts, extended, early = hindsight.contrasts, hindsight.extended, hindsight.early
        results = Results.build(design, records)
        return judge(contrasts, results, final=True, extended=extended, early=early)
