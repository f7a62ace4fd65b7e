"""What trials are told of the test split, and what a result must have to be reused."""

from pathlib import Path
from typing import Any

import pytest

from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from service.driver.places import Place
from service.driver.preparation import Preparation
from service.protocol import Task
from trainables.catalogue import load_catalogue

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
