"""What MLflow shows of a study, through a real ledger and a tracking server in memory."""

import base64
import json
import math
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from sqlalchemy import update

from ablations.errors import InvalidStudy
from service.errors import TooMuchWork
from service.ledger import (
    Ledger,
    builds,
    outbox,
    studies,
    tables,
)
from service.ledger.studies import StudyRow
from service.settings import Settings
from service.worker.mlflow import views
from service.worker.mlflow.publisher import Publisher
from tests.contract.fake_tracker import FakeTracker
from tests.unit.service.worker.publishing import (
    FILES,
    SPEC,
    Manifests,
    add_study,
    another,
    check_complete,
    drain,
    runs_of_kind,
)


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
