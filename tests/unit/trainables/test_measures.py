"""Measures that a study switches on, against what is computed from the outcome by hand."""

from pathlib import Path

import pytest
import torch

from tests.unit.trainables.sources import lease, train
from trainables.activations.bases import BASES
from trainables.data.tensors import to_device
from trainables.data.vision import load
from trainables.measures.convergence import area
from trainables.measures.declared import measure_fgsm, measure_linearity
from trainables.models.mlp import MLP


def test_they_are_metrics_of_trials_that_ask_for_them(datasets_dir: Path) -> None:
    asking = lease("asking", fgsm=True, fgsm_epsilon=0.02, linearity=True, scalars="per_layer")
    outcomes = train([asking, lease("plain")], datasets_dir, pack=2).outcomes
    metrics = outcomes["asking"].metrics
    assert metrics["fgsm_accuracy"] + metrics["fgsm_drop"] == pytest.approx(
        metrics["test_accuracy"], abs=2e-3
    )
    assert (
        0 < metrics["fgsm_drop"] < 1 and 0 < metrics["linear_share"] < 1 and 0 < metrics["straightness"] < 1
    )
    assert not {"fgsm_accuracy", "linear_share"} & set(outcomes["plain"].metrics)


def test_they_know_easy_cases(datasets_dir: Path) -> None:
    data = to_device(load("digits-5k", datasets_dir), "cpu")
    linear = MLP(inputs=784, num_classes=10, depth=2, width=4, base=BASES["identity"])
    assert measure_linearity(linear, data, {}) == pytest.approx({"linear_share": 0.0, "straightness": 1.0})
    scalars = {"scalars": "per_channel", "alpha_init": 0.7, "beta_init": 0.7}
    mixed = MLP(inputs=784, num_classes=10, depth=2, width=4, base=BASES["relu"], **scalars)
    assert measure_linearity(mixed, data, {}) == pytest.approx({"linear_share": 1.0, "straightness": 1.0})
    untouched = measure_fgsm(mixed, data, {"fgsm_epsilon": 0.0})
    right = float((mixed(data.test.x).argmax(1) == data.test.y).double().mean())
    assert untouched["fgsm_accuracy"] == pytest.approx(right, abs=2e-3)
    assert untouched["fgsm_drop"] == pytest.approx(0.0, abs=2e-3)


def test_a_pixel_is_standardised_and_back(datasets_dir: Path) -> None:
    dataset = load("digits-5k", datasets_dir)
    data = to_device(dataset, "cpu")
    mean, std = data.pixel_statistics()
    pixels = torch.from_numpy(dataset.test.x).flatten(1) / 255.0
    torch.testing.assert_close(data.test.x * std + mean, pixels, rtol=0, atol=1e-6)


def test_area_under_a_curve() -> None:
    assert area([(0, 2.0), (2, 1.0)]) == 3.0
    assert area([(0, 2.0), (1, None), (2, 1.0)]) is None
    assert area([(0, 2.0)]) is None
