"""What a trial reports, measures and says when it goes wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations.manifest import Manifest
from tests.unit.trainables.sources import ListSource, lease, resolved, stripes, train
from trainables.catalogue import LiveCatalogue, load_catalogue
from trainables.data.vision import load, prepare
from trainables.manifests.classifiers import CLASSIFIER_METRICS
from trainables.models.widths import arm_size
from trainables.packs.trainer import run_trainer
from trainables.training.lease import Lease, Outcome, Report


@pytest.fixture(scope="module")
def done(datasets_dir: Path) -> ListSource:
    """One trial with readings."""
    trial = lease("t", epochs=4, depth=1, scalars="per_layer", readings=(2, "best_validation"))
    return train([trial], datasets_dir)


def test_every_declared_metric_is_measured(done: ListSource) -> None:
    outcome = done.outcomes["t"]
    declared = {metric.name for metric in CLASSIFIER_METRICS}
    assert outcome.state == "done" and declared <= set(outcome.metrics)
    size = arm_size("mlp-classifier", resolved(epochs=4, depth=1, scalars="per_layer"))
    assert size is not None and outcome.metrics["num_parameters"] == size["num_parameters"]
    assert outcome.metrics["test_accuracy"] > 0.8 and outcome.metrics["seconds"] == outcome.seconds > 0
    assert outcome.reason is None and outcome.traceback is None


def test_test_data_is_read_at_the_declared_points_and_nowhere_else(done: ListSource) -> None:
    names = {name for name in done.outcomes["t"].metrics if name.startswith("test_")}
    assert names == {
        f"test_{what}{at}" for what in ("accuracy", "loss") for at in ("", "/2", "/best_validation")
    }
    assert not any(name.startswith("test_") for name in done.outcomes["t"].curve)
    assert not any(name.startswith("test_") for report in done.reports for name in report.metrics)


def test_a_trial_of_a_search_never_looks_at_test_data(datasets_dir: Path) -> None:
    changes = {"epochs": 2, "fgsm": True, "linearity": True, "scalars": "per_layer"}
    searching = replace(lease("search", **changes), tests=False, readings=(1, "best_validation"))
    outcomes = train([searching, lease("measure", **changes)], datasets_dir, pack=2).outcomes
    search, measure = outcomes["search"].metrics, outcomes["measure"].metrics
    lacking = set(measure) - set(search)
    assert {"test_accuracy", "test_loss", "fgsm_accuracy", "linear_share", "straightness"} <= lacking
    assert not any(name.startswith(("test_", "fgsm_", "linear_", "straightness")) for name in search)
    assert search["val_accuracy"] == measure["val_accuracy"]


def test_curves_have_a_point_an_epoch(done: ListSource) -> None:
    curve = done.outcomes["t"].curve
    assert [step for step, _ in curve["val_accuracy"]] == [0, 1, 2, 3, 4]
    assert [step for step, _ in curve["train_loss"]] == [1, 2, 3, 4]
    losses = [value for _, value in curve["val_loss"]]
    assert done.outcomes["t"].metrics["convergence_auc"] == pytest.approx(np.trapezoid(losses))
    assert done.outcomes["t"].metrics["val_loss"] == losses[-1]


def test_scalars_are_kept_by_layer_and_epoch(done: ListSource) -> None:
    scalars = done.outcomes["t"].scalars
    assert (
        scalars["steps"] == [0, 1, 2, 3, 4] and scalars["alpha"][0] == [1.0] and scalars["beta"][0] == [0.0]
    )
    assert scalars["alpha"][-1] != [1.0] and scalars["beta"][-1] != [0.0]


def test_reports_come_once_an_epoch_while_it_runs(done: ListSource) -> None:
    assert [report.step for report in done.reports] == [1, 2, 3]


def test_the_best_epoch_is_the_one_of_highest_validation(datasets_dir: Path) -> None:
    """Overtraining with a huge rate at the end is imitated by reading every epoch."""
    trial = lease("t", epochs=6, depth=2, lr=0.05, readings=(*range(1, 7), "best_validation"))
    outcome = train([trial], datasets_dir).outcomes["t"]
    keys = zip(outcome.curve["val_accuracy"][1:], outcome.curve["val_loss"][1:], strict=True)
    best = max(((acc, -loss, -step) for (step, acc), (_, loss) in keys))
    assert outcome.metrics["test_accuracy/best_validation"] == outcome.metrics[f"test_accuracy/{-best[2]}"]


def test_cancelled_is_said_as_such(datasets_dir: Path) -> None:
    source = train([lease("t", epochs=50)], datasets_dir, stop=lambda _: "cancelled")
    assert source.outcomes["t"].state == "cancelled" and len(source.reports) == 1


def test_data_that_are_not_those_planned_for_fail_the_trial(datasets_dir: Path) -> None:
    good = prepare("digits-5k", datasets_dir).fingerprint
    leases = [
        Lease(
            trial_id=name,
            settings=resolved(epochs=1),
            seed=0,
            data={} if data is None else {"digits-5k": data},
        )
        for name, data in (("good", good), ("bad", "0" * 64))
    ]
    outcomes = train(leases, datasets_dir, pack=2).outcomes
    assert outcomes["good"].state == "done"
    assert outcomes["bad"].state == "failed" and "data_mismatch" in str(outcomes["bad"].reason)


@pytest.mark.parametrize("pack", [1, 2])
def test_code_that_is_not_what_was_planned_fails_the_trial(datasets_dir: Path, pack: int) -> None:
    good = load_catalogue().code_digests("mlp-classifier", resolved())
    leases = [
        Lease(trial_id=name, settings=resolved(epochs=1), seed=0, code=code)
        for name, code in (("bad", {"trainable": "0" * 64}), ("good", good), ("worse", {"activation:x": "1"}))
    ]
    outcomes = train(leases, datasets_dir, pack=pack).outcomes
    assert outcomes["good"].state == "done"
    for name, role in (("bad", "trainable"), ("worse", "activation:x")):
        assert outcomes[name].state == "failed"
        assert str(outcomes[name].reason).startswith(f"CodeMismatch: code_mismatch: {role} changed")


def test_missing_plugins_fail_the_trials_that_name_them(datasets_dir: Path) -> None:
    leases = [lease("good", epochs=1), lease("bad", epochs=1, base="not-installed")]
    outcomes = train(leases, datasets_dir, pack=2).outcomes
    assert outcomes["good"].state == "done"
    assert outcomes["bad"].state == "failed" and "plugin_missing" in str(outcomes["bad"].reason)
    assert "Traceback" in str(outcomes["bad"].traceback)
    outcome = train([lease("t")], datasets_dir, trainable="nothing").outcomes["t"]
    assert outcome.state == "failed" and "plugin_missing" in str(outcome.reason)


def test_a_missing_dataset_names_the_place_to_put_it(datasets_dir: Path) -> None:
    outcome = train([lease("t", dataset="nowhere")], datasets_dir).outcomes["t"]
    assert outcome.state == "failed" and str(datasets_dir / "nowhere.npz") in str(outcome.reason)


def test_a_broken_source_is_not_a_trials_fault(datasets_dir: Path) -> None:
    class Broken(ListSource):
        def report(self, reports: Sequence[Report]) -> Mapping[str, str]:
            raise ConnectionError(f"away with {len(reports)} reports")

    with pytest.raises(ConnectionError, match="away"):
        run_trainer(
            Broken([lease("t")]),
            trainable="mlp-classifier",
            device="cpu",
            threads=1,
            datasets_dir=datasets_dir,
            pack=1,
        )


def test_what_travels_arrives() -> None:
    trial = lease("t", readings=(5, "best_validation"))
    assert Lease.from_json(trial.to_json()) == trial
    assert Lease.from_json({**trial.to_json(), "new": 1}) == trial
    outcome = Outcome(trial_id="t", state="diverged", curve={"a": ((1, 0.5), (2, None))}, reason="nan")
    assert Outcome.from_json(outcome.to_json()) == outcome
    report = Report(trial_id="t", step=3, metrics={"a": None})
    assert Report.from_json(report.to_json()) == report


def test_the_same_digits_for_the_same_manifest(datasets_dir: Path) -> None:
    data = load("digits-5k", datasets_dir)
    assert isinstance(load_catalogue().manifest("mlp-classifier"), Manifest)
    assert (len(data.train), len(data.val), len(data.test)) == (3500, 500, 1000)


def test_a_users_file_can_be_named_as_soon_as_it_is_there(tmp_path: Path) -> None:
    catalogue = LiveCatalogue(tmp_path)

    def names() -> tuple[Any, ...]:
        return catalogue.manifest("mlp-classifier").setting("dataset").choices or ()

    before, first = names(), catalogue()
    assert "stripes" not in before and catalogue() is first
    (tmp_path / ".stripes.npz.partial").touch()
    (tmp_path / "notes.md").touch()
    assert catalogue() is first
    stripes(tmp_path)
    assert set(names()) - set(before) == {"stripes"}
    (tmp_path / "stripes.npz").unlink()
    assert names() == before
