"""Compiled steps against the batched ones: the same training but for the order of sums."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.unit.trainables.parts import descent_for, member_for
from tests.unit.trainables.sources import lease
from trainables.activations.fused.activation import COMPILED
from trainables.data.tensors import Tensors, to_device
from trainables.data.vision import load
from trainables.perceptrons.batched import BatchedSteps
from trainables.perceptrons.compiled import NativeSteps, serves
from trainables.perceptrons.layout import RowLayout
from trainables.perceptrons.member import Member
from trainables.perceptrons.stack import Stack
from trainables.perceptrons.state import to_module

KINDS: list[dict[str, Any]] = [
    {"base": "relu"},
    {"base": "mish", "scalars": "per_layer", "depth": 3, "weight_decay": 0.01},
    {"base": "gelu", "scalars": "shared", "optimizer": "sgd", "lr": 0.05, "momentum": 0.9},
    {"base": "silu", "scalars": "per_channel", "optimizer": "adamw", "weight_decay": 0.1},
    {"base": "relu", "scalars": "per_layer", "clip_norm": 0.1, "depth": 1},
    {"base": "tanh", "scalars": "per_layer", "train_scalars": False, "beta_init": 0.5},
    {"base": "relu", "optimizer": "sgd", "lr": 0.1},
    {"base": "mish", "schedule": "cosine", "warmup": 0.01, "label_smoothing": 0.2},
    {
        "base": "silu",
        "scalars": "per_layer",
        "optimizer": "adamw",
        "weight_decay": 0.1,
        "schedule": "one_cycle",
        "scalar_lr": 0.05,
        "decay_scalars": True,
    },
]
# What a plain torch loop is compared with.
RULES: list[dict[str, Any]] = [
    {"optimizer": "adam", "weight_decay": 0.01},
    {"optimizer": "sgd", "momentum": 0.9, "lr": 0.05, "clip_norm": 0.5},
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.1, "decay_scalars": True, "schedule": "cosine"},
    {"optimizer": "adamw", "weight_decay": 0.1, "decay_scalars": True, "scalar_lr": 0.1},
    {"schedule": "cosine", "warmup": 0.08, "label_smoothing": 0.1},
    {"schedule": "one_cycle", "scalar_lr": 0.1, "label_smoothing": 0.3},
]


NEEDS_COMPILER = pytest.mark.skipif(not COMPILED, reason="needs a C++ compiler")


@pytest.fixture(scope="module")
def data(datasets_dir: Path) -> Tensors:
    return to_device(load("digits-5k", datasets_dir), "cpu")


def member(data: Tensors, width: int, batch: int, kind: dict[str, Any]) -> tuple[Member, RowLayout]:
    layout = RowLayout(inputs=data.inputs, width=width, num_classes=data.num_classes)
    one = lease("a", width=width, batch_size=batch, epochs=1, **kind)
    return member_for(one, layout, num_images=len(data.train)), layout


@NEEDS_COMPILER
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "batch"), [(7, 33), (24, 100), (64, 128), (80, 50), (128, 17)])
@torch.no_grad()
def test_compiled_steps_are_the_batched_ones(
    data: Tensors, width: int, batch: int, kind: dict[str, Any]
) -> None:
    """Five steps, the last one on part of a batch."""
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))[None, : 5 * batch - 3]
    native, layout = member(data, width, batch, kind)
    batched, _ = member(data, width, batch, kind)
    assert serves(native.shape, layout, "cpu")
    stack = Stack(layout, [batched.shape], [batched.state])
    losses = NativeSteps([native], layout, data, batch, 1)(order, [None])
    expected = BatchedSteps([batched], stack, data, batch, 1)(order, [None])
    assert losses.shape == (5, 1)
    torch.testing.assert_close(losses, expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(native.state.scalars, batched.state.scalars, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("compiled", [pytest.param(True, marks=NEEDS_COMPILER), False])
@pytest.mark.parametrize("rule", RULES)
def test_steps_are_those_of_a_plain_torch_loop(data: Tensors, rule: dict[str, Any], compiled: bool) -> None:
    """Twenty-five of thirty-five steps by the optimizers of torch that image classifiers use."""
    kind = {"base": "mish", "scalars": "per_layer", **rule}
    ours, layout = member(data, 24, 100, kind)
    module = to_module(layout, ours.shape, ours.state)
    order = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(0))[None, :2500]
    steps: NativeSteps | BatchedSteps
    if compiled:
        steps = NativeSteps([ours], layout, data, 100, 1)
    else:
        steps = BatchedSteps([ours], Stack(layout, [ours.shape], [ours.state]), data, 100, 1)
    with torch.no_grad():
        losses = steps(order, [None])[:, 0]
    settings = ours.lease.settings
    warmup = round(35 * float(str(settings["warmup"])))
    descent = descent_for(module, settings, num_steps=35, warmup=warmup)
    expected = []
    for batch in order[0].split(100):
        share = float(str(settings["label_smoothing"]))
        loss = F.cross_entropy(module(data.train.x[batch]), data.train.y[batch], label_smoothing=share)
        descent.step(loss)
        expected.append(loss.detach())
    torch.testing.assert_close(losses, torch.stack(expected), rtol=2e-3, atol=1e-4)
    scalars = to_module(layout, ours.shape, ours.state).activations
    for mine, theirs in zip(scalars, module.activations, strict=True):
        for a, b in zip(mine.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-2, atol=2e-3)


def test_what_is_wide_or_elsewhere_is_not_served(data: Tensors) -> None:
    wide, layout = member(data, 512, 10, {})
    assert not serves(wide.shape, layout, "cpu")
    narrow, layout = member(data, 8, 10, {})
    assert not serves(narrow.shape, layout, "cuda:0")
