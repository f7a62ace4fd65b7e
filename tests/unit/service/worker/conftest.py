"""A running study of which reports are built, and a finished one with what publishes it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ablations.design.design import planned_trials
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from service.ledger import (
    Ledger,
    attempts,
    leasing,
    migrate,
    open_ledger,
    studies,
)
from service.ledger.studies import NewTrial, StudyRow
from service.settings import Settings
from service.worker.mlflow.publisher import Publisher
from service.worker.reports.schedule import ReportBuilder
from tests.contract.fake_tracker import FakeTracker
from tests.ledger_samples import outcome
from tests.unit.ablations.manifests import MLP
from tests.unit.ablations.studies import SMALL
from tests.unit.service.worker.publishing import SPEC, Manifests, add_study, no_plan


class Scene:
    """A running study of twelve trials, and a clock that only a test moves."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'ledger.db'}"
        migrate(self.url)
        self.ledger = open_ledger(self.url)
        self.now = 0.0
        self.number = 1
        self.builder = ReportBuilder(self.ledger, lambda _name: MLP, clock=lambda: self.now)
        self.planned = [
            NewTrial(
                id=f"t{n}",
                arm_id=trial.arm.id,
                arm=trial.arm.label,
                levels=trial.arm.levels,
                settings=trial.arm.settings,
                seed=trial.seed,
                phase=trial.phase,
            )
            for n, trial in enumerate(planned_trials(compile_design(parse_study(SMALL), MLP)))
        ]
        with self.ledger.write() as tx:
            self.id = studies.create(
                tx, study_id="a" * 24, project="p", name="small", spec=SMALL, labels={}, planned=self.planned
            ).id
            attempts.begin(tx, self.id)
            attempts.start(tx, self.id, 1)

    def end(self, *numbers: int, state: str = "done") -> None:
        ids = [f"t{n}" for n in numbers]
        with self.ledger.write() as tx:
            leasing.lease(tx, self.id, self.number, ids)
            results = [outcome(i, state, accuracy=0.5 + 0.03 * int(i[1:])) for i in ids]
            leasing.commit(tx, self.id, self.number, results)

    def study(self) -> StudyRow:
        with self.ledger.read() as tx:
            return studies.get(tx, self.id)

    def effects(self) -> Any:
        with self.ledger.read() as tx:
            built = studies.build(tx, self.id)
        return built.effects if built is not None else None


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.ledger.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    migrate(url)
    opened = open_ledger(url)
    yield opened
    opened.close()


@pytest.fixture
def tracker() -> FakeTracker:
    return FakeTracker()


@pytest.fixture
def publisher(ledger: Ledger, tracker: FakeTracker, tmp_path: Path) -> Iterator[Publisher]:
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path), "ABLATE_PUBLIC_URL": "http://api"})
    made = Publisher(settings, ledger, plan=no_plan, tracker=tracker, manifests=Manifests())
    yield made
    made.close()


@pytest.fixture
def study_id(ledger: Ledger) -> str:
    return add_study(ledger, SPEC)
