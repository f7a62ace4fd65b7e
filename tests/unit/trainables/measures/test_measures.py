"""Measures that a study switches on, against what is computed from the outcome by hand."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.unit.trainables.sources import lease, train
from trainables.activations.bases import BASES
from trainables.data.tensors import to_device
from trainables.data.vision import load
from trainables.measures.convergence import area, convergence, first_reach, to_target
from trainables.measures.declared import measure_fgsm, measure_linearity
from trainables.measures.gradients import measure_gradients
from trainables.measures.mapping import explained, measure_network_linearity
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
    found = measure_linearity(linear, data, {})
    assert found["linear_share"] == 0.0 and found["straightness"] == pytest.approx(1.0)
    assert found["straightness_deep"] == found["straightness.2"]
    scalars = {"scalars": "per_channel", "alpha_init": 0.7, "beta_init": 0.7}
    mixed = MLP(inputs=784, num_classes=10, depth=2, width=4, base=BASES["relu"], **scalars)
    assert all(value == pytest.approx(1.0) for value in measure_linearity(mixed, data, {}).values())
    untouched = measure_fgsm(mixed, data, {"fgsm_epsilon": 0.0})
    right = float((mixed(data.test.x).argmax(1) == data.test.y).double().mean())
    assert untouched["fgsm_accuracy"] == pytest.approx(right, abs=2e-3)
    assert untouched["fgsm_drop"] == pytest.approx(0.0, abs=2e-3)


def test_one_trial_is_attacked_at_several_epsilons(datasets_dir: Path) -> None:
    asked = {"fgsm": True, "fgsm_epsilon": 0.02, "fgsm_epsilons": [0.0, 0.02, 0.3], "epochs": 1}
    metrics = train([lease("a", **asked)], datasets_dir).outcomes["a"].metrics
    assert metrics["fgsm_accuracy.0.02"] == metrics["fgsm_accuracy"]
    assert metrics["fgsm_drop.0.02"] == metrics["fgsm_drop"]
    assert metrics["fgsm_drop.0"] == 0.0 and metrics["fgsm_accuracy.0"] == metrics["fgsm_clean_accuracy"]
    assert metrics["fgsm_accuracy.0.3"] < metrics["fgsm_accuracy.0.02"] < metrics["fgsm_accuracy.0"]


def test_a_pixel_is_standardised_and_back(datasets_dir: Path) -> None:
    dataset = load("digits-5k", datasets_dir)
    data = to_device(dataset, "cpu")
    mean, std = data.pixel_statistics()
    pixels = torch.tensor(dataset.test.x).flatten(1) / 255.0
    torch.testing.assert_close(data.test.x * std + mean, pixels, rtol=0, atol=1e-6)


def test_area_under_a_curve() -> None:
    assert area([(0, 2.0), (2, 1.0)]) == 3.0
    assert area([(0, 2.0), (1, None), (2, 1.0)]) is None
    assert area([(0, 2.0)]) is None


def test_a_training_is_as_efficient_as_its_area_is_small() -> None:
    slow, fast = convergence([(0, 3.0), (4, 3.0)]), convergence([(0, 2.0), (4, 2.0)])
    assert fast["training_efficiency"] / slow["training_efficiency"] == pytest.approx(1.5)
    assert convergence([(0, 1.0)]) == {} and "training_efficiency" not in convergence([(0, 0.0), (1, 0.0)])


def test_a_target_is_reached_between_points_or_counts_as_the_whole_training() -> None:
    curve, clock = [(0, 0.2), (1, 0.6), (2, 1.0)], [(0, 1.0), (1, 2.0), (2, 4.0)]
    found = to_target(curve, 0.8, rising=True, steps_a_point=10, clock=clock)
    assert found == {
        "reached_target": 1.0,
        "steps_to_target": pytest.approx(15),
        "seconds_to_target": pytest.approx(3.0),
    }
    never = to_target([(0, 0.2), (1, 0.6)], 0.8, rising=True, steps_a_point=10)
    assert never == {"reached_target": 0.0, "steps_to_target": 10.0}
    assert to_target([(0, 1.0), (10, 0.5)], 2.0, rising=False)["steps_to_target"] == 1.0
    assert first_reach([(0, 3.0), (10, 1.0)], 2.0, rising=False) == 5.0
    assert first_reach([(0, 3.0), (10, None)], 2.0, rising=False) is None


def test_gradient_norms_are_those_of_backward_and_stand_on_the_curve(datasets_dir: Path) -> None:
    data = to_device(load("digits-5k", datasets_dir), "cpu")
    network = MLP(inputs=784, num_classes=10, depth=2, width=4, base=BASES["relu"])
    found = measure_gradients(network, data, {})
    assert all(parameter.grad is None for parameter in network.parameters())
    torch.nn.functional.cross_entropy(network(data.train.x[:256]), data.train.y[:256]).backward()
    norms = [float(layer.weight.grad.norm()) for layer in (*network.layers, network.head)]
    assert [found[f"gradient_norm.{i}"] for i in (1, 2, 3)] == pytest.approx(norms, rel=1e-5)
    assert found["gradient_ratio"] == pytest.approx(norms[0] / norms[2], rel=1e-5)
    assert found["gradient_norm"] == pytest.approx(sum(n**2 for n in norms) ** 0.5, rel=1e-5)
    outcome = train([lease("t", epochs=2, gradients=True)], datasets_dir).outcomes["t"]
    assert [step for step, _ in outcome.curve["gradient_norm.1"]] == [0, 1, 2]
    assert outcome.metrics["gradient_ratio"] == outcome.curve["gradient_ratio"][-1][1]


def test_a_dead_network_has_a_gradient_ratio(datasets_dir: Path) -> None:
    data = to_device(load("digits-5k", datasets_dir), "cpu")
    network = MLP(inputs=784, num_classes=10, depth=2, width=4, base=BASES["relu"])
    torch.nn.init.constant_(network.layers[0].bias, -1e6)
    found = measure_gradients(network, data, {})
    assert found["gradient_norm_first"] == 1e-30 and found["gradient_ratio"] > 0


def test_an_affine_network_is_fitted_whole_and_a_bent_one_is_not(datasets_dir: Path) -> None:
    data = to_device(load("digits-5k", datasets_dir), "cpu")
    fits = {
        base: measure_network_linearity(
            MLP(inputs=784, num_classes=10, depth=3, width=32, base=BASES[base]), data, {}
        )
        for base in ("identity", "squared_relu")
    }
    assert min(fits["identity"].values()) > 0.999
    assert fits["squared_relu"]["network_linear_fit"] < 0.9
    assert fits["squared_relu"]["network_linear_fit.1"] > fits["squared_relu"]["network_linear_fit.3"]


def test_explained_variance_is_measured_on_images_that_were_not_fitted() -> None:
    generator = torch.Generator().manual_seed(0)
    x, x_new = (torch.randn(40, 40, generator=generator) for _ in range(2))
    noise, noise_new = (torch.randn(40, 3, generator=generator) for _ in range(2))
    assert explained(x, [noise.double()], x_new, [noise_new.double()]) == [0.0]
    assert explained(x, [noise.double()], x, [noise.double()])[0] > 0.9


_TAKING = """
import torch

from trainables.measures.memory import PeakMemory

memory = PeakMemory("cpu")
before = memory.mib()
taken = torch.ones(64 * 2**20 // 4)
print(memory.mib() - before)
"""


def test_peak_memory_sees_what_a_training_takes() -> None:
    # In a fresh process: in this one the allocator may hand out what earlier tests gave back.
    done = subprocess.run([sys.executable, "-c", _TAKING], check=True, capture_output=True, text=True)
    assert 60 < float(done.stdout) < 200
