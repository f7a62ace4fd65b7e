"""Sizes by arithmetic are those of the networks that are built."""

from typing import Any

import pytest

from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from tests.unit.trainables.parts import language_network, language_sites
from trainables.activations.bases import BASES
from trainables.activations.sites import count_parameters
from trainables.catalogue import load_catalogue
from trainables.models.mlp import MLP
from trainables.models.widths import arm_size

CATALOGUE = load_catalogue()


def settings_of(trainable: str, fixed: dict[str, Any]) -> dict[str, Any]:
    study = parse_study({"name": "size", "trainable": trainable, "fixed": fixed})
    (arm,) = compile_design(study, CATALOGUE.manifest(trainable)).arms
    return dict(arm.settings)


@pytest.mark.parametrize("scalars", ["none", "shared", "per_layer", "per_channel"])
@pytest.mark.parametrize("hidden", [0, 40])
def test_a_language_model_has_the_parameters_counted(scalars: str, hidden: int) -> None:
    fixed = {"glu": "dynactglu", "scalars": scalars, "width": 24, "blocks": 3, "hidden": hidden}
    settings = settings_of("language-model", fixed)
    size = arm_size("language-model", settings)
    network = language_network(settings, 256, language_sites(settings))
    assert size is not None and size["num_parameters"] == count_parameters(network)
    assert size["hidden"] == network.blocks[0].feed_forward.gate.out_features == (hidden or 64)


@pytest.mark.parametrize("match", ["none", "parameters"])
@pytest.mark.parametrize("glu", ["swiglu", "bilinear", "plain_relu", "plain_dynact"])
def test_so_does_one_with_a_plain_or_matched_feed_forward(glu: str, match: str) -> None:
    fixed = {"glu": glu, "match": match, "width": 24, "blocks": 2, "hidden": 50}
    settings = settings_of("language-model", fixed)
    network = language_network(settings, 256, language_sites(settings))
    inside = network.blocks[0].feed_forward.up.out_features
    assert inside == (33 if match == "parameters" and "plain" not in glu else 50)
    assert arm_size("language-model", settings) == {
        "hidden": inside,
        "num_parameters": count_parameters(network),
    }


def test_gates_without_scalars_are_of_one_size() -> None:
    sizes = [
        arm_size("language-model", settings_of("language-model", {"glu": glu, "tokenizer": "bpe"}))
        for glu in ("swiglu", "geglu", "reglu", "bilinear")
    ]
    assert all(size == sizes[0] for size in sizes)


@pytest.mark.parametrize("scalars", ["none", "shared", "per_layer", "per_channel"])
def test_a_perceptron_has_the_parameters_counted(scalars: Any) -> None:
    settings = settings_of("mlp-classifier", {"depth": 4, "width": 20, "scalars": scalars})
    network = MLP(inputs=784, num_classes=10, depth=4, width=20, base=BASES["relu"], scalars=scalars)
    assert arm_size("mlp-classifier", settings) == {"num_parameters": count_parameters(network)}


def test_a_size_that_only_building_tells_is_none() -> None:
    assert arm_size("image-classifier", settings_of("image-classifier", {})) is None
