"""Compiled steps against the batched ones: the same training but for the order of sums."""

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.unit.trainables.sources import lease
from trainables.activations.fused import COMPILED
from trainables.data.tensors import Tensors, to_device
from trainables.data.vision import load
from trainables.training.batched import BatchedSteps
from trainables.training.classifier import MLP_CLASSIFIER
from trainables.training.layout import Layout
from trainables.training.member import Member
from trainables.training.native import NativeSteps, serves
from trainables.training.stack import Stack

KINDS: list[dict[str, Any]] = [
    {"base": "relu"},
    {"base": "mish", "scalars": "per_layer", "depth": 3, "weight_decay": 0.01},
    {"base": "gelu", "scalars": "shared", "optimizer": "sgd", "lr": 0.05, "momentum": 0.9},
    {"base": "silu", "scalars": "per_channel", "optimizer": "adamw", "weight_decay": 0.1},
    {"base": "relu", "scalars": "per_layer", "clip_norm": 0.1, "depth": 1},
    {"base": "tanh", "scalars": "per_layer", "train_scalars": False, "beta_init": 0.5},
    {"base": "relu", "optimizer": "sgd", "lr": 0.1},
]


@pytest.fixture(scope="module")
def data(datasets_dir: Path) -> Tensors:
    return to_device(load("digits-5k", datasets_dir), "cpu")


def member(data: Tensors, width: int, batch: int, kind: dict[str, Any]) -> tuple[Member, Layout]:
    layout = Layout(inputs=data.inputs, width=width, num_classes=data.num_classes)
    one = lease("a", width=width, batch_size=batch, epochs=1, **kind)
    return MLP_CLASSIFIER.member(one, layout, "cpu"), layout


@pytest.mark.skipif(not COMPILED, reason="needs a C++ compiler")
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


def test_what_is_wide_or_elsewhere_is_not_served(data: Tensors) -> None:
    wide, layout = member(data, 512, 10, {})
    assert not serves(wide.shape, layout, "cpu")
    narrow, layout = member(data, 8, 10, {})
    assert not serves(narrow.shape, layout, "cuda:0")
