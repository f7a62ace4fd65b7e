"""What trials are told of the test split, and what a result must have to be reused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ablations.manifest import Manifest, Metric, Setting
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from service.driver.places import Place
from service.driver.preparation import Preparation
from service.protocol import Task
from tests.unit.trainables.sources import stripes
from trainables.catalogue import load_catalogue
from trainables.data.vision import prepare
from trainables.errors import DataUnavailable

STUDY: dict[str, Any] = {
    "name": "s",
    "trainable": "mlp-classifier",
    "factors": {"base": ["relu", "mish"]},
    "fixed": {"epochs": 6},
    "metrics": [{"name": "test_accuracy", "at": [2, 5]}, {"name": "test_loss", "at": "best_validation"}],
    "tuning": {"candidates": 2, "space": {"lr": [0.1, 0.2]}},
}


@pytest.fixture
def preparation(tmp_path: Path) -> Preparation:
    catalogue = load_catalogue(tmp_path)
    design = compile_design(parse_study(STUDY), catalogue.manifest("mlp-classifier"))
    place = Place(torch="2", numerics="exact", threads=1, hardware="cpu")
    return Preparation(catalogue, design, datasets_dir=tmp_path, place=lambda: place)


def task(preparation: Preparation, *, measuring: bool) -> Task:
    settings: dict[str, Any] = {"base": "relu", "epochs": 6, "dataset": "digits-5k"}
    return preparation.task("t", settings, 3, measuring=measuring)


def test_a_measuring_trial_reads_and_a_reused_one_must_have_what_the_study_declares(
    preparation: Preparation,
) -> None:
    found = task(preparation, measuring=True)
    assert found.lease.tests and found.lease.readings == (2, 5, "best_validation")
    assert found.metrics == ("test_accuracy/2", "test_accuracy/5", "test_loss/best_validation")


def test_a_trial_of_a_search_reads_no_test_data_and_needs_the_metric_of_the_search(
    preparation: Preparation,
) -> None:
    found = task(preparation, measuring=False)
    assert not found.lease.tests and found.lease.readings == ()
    assert found.metrics == ("val_accuracy",)


OWN = Manifest(
    name="own",
    summary="a plugin's trainable, which names its data as it likes",
    code="xml:train",  # any package that is here
    settings=(
        Setting(name="images", kind="str", default="digits-5k"),
        Setting(name="others", kind="str", default="none"),
        Setting(name="optimizer", kind="str", default="adam"),
    ),
    metrics=(Metric(name="height", goal="minimize", worst=1.0),),
)


def own(folder: Path) -> Preparation:
    """A fresh attempt's preparation."""
    loaded = load_catalogue(folder)
    catalogue = replace(loaded, trainables={"own": OWN, **loaded.trainables})
    design = compile_design(parse_study({"name": "s", "trainable": "own", "seeds": 2}), OWN)
    place = Place(torch="2", numerics="exact", threads=1, hardware="cpu")
    return Preparation(catalogue, design, datasets_dir=folder, place=lambda: place)


def test_data_named_by_a_setting_of_a_plugins_own_is_part_of_what_a_trial_is(tmp_path: Path) -> None:
    stripes(tmp_path)
    known = {name: prepare(name, tmp_path).fingerprint for name in ("stripes", "digits-5k")}
    settings: dict[str, Any] = {"images": "stripes", "others": "none", "optimizer": "adam"}
    preparation = own(tmp_path)
    assert preparation.task("t", settings, 0, measuring=True).lease.data == {"stripes": known["stripes"]}
    both = preparation.task("t", {**settings, "others": "digits-5k"}, 0, measuring=True)
    assert both.lease.data == known and both.environment is not None
    found = {part for part in both.environment.parts if part.startswith("data:")}
    assert found == {"data:stripes", "data:digits-5k"}
    assert preparation.task("t", {**settings, "images": "none"}, 0, measuring=True).lease.data == {}


def test_other_data_under_the_same_name_are_another_trial(tmp_path: Path) -> None:
    stripes(tmp_path)
    settings: dict[str, Any] = {"images": "stripes", "others": "digits-5k"}
    before = own(tmp_path).task("t", settings, 0, measuring=True).lease.fingerprint
    with np.load(tmp_path / "stripes.npz") as stored:
        arrays = {**stored, "x_test": 255 - stored["x_test"]}
    np.savez(tmp_path / "stripes.npz", **arrays)  # type: ignore[arg-type]
    assert own(tmp_path).task("t", settings, 0, measuring=True).lease.fingerprint != before


def test_data_that_cannot_be_read_are_said_so_and_end_no_driver(tmp_path: Path) -> None:
    stripes(tmp_path)
    whole = (tmp_path / "stripes.npz").read_bytes()
    middle = len(whole) // 2
    (tmp_path / "stripes.npz").write_bytes(whole[:middle] + b"\xff" * 64 + whole[middle + 64 :])
    (tmp_path / "latin.txt").write_bytes("\n\n".join(["\xe9t\xe9"] * 9).encode("latin-1"))
    for name in ("stripes", "latin"):
        with pytest.raises(DataUnavailable, match=name):
            own(tmp_path).task("t", {"images": name}, 0, measuring=True)
