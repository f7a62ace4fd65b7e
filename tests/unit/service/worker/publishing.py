"""A finished study of four trials, and what a publisher made of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import update

from ablations.manifest import Manifest, Metric, Setting
from service.ledger import (
    Ledger,
    attempts,
    builds,
    leasing,
    outbox,
    studies,
    trials,
)
from service.ledger.builds import FigureFile
from service.ledger.studies import StudyRow
from service.settings import Settings
from service.worker.mlflow.publisher import Publisher
from tests.contract.fake_tracker import FakeRun, FakeTracker
from trainables.training.lease import Outcome

MANIFEST = Manifest(
    name="toy",
    summary="a toy",
    code="toy:train",
    settings=(
        Setting(name="depth", kind="int", default=1, low=1),
        Setting(name="scalars", kind="str", default="none", choices=("none", "shared")),
        Setting(name="beta_init", kind="float", default=0.0, when={"scalars": ("shared",)}),
        Setting(name="epochs", kind="int", default=3, low=1),
    ),
    metrics=(
        Metric(name="test_accuracy", goal="maximize", worst=0.0),
        Metric(name="val_accuracy", goal="maximize", worst=0.0, curve=True),
    ),
    steps_setting="epochs",
)


SPEC: dict[str, Any] = {
    "name": "toy-study",
    "trainable": "toy",
    "factors": {"scalars": ["none", "shared"]},
    "baseline": {"scalars": "none"},
    "seeds": 2,
    "tags": {"team": "vision"},
}


FILES = [FigureFile(name="effects.pdf", caption="Effects", body=b"%PDF-1.4")]


EFFECTS = {
    "interim": False,
    "contrasts": [
        {
            "name": "scalars",
            "primary": True,
            "metric": "test_accuracy",
            "test": "paired_t",
            "correction": "holm",
            "alpha": 0.05,
            "family_size": 1,
            "rows": [
                {
                    "of": "shared",
                    "against": "none",
                    "within": {},
                    "estimate": 0.0123,
                    "low": 0.01,
                    "high": 0.015,
                    "p": 0.001,
                    "p_adjusted": 0.001,
                    "n": 2,
                    "holes": 0,
                    "unit": "",
                    "verdict": "better",
                }
            ],
        }
    ],
    "exploratory": [],
}


class Manifests:
    def manifest(self, name: str) -> Manifest:
        assert name == "toy"
        return MANIFEST


def no_plan(_study: StudyRow) -> bytes:
    return b"{}"


def add_study(
    ledger: Ledger,
    spec: dict[str, Any],
    prefix: str = "t",
    accuracies: tuple[float, float] = (0.9, 0.9),
    drawn: bool = True,
) -> str:
    """A study of two arms and two seeds of which every trial has ended and whose report is built."""
    planned = [
        studies.NewTrial(
            id=f"{prefix}{arm}{seed}",
            arm_id=arm,
            arm=f"scalars={arm}",
            levels={"scalars": arm},
            settings={"depth": 1, "scalars": arm, "epochs": 3}
            | ({"beta_init": 0.5} if arm == "shared" else {}),
            seed=seed,
            phase="measuring",
        )
        for arm in ("none", "shared")
        for seed in (0, 1)
    ]
    with ledger.write() as tx:
        id = studies.new_id()
        studies.create(tx, study_id=id, project="p", name=spec["name"], spec=spec, labels={}, planned=planned)
        number = attempts.begin(tx, id).number
        attempts.start(tx, id, number)
        ids = leasing.lease(tx, id, number, [trial.id for trial in planned])
        leasing.commit(tx, id, number, [outcome(i, accuracies[int(i[-1])]) for i in ids])
        attempts.finish(tx, id, number, "done")
        bodies = {"html": "<html></html>", "md": "# hi", "json": "{}", "latex": "% tables"}
        assert studies.complete(tx, id, state="done", effects=EFFECTS)
        last = studies.build(tx, id)
        assert last is not None and builds.add_reports(tx, id, seq=last.seq, bodies=bodies)
        assert not drawn or builds.add_figures(tx, id, seq=last.seq, files=FILES)
    return id


def outcome(trial_id: str, accuracy: float = 0.9) -> Outcome:
    return Outcome(
        trial_id=trial_id,
        state="done",
        metrics={"test_accuracy": accuracy, "val_accuracy": 0.8, "lost": None},
        curve={"val_accuracy": [(1, 0.5), (2, None), (3, 0.8)]},
        scalars={"alpha": [[1.0]], "beta": [[0.5]], "steps": [1]} if "shared" in trial_id else None,
        seconds=2.0,
    )


def drain(publisher: Publisher) -> int:
    total = 0
    while num := publisher.drain():
        total += num
    return total


def is_published(ledger: Ledger, study_id: str) -> bool:
    with ledger.read() as tx:
        return studies.get(tx, study_id).published


def check_complete(ledger: Ledger, tracker: FakeTracker, study_id: str) -> None:
    assert len(tracker.experiments) == 1
    kinds = sorted(run.tags["ablate.kind"] for run in tracker.runs.values())
    assert kinds == ["arm", "arm", "summary", "trial", "trial", "trial", "trial"]
    assert {run.status for run in tracker.runs.values()} == {"FINISHED"}
    assert is_published(ledger, study_id)
    with ledger.read() as tx:
        noted = {row.id: row.mlflow_run_id for row in trials.page(tx, study_id, limit=10)}
        assert outbox.waiting(tx) == 0
    assert noted == {
        run.tags["ablate.trial_id"]: id
        for id, run in tracker.runs.items()
        if run.tags["ablate.kind"] == "trial"
    }


def make_due(ledger: Ledger) -> None:

    from service.ledger.tables import outbox as table

    with ledger.write() as tx:
        tx.execute(update(table).values(next_at=None))


def forget(ledger: Ledger) -> None:

    from service.ledger.tables import outbox as table
    from service.ledger.tables import studies as study_table

    with ledger.write() as tx:
        tx.execute(update(table).values(done_at=None))
        tx.execute(update(study_table).values(published_at=None, experiment_id=None))


def runs_of_kind(tracker: FakeTracker, kind: str) -> dict[str, FakeRun]:
    return {id: run for id, run in tracker.runs.items() if run.tags["ablate.kind"] == kind}


def another(publisher: Publisher, ledger: Ledger, tracker: FakeTracker, folder: Path) -> Publisher:
    """A publisher that starts after this one has ended."""
    publisher.close()
    return publisher_that(lambda: True, ledger, tracker, folder)


def publisher_that(
    leads: Callable[[], bool], ledger: Ledger, tracker: FakeTracker, folder: Path
) -> Publisher:
    """A publisher that leads while this says so."""
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(folder), "ABLATE_PUBLIC_URL": "http://api"})
    return Publisher(settings, ledger, leads=leads, plan=no_plan, tracker=tracker, manifests=Manifests())
