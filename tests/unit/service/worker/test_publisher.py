"""The publisher over a real ledger and a tracking server in memory: once each, whatever fails on the way."""

import base64
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from ablations.manifest import Manifest, Metric, Setting
from service.ledger import (
    Ledger,
    attempts,
    leasing,
    migrate,
    open_ledger,
    outbox,
    steering,
    studies,
    tables,
    trials,
)
from service.ledger.builds import FigureFile
from service.settings import Settings
from service.worker.mlflow import views
from service.worker.mlflow.publisher import Publisher
from service.worker.mlflow.runs import TRIAL
from tests.contract.fake_tracker import FakeTracker
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
    made = Publisher(settings, ledger, tracker=tracker, manifests=Manifests())
    yield made
    made.close()


@pytest.fixture
def study_id(ledger: Ledger) -> str:
    return add_study(ledger, SPEC)


def add_study(ledger: Ledger, spec: dict[str, Any], prefix: str = "t") -> str:
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
        leasing.commit(tx, id, number, [outcome(trial_id) for trial_id in ids])
        attempts.finish(tx, id, number, "done")
        bodies = {"html": "<html></html>", "md": "# hi", "json": "{}", "latex": "% tables"}
        files = [FigureFile(name="effects.pdf", caption="Effects", body=b"%PDF-1.4")]
        assert studies.complete(tx, id, state="done", effects=EFFECTS, reports=bodies, figures_follow=True)
        assert studies.add_figures(tx, id, files)
    return id


def outcome(trial_id: str) -> Outcome:
    return Outcome(
        trial_id=trial_id,
        state="done",
        metrics={"test_accuracy": 0.9, "val_accuracy": 0.8, "lost": None},
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
    assert kinds == ["summary", "trial", "trial", "trial", "trial"]
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


def test_everything_is_published_once(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    assert drain(publisher) == 6
    check_complete(ledger, tracker, study_id)
    assert drain(publisher) == 0


def test_a_run_shows_the_trial(publisher: Publisher, tracker: FakeTracker, study_id: str) -> None:
    drain(publisher)
    runs = {run.tags["ablate.trial_id"]: run for run in tracker.runs.values()}
    static, shared = runs["tnone0"], runs["tshared1"]
    assert (
        set(static.params) == set(shared.params) == {"arm", "seed", "depth", "scalars", "beta_init", "epochs"}
    )
    assert static.params["beta_init"] == "-" and shared.params["beta_init"] == "0.5"
    assert shared.params["arm"] == "scalars=shared" and shared.params["seed"] == "1"
    points = {(m.key, m.step): m.value for m in static.metrics}
    assert points == {("val_accuracy", 1): 0.5, ("val_accuracy", 3): 0.8, ("test_accuracy", 3): 0.9}
    assert set(static.artifacts) == {"curve.json"} and set(shared.artifacts) == {"curve.json", "scalars.json"}
    assert static.end_ms is not None and static.end_ms - static.start_ms == 2000
    assert static.tags["ablate.study_id"] == study_id and static.tags["ablate.device"] == "cpu"


def test_runs_have_the_rates_and_the_views_show_a_metric_that_runs_have(
    ledger: Ledger, publisher: Publisher, tracker: FakeTracker
) -> None:
    metrics = [
        {"name": "val_accuracy", "at": [3]},
        {"name": "collapsed", "of": "val_accuracy/3", "below": 0.75},
    ]
    for first in (0, 1):
        ordered = metrics[first:] + metrics[:first]
        study_id = add_study(ledger, {**SPEC, "name": f"rates {first}", "metrics": ordered}, f"r{first}")
        drain(publisher)
        trial_runs = [run for run in tracker.runs.values() if run.tags["ablate.study_id"] == study_id]
        keys = [{m.key: m.value for m in run.metrics} for run in trial_runs if run.metrics]
        assert keys and all(own["val_accuracy/3"] == 0.8 and own["collapsed"] == 0.0 for own in keys)
        (tags,) = [tags for _, tags in tracker.experiments.values() if tags["ablate.study_id"] == study_id]
        view = json.loads(zlib.decompress(base64.b64decode(tags[views.PREFIX + views.FACTORS][8:])))
        (chart,) = view["compareRunCharts"]
        (primary,) = chart["selectedMetrics"]
        assert all(primary in own for own in keys)


def test_the_experiment_holds_the_answer_and_two_views(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    drain(publisher)
    ((name, tags),) = tracker.experiments.values()
    assert "toy-study" in name and tags["ablate.study_id"] == study_id and tags["ablate.tag.team"] == "vision"
    assert "**better**" in tags["mlflow.note.content"] and "+0.0123" in tags["mlflow.note.content"]
    assert f"http://api/v1/studies/{study_id}/report" in tags["mlflow.note.content"]
    assert {views.PREFIX + views.CURVES, views.PREFIX + views.FACTORS} <= set(tags)
    with ledger.read() as tx:
        row = studies.get(tx, study_id)
    assert row.experiment_id == "1" and row.mlflow_view == views.link("1")
    (summary,) = [run for run in tracker.runs.values() if run.tags["ablate.kind"] == "summary"]
    wanted = {
        "spec.json",
        "plan.json",
        "effects.json",
        "effects.md",
        "report.html",
        "report.md",
        "report.json",
    }
    assert set(summary.artifacts) == wanted | {"report.tex", "figures/effects.pdf"}
    assert summary.artifacts["figures/effects.pdf"] == b"%PDF-1.4"


@pytest.mark.parametrize("call", ["create_experiment", "create_run", "log", "finish"])
def test_a_lost_answer_makes_nothing_twice(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, call: str
) -> None:
    tracker.lose_next = call
    drain(publisher)
    make_due(ledger)
    drain(publisher)
    check_complete(ledger, tracker, study_id)


def test_another_publisher_goes_on_where_one_was_killed(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path
) -> None:
    drain(publisher)
    # As if the process had died after sending and before noting: everything is due once more.
    forget(ledger)
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path)})
    other = Publisher(settings, ledger, tracker=tracker, manifests=Manifests())
    assert drain(other) == 6
    other.close()
    check_complete(ledger, tracker, study_id)


def test_while_mlflow_is_away_nothing_is_lost_and_little_is_asked(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    tracker.away = True
    assert [publisher.drain() for _ in range(20)] == [0] * 20
    assert tracker.num_calls <= 2
    with ledger.read() as tx:
        assert outbox.waiting(tx) == 6
    tracker.away = False
    publisher.resume()
    assert drain(publisher) == 6
    check_complete(ledger, tracker, study_id)


@pytest.mark.parametrize("how", ["refuse", "broken"])
def test_a_poisonous_row_is_parked_with_its_error_and_the_others_go_on(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, how: str
) -> None:
    setattr(tracker, how, "tshared0")
    drain(publisher)
    sent = {run.tags["ablate.trial_id"] for run in tracker.runs.values()}
    assert sent == {"tnone0", "tnone1", "tshared1", study_id}
    assert not is_published(ledger, study_id)
    with ledger.read() as tx:
        assert outbox.waiting(tx) == 1
    setattr(tracker, how, None)
    make_due(ledger)
    drain(publisher)
    check_complete(ledger, tracker, study_id)


def make_due(ledger: Ledger) -> None:
    from sqlalchemy import update

    from service.ledger.tables import outbox as table

    with ledger.write() as tx:
        tx.execute(update(table).values(next_at=None))


def forget(ledger: Ledger) -> None:
    from sqlalchemy import update

    from service.ledger.tables import outbox as table
    from service.ledger.tables import studies as study_table

    with ledger.write() as tx:
        tx.execute(update(table).values(done_at=None))
        tx.execute(update(study_table).values(published_at=None, experiment_id=None))


def test_the_run_of_a_retried_trial_becomes_that_of_its_result(
    ledger: Ledger, publisher: Publisher, tracker: FakeTracker, study_id: str
) -> None:
    with ledger.write() as tx:
        row = trials.page(tx, study_id, limit=1)[0]
        tx.execute(
            update(tables.trials)
            .where(tables.trials.c.id == row.id)
            .values(state="failed", metrics=None, curve=None, reason="the disk was full")
        )
    while publisher.drain():
        pass
    (run,) = [run for run in tracker.runs.values() if run.tags[TRIAL] == row.id]
    assert (run.status, run.tags["ablate.reason"]) == ("FAILED", "the disk was full")
    with ledger.write() as tx:
        steering.retry(tx, study_id)
        outbox.put(tx, "trial", study_id, row.id, {})  # as if the failure had not been told yet
    assert publisher.drain() == 0 and run.status == "FAILED"
    with ledger.write() as tx:
        assert outbox.waiting(tx) == 0
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        leasing.lease(tx, study_id, number, [row.id])
        result = Outcome(trial_id=row.id, state="done", metrics={"test_accuracy": 0.5})
        leasing.commit(tx, study_id, number, [result])
        attempts.finish(tx, study_id, number, "done")
        studies.complete(tx, study_id, state="done", effects=EFFECTS, reports={})
    while publisher.drain():
        pass
    assert (run.status, run.tags["ablate.state"], run.tags["ablate.reason"]) == ("FINISHED", "done", "")
    assert [(m.key, m.value) for m in run.metrics] == [("test_accuracy", 0.5)]
    assert len([r for r in tracker.runs.values() if r.tags[TRIAL] == row.id]) == 1
    with ledger.read() as tx:
        assert studies.get(tx, study_id).published


def test_a_worker_that_does_not_lead_publishes_nothing(
    ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path
) -> None:
    leading = False
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path)})
    waiting = Publisher(settings, ledger, leads=lambda: leading, tracker=tracker, manifests=Manifests())
    assert waiting.drain() == 0 and tracker.num_calls == 0
    leading = True
    assert waiting.drain() > 0 and {run.tags[TRIAL] for run in tracker.runs.values()} > {study_id}
    waiting.close()
