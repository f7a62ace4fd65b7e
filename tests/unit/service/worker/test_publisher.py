"""The publisher over a real ledger and a tracking server in memory: once each, whatever fails on the way."""

import base64
import json
import math
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats
from sqlalchemy import update

from ablations.errors import InvalidStudy
from ablations.manifest import Manifest, Metric, Setting
from ablations.results.environments import Environment
from service.errors import TooMuchWork
from service.ledger import (
    Ledger,
    attempts,
    builds,
    environments,
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
from service.ledger.studies import StudyRow
from service.ledger.upkeep import deletions
from service.settings import Settings
from service.worker.mlflow import views
from service.worker.mlflow.publisher import Publisher
from service.worker.mlflow.runs import TRIAL
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


def test_everything_is_published_once(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    assert drain(publisher) == 7
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


def test_an_arm_has_a_run_with_the_means_over_its_seeds(
    ledger: Ledger, publisher: Publisher, tracker: FakeTracker
) -> None:
    metrics = [{"name": "test_accuracy"}, {"name": "low", "of": "test_accuracy", "below": 0.75}]
    study_id = add_study(ledger, {**SPEC, "metrics": metrics}, "m", accuracies=(0.7, 0.9))
    drain(publisher)
    found = {run.tags["ablate.arm_id"]: run for run in runs_of_kind(tracker, "arm").values()}
    assert set(found) == {"none", "shared"}
    values = {point.key: point.value for point in found["shared"].metrics}
    half = float(scipy.stats.t.ppf(0.975, 1)) * np.std([0.7, 0.9], ddof=1) / math.sqrt(2)
    assert values["test_accuracy"] == pytest.approx(0.8) and values["num_seeds"] == 2
    assert values["test_accuracy_low"] == pytest.approx(0.8 - half)
    assert values["test_accuracy_high"] == pytest.approx(0.8 + half)
    assert values["low"] == 0.5 and "low_low" not in values and "lost" not in values
    assert values["alpha_by_layer"] == 1.0 and values["beta_by_layer"] == 0.5
    curve = [(p.step, p.value) for p in found["none"].metrics if p.key == "val_accuracy"]
    assert sorted(curve) == [(1, 0.5), (3, 0.8)]
    assert found["none"].params["arm"] == found["none"].name and found["none"].params["seed"] == "2 of 2"
    before = set(runs_of_kind(tracker, "arm"))
    with ledger.write() as tx:  # told anew, with another result of one seed
        tx.execute(
            update(tables.trials)
            .where(tables.trials.c.id == "mshared0")
            .values(metrics={"test_accuracy": 0.1})
        )
        outbox.put(tx, "trial", study_id, "mshared0", {})
    drain(publisher)
    after = runs_of_kind(tracker, "arm")
    assert len(after) == 2 and len(set(after) & before) == 1
    (fresh,) = [run for id, run in after.items() if id not in before]
    assert [p.value for p in fresh.metrics if p.key == "test_accuracy"] == [pytest.approx(0.5)]


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


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("restarted", [True, False])
def test_figures_that_are_drawn_later_join_the_summary(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, tmp_path: Path, restarted: bool, there: bool
) -> None:
    id = add_study(ledger, SPEC, drawn=False)
    drain(publisher)
    check_complete(ledger, tracker, id)
    ((run_id, summary),) = runs_of_kind(tracker, "summary").items()
    assert "report.html" in summary.artifacts and "figures/effects.pdf" not in summary.artifacts
    if not there:  # somebody has deleted it
        del tracker.runs[run_id]
    if restarted or not there:
        publisher = another(publisher, ledger, tracker, tmp_path)
    with ledger.write() as tx:
        last = studies.build(tx, id)
        assert last is not None and builds.add_figures(tx, id, seq=last.seq, files=FILES)
    drain(publisher)
    check_complete(ledger, tracker, id)
    (summary,) = runs_of_kind(tracker, "summary").values()
    assert {"report.html", "figures/effects.pdf"} <= set(summary.artifacts)
    assert publisher._experiments == {}


@pytest.mark.parametrize("error", [TooMuchWork("takes too long"), InvalidStudy("its plugin has changed")])
def test_a_study_that_cannot_be_planned_now_is_published_without_its_plan(
    ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path, error: Exception
) -> None:
    def refuse(_study: StudyRow) -> bytes:
        raise error

    settings = Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path)})
    publisher = Publisher(settings, ledger, plan=refuse, tracker=tracker, manifests=Manifests())
    drain(publisher)
    publisher.close()
    check_complete(ledger, tracker, study_id)
    (summary,) = [run for run in tracker.runs.values() if run.tags["ablate.kind"] == "summary"]
    assert "spec.json" in summary.artifacts and "plan.json" not in summary.artifacts


@pytest.mark.parametrize("call", ["create_experiment", "create_run", "log", "finish"])
def test_a_lost_answer_makes_nothing_twice(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, call: str
) -> None:
    tracker.lose_next = call
    drain(publisher)
    make_due(ledger)
    drain(publisher)
    check_complete(ledger, tracker, study_id)


class Repeating(FakeTracker):
    """A server at the end of a line that brings every request for a run twice; the first answer is lost."""

    def create_run(self, *run: Any) -> str:
        super().create_run(*run)
        return super().create_run(*run)


@pytest.mark.usefixtures("study_id")
def test_a_run_that_mlflow_made_twice_is_shown_once(ledger: Ledger, tmp_path: Path) -> None:
    tracker = Repeating()
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path)})
    made = Publisher(settings, ledger, plan=no_plan, tracker=tracker, manifests=Manifests())
    drain(made)
    made.close()
    kinds = [run.tags["ablate.kind"] for run in tracker.runs.values()]
    assert sorted(kinds) == ["arm", "arm", "summary", "trial", "trial", "trial", "trial"]
    assert {run.status for run in tracker.runs.values()} <= {"FINISHED", "FAILED", "KILLED"}


def test_another_publisher_goes_on_where_one_was_killed(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path
) -> None:
    drain(publisher)
    # As if the process had died after sending and before noting: everything is due once more.
    forget(ledger)
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(tmp_path)})
    other = Publisher(settings, ledger, plan=no_plan, tracker=tracker, manifests=Manifests())
    assert drain(other) == 7
    other.close()
    check_complete(ledger, tracker, study_id)


def test_while_mlflow_is_away_nothing_is_lost_and_little_is_asked(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    tracker.away = True
    assert [publisher.drain() for _ in range(20)] == [0] * 20
    assert tracker.num_calls <= 2
    with ledger.read() as tx:
        assert outbox.waiting(tx) == 7
    tracker.away = False
    publisher.resume()
    assert drain(publisher) == 7
    check_complete(ledger, tracker, study_id)


@pytest.mark.parametrize("how", ["refuse", "broken"])
def test_a_poisonous_row_is_parked_with_its_error_and_the_others_go_on(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, how: str
) -> None:
    setattr(tracker, how, "tshared0")
    drain(publisher)
    sent = {run.tags["ablate.trial_id"] for run in tracker.runs.values() if run.tags["ablate.kind"] != "arm"}
    assert sent == {"tnone0", "tnone1", "tshared1", study_id}
    assert not is_published(ledger, study_id)
    with ledger.read() as tx:
        assert outbox.waiting(tx) == 1
    setattr(tracker, how, None)
    make_due(ledger)
    drain(publisher)
    check_complete(ledger, tracker, study_id)


@pytest.mark.parametrize("call", ["", "delete_experiment", "away"])
def test_a_deleted_study_is_deleted_in_mlflow_too(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, call: str
) -> None:
    other = add_study(ledger, {**SPEC, "name": "other"}, "o")
    drain(publisher)
    tracker.away, tracker.lose_next = call == "away", call or None
    with ledger.write() as tx:
        deletions.delete(tx, study_id, "p", num_reused=0)
    drain(publisher)
    if call:
        with ledger.read() as tx:
            assert outbox.waiting(tx) == 1
        tracker.away = False
        publisher.resume()
        make_due(ledger)
        drain(publisher)
    assert {run.tags["ablate.study_id"] for run in tracker.runs.values()} == {other}
    assert [tags["ablate.study_id"] for _, tags in tracker.experiments.values()] == [other]
    assert deletions.sweep(ledger, lambda _: None) == 1


def test_a_study_that_was_deleted_before_it_was_published_never_is(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    with ledger.write() as tx:
        deletions.delete(tx, study_id, "p", num_reused=0)
    drain(publisher)
    assert not tracker.experiments
    with ledger.read() as tx:
        assert outbox.waiting(tx) == 0


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
    waiting = Publisher(
        settings, ledger, leads=lambda: leading, plan=no_plan, tracker=tracker, manifests=Manifests()
    )
    assert waiting.drain() == 0 and tracker.num_calls == 0
    leading = True
    assert waiting.drain() > 0 and {run.tags[TRIAL] for run in tracker.runs.values()} > {study_id}
    waiting.close()


def run_anew(ledger: Ledger, study_id: str, accuracy: float, depth: int = 1) -> None:
    """All trials again, with other results, and the report."""
    with ledger.write() as tx:
        number = attempts.begin(tx, study_id).number
        attempts.start(tx, study_id, number)
        rows = trials.page(tx, study_id, limit=10)
        ids = leasing.lease(tx, study_id, number, [row.id for row in rows])
        for row in rows:
            settings = {**row.settings, "depth": depth}
            tx.execute(update(tables.trials).where(tables.trials.c.id == row.id).values(settings=settings))
        done = [outcome(id) for id in ids]
        leasing.commit(
            tx,
            study_id,
            number,
            [replace(one, metrics={"test_accuracy": accuracy}, curve={}) for one in done],
        )
        attempts.finish(tx, study_id, number, "done")
        assert studies.complete(tx, study_id, state="done", effects=EFFECTS, reports={"md": "# anew"})


def runs_of_kind(tracker: FakeTracker, kind: str) -> dict[str, FakeRun]:
    return {id: run for id, run in tracker.runs.items() if run.tags["ablate.kind"] == kind}


@pytest.mark.parametrize("restarted", [False, True])
def test_what_runs_anew_is_shown_by_new_runs_and_the_old_ones_are_marked(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str, tmp_path: Path, restarted: bool
) -> None:
    drain(publisher)
    old = runs_of_kind(tracker, "trial")
    for generation, accuracy in ((1, 0.3), (2, 0.4)):
        with ledger.write() as tx:
            steering.retry(tx, study_id, afresh=True)
        drain(publisher)
        assert runs_of_kind(tracker, "trial") == {}
        (experiment,) = tracker.experiments.values()
        assert "its answer will stand here" in experiment[1]["mlflow.note.content"]
        with ledger.read() as tx:
            assert {row.mlflow_run_id for row in trials.page(tx, study_id, limit=10)} == {None}
        # Settings that a new search has chosen: MLflow would refuse them in the old runs.
        run_anew(ledger, study_id, accuracy, depth=1 + generation)
        if restarted:
            publisher = another(publisher, ledger, tracker, tmp_path)
        drain(publisher)
        new = runs_of_kind(tracker, "trial")
        assert len(new) == 4 and is_published(ledger, study_id)
        for run in new.values():
            assert {point.value for point in run.metrics if point.key == "test_accuracy"} == {accuracy}
        (summary,) = runs_of_kind(tracker, "summary").values()
        assert summary.artifacts["report.md"] == b"# anew"
        assert len(runs_of_kind(tracker, "superseded")) == 4 * generation
    assert all(run.tags["ablate.trial_id"].endswith(".1") for run in old.values())
    with ledger.read() as tx:
        noted = {row.mlflow_run_id for row in trials.page(tx, study_id, limit=10)}
    assert noted == set(runs_of_kind(tracker, "trial"))


def another(publisher: Publisher, ledger: Ledger, tracker: FakeTracker, folder: Path) -> Publisher:
    """A publisher that starts after this one has ended."""
    publisher.close()
    settings = Settings.from_env({"ABLATE_DATA_DIR": str(folder), "ABLATE_PUBLIC_URL": "http://api"})
    return Publisher(settings, ledger, plan=no_plan, tracker=tracker, manifests=Manifests())


def test_nothing_new_is_written_into_old_runs_while_these_cannot_be_marked(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker, study_id: str
) -> None:
    drain(publisher)
    old = runs_of_kind(tracker, "trial")
    before = {id: set(run.metrics) for id, run in old.items()}
    with ledger.write() as tx:
        steering.retry(tx, study_id, afresh=True)
    tracker.refuse_tags = True
    drain(publisher)
    run_anew(ledger, study_id, 0.3)
    drain(publisher)
    assert {id: run.metrics for id, run in old.items()} == before and set(tracker.runs) > set(old)
    assert len(tracker.runs) == 7 and not is_published(ledger, study_id)
    tracker.refuse_tags = False
    with ledger.write() as tx:
        tx.execute(update(tables.outbox).values(next_at=None))
    drain(publisher)
    assert len(runs_of_kind(tracker, "superseded")) == len(runs_of_kind(tracker, "trial")) == 4
    assert {id: run.metrics for id, run in old.items()} == before and is_published(ledger, study_id)


def test_commits_of_a_trials_code_are_tags(
    publisher: Publisher, ledger: Ledger, tracker: FakeTracker
) -> None:
    commits = {"code:trainable:toy": "0a1b (clean)", "code:activation:wavy": "2c3d (changed since)"}
    environment = Environment(parts=dict.fromkeys(commits, "d"), commits=commits)
    study_id = add_study(ledger, SPEC)
    with ledger.write() as tx:
        (id,) = environments.keep(tx, [environment])
        tx.execute(update(tables.trials).where(tables.trials.c.seed == 0).values(environment_id=id))
    drain(publisher)
    assert is_published(ledger, study_id)
    for run in runs_of_kind(tracker, "trial").values():
        tags = {name: value for name, value in run.tags.items() if "commit" in name}
        assert tags == (
            {
                "ablate.commit.trainable:toy": "0a1b (clean)",
                "ablate.commit.activation:wavy": "2c3d (changed since)",
                "mlflow.source.git.commit": "0a1b",
            }
            if run.params["seed"] == "0"
            else {}
        )
