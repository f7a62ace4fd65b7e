"""The optimizer of a training: scalars that it takes for one parameter."""

import copy
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.unit.trainables.parts import descent_for, optimizer_for
from trainables.activations.bases import BASES
from trainables.models.mlp import MLP
from trainables.training.descent import Descent, initialise, scalar_parameters

SETTINGS: dict[str, Any] = {"optimizer": "adamw", "lr": 0.01, "weight_decay": 0.1, "schedule": "constant"}
KINDS: list[dict[str, Any]] = [
    {"clip_norm": 0.0},
    {"clip_norm": 0.5, "decay_scalars": True},
    {"clip_norm": 0.5, "scalar_lr": 0.1, "optimizer": "sgd", "momentum": 0.9},
]


def _network(kind: str = "per_layer") -> nn.Module:
    network = MLP(inputs=6, num_classes=3, depth=4, width=5, base=BASES["silu"], scalars=kind)
    initialise(network, 0)
    return network


def _batches(num: int) -> list[tuple[Tensor, Tensor]]:
    rng = torch.Generator().manual_seed(1)
    return [(torch.randn(8, 6, generator=rng), torch.randint(3, (8,), generator=rng)) for _ in range(num)]


def _descent(network: nn.Module, settings: dict[str, Any]) -> Descent:
    return descent_for(network, settings, num_steps=100, warmup=0)


def _train(network: nn.Module, descent: Descent, batches: list[tuple[Tensor, Tensor]]) -> None:
    for x, y in batches:
        descent.step(F.cross_entropy(network(x), y))


def _equal(one: nn.Module, other: nn.Module) -> bool:
    values = other.state_dict()
    return all(torch.equal(value, values[name]) for name, value in one.state_dict().items())


@pytest.mark.parametrize("scalars", ["per_layer", "per_channel", "shared"])
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_scalars_taken_as_one_learn_as_one_by_one(kind: dict[str, Any], scalars: str) -> None:
    settings = {**SETTINGS, **kind}
    together, apart = _network(scalars), _network(scalars)
    _train(together, _descent(together, settings), _batches(10))
    optimizer = optimizer_for(apart, settings)
    for x, y in _batches(10):
        optimizer.zero_grad()
        F.cross_entropy(apart(x), y).backward()
        if settings["clip_norm"]:
            nn.utils.clip_grad_norm_(apart.parameters(), settings["clip_norm"])
        optimizer.step()
    expected = apart.state_dict()
    for name, value in together.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-5, atol=1e-6)
    start = scalar_parameters(_network(scalars))
    assert all(not torch.equal(p, start[name]) for name, p in scalar_parameters(together).items())


def test_values_that_somebody_replaces_are_the_ones_that_learn() -> None:
    settings = {**SETTINGS, "clip_norm": 0.0}
    usual, moved = _network(), _network()
    descents = [_descent(network, settings) for network in (usual, moved)]
    _train(usual, descents[0], _batches(4))
    _train(moved, descents[1], _batches(4)[:2])
    rows = [torch.stack([p.detach(), p.detach()]) for p in moved.parameters()]
    for parameter, row in zip(moved.parameters(), rows, strict=True):  # as a stack of members does
        parameter.data = row[1]
    _train(moved, descents[1], _batches(4)[2:])
    assert _equal(usual, moved)
    assert all(torch.equal(row[1], p) for row, p in zip(rows, usual.parameters(), strict=True))


def test_a_training_goes_on_from_its_state() -> None:
    settings = {**SETTINGS, "clip_norm": 0.1, "decay_scalars": True}
    whole, first, second = _network(), _network(), _network("per_layer")
    _train(whole, _descent(whole, settings), _batches(6))
    descent = _descent(first, settings)
    _train(first, descent, _batches(6)[:3])
    kept = copy.deepcopy((first.state_dict(), descent.state()))
    going_on = _descent(second, settings)
    second.load_state_dict(kept[0])
    going_on.load(kept[1])
    _train(second, going_on, _batches(6)[3:])
    assert _equal(whole, second)


def test_scalars_have_a_group_of_their_own_only_where_their_rates_differ() -> None:
    equal = {**SETTINGS, "decay_scalars": True}
    assert len(optimizer_for(_network(), equal).param_groups) == 1
    assert len(optimizer_for(_network(), SETTINGS).param_groups) == 2
    assert len(optimizer_for(_network(), {**equal, "scalar_lr": 0.5}).param_groups) == 2
    assert len(optimizer_for(_network("none"), SETTINGS).param_groups) == 1


def test_scalars_that_are_not_trained_stay() -> None:
    network = _network()
    for parameter in scalar_parameters(network).values():
        parameter.requires_grad_(False)
    _train(network, _descent(network, {**SETTINGS, "clip_norm": 0.0}), _batches(2))
    start = scalar_parameters(_network())
    assert all(torch.equal(p, start[name]) for name, p in scalar_parameters(network).items())
