"""Packs drawn at random: every member equals itself alone, bit for bit, whatever it shares a pack with."""

import itertools
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.unit.trainables.sources import ListSource, numbers, settings_of, stripes, train
from trainables.activations.bases import BASES
from trainables.activations.fused.activation import COMPILED
from trainables.training.lease import Lease, Report

PERCEPTRONS, IMAGES = "mlp-classifier", "image-classifier"
SIZES = (2, 3, 16)
# Shrinking would train for minutes; a failure says what differs as it is.
EXAMPLES = settings(deadline=None, derandomize=True, database=None, phases=[Phase.explicit, Phase.generate])
KINDS = ("none", "shared", "per_layer", "per_channel")
WILD = {"optimizer": "sgd", "lr": 1e6, "clip_norm": 0.0}


def often(usual: Any, *rest: Any) -> st.SearchStrategy[Any]:
    """The usual value every other time."""
    return st.one_of(st.just(usual), st.sampled_from(rest))


TRAINING = {
    "base": st.sampled_from(sorted(BASES)),
    "scalars": st.sampled_from(KINDS),
    "beta_init": often(0.0, 0.5),
    "train_scalars": often(True, False),
    "decay_scalars": often(False, True),
    "scalar_lr": often(0.0, 0.1),
    "weight_init": st.sampled_from(["torch", "he"]),
    "optimizer": st.sampled_from(["sgd", "adam", "adamw"]),
    "lr": often(1e-2, 1e-3, 0.3),
    "momentum": often(0.0, 0.9),
    "weight_decay": often(0.0, 0.1),
    "clip_norm": often(0.0, 0.05),
    "label_smoothing": often(0.0, 0.1),
    "schedule": st.sampled_from(["constant", "cosine", "one_cycle"]),
    "warmup": often(0.0, 0.5),
    "epochs": st.integers(1, 3),
}
PERCEPTRON = {**TRAINING, "depth": st.integers(1, 6), "dropout": often(0.0, 0.3)}
IMAGE = {**TRAINING, "augment": st.sampled_from(["none", "flip", "crop_flip"])}
MODELS: Sequence[Mapping[str, Any]] = (
    {"model": "cnn", "width": 3, "blocks": 1},
    {"model": "attention_cnn", "width": 2, "blocks": 1, "heads": 2},
    {"model": "vit", "width": 8, "blocks": 1, "heads": 2},
)


@st.composite
def members(draw: st.DrawFn, own: Mapping[str, st.SearchStrategy[Any]]) -> list[dict[str, Any]]:
    """Two to sixteen trainings; `seed` and the epoch after which each is told to `stop` are among them.

    One of them diverges.
    """
    one = st.fixed_dictionaries({**own, "seed": st.integers(0, 3), "stop": often(None, 1, 2)})
    found = draw(st.lists(one, min_size=2, max_size=16))
    return [*found[:1], {**found[0], **WILD}, *found[1:]]


@cache
def folder() -> Path:
    """Where the images are."""
    place = Path(tempfile.mkdtemp(prefix="ablate-stripes-"))
    stripes(place)
    return place


def check(
    trainable: str, drawn: Sequence[Mapping[str, Any]], shared: Mapping[str, Any], pack: int, threads: int
) -> None:
    """Train all in packs and one at a time, in another order, and compare everything."""
    leases, stops = [], {}
    for index, member in enumerate(drawn):
        own = {name: value for name, value in member.items() if name not in ("seed", "stop")}
        chosen = settings_of(trainable, folder(), **{"dataset": "stripes", **shared, **own})
        leases.append(Lease(trial_id=str(index), settings=chosen, seed=member["seed"], readings=(1,)))
        stops[str(index)] = member["stop"]

    def stop(report: Report) -> str | None:
        return "pruned" if stops[report.trial_id] == report.step else None

    def all_numbers(source: ListSource) -> dict[str, Any]:
        return {name: numbers(outcome) for name, outcome in source.outcomes.items()}

    ways: dict[str, Any] = {"trainable": trainable, "threads": threads, "stop": stop}
    packed = train(leases, folder(), pack=pack, **ways)
    alone = train(leases[::-1], folder(), pack=1, **ways)
    assert "failed" not in [o.state for o in alone.outcomes.values()], [
        o.reason for o in alone.outcomes.values()
    ]
    together = max(outcome.pack for outcome in packed.outcomes.values())
    assert together == 1 if shared["width"] == 1 else together > 1
    for name, expected in all_numbers(alone).items():
        assert all_numbers(packed)[name] == expected, (name, dict(leases[int(name)].settings), shared, pack)


@settings(EXAMPLES, max_examples=12)
@given(
    drawn=members(PERCEPTRON),
    width=st.sampled_from([1, 2, 3, 5, 16, 33, 64, 128, 144]),
    batch_size=st.sampled_from([7, 16, 25, 60, 200]),
    pack=st.sampled_from(SIZES),
    threads=st.sampled_from([1, 2]),
)
def test_perceptrons(
    drawn: list[dict[str, Any]], width: int, batch_size: int, pack: int, threads: int
) -> None:
    """Any depths, bases, scalars, optimizers, schedules and fates; widths with and without compiled steps."""
    check(PERCEPTRONS, drawn, {"width": width, "batch_size": batch_size}, pack, threads)


@settings(EXAMPLES, max_examples=3)
@given(
    drawn=members(IMAGE),
    model=st.sampled_from(MODELS),
    batch_size=st.sampled_from([7, 25, 60]),
    pack=st.sampled_from(SIZES),
    threads=st.sampled_from([1, 2]),
)
def test_images(
    drawn: list[dict[str, Any]], model: Mapping[str, Any], batch_size: int, pack: int, threads: int
) -> None:
    check(IMAGES, drawn, {**model, "batch_size": batch_size}, pack, threads)


@pytest.mark.skipif(not COMPILED, reason="this is what runs here anyway")
def test_perceptrons_without_a_compiler() -> None:
    """The same packs by batched calls of torch, as on a machine that cannot compile."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        f"{__file__}::test_perceptrons",
    ]
    done = subprocess.run(
        command, env={**os.environ, "ABLATE_FUSED": "plain"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-6000:]


@pytest.mark.parametrize("width", [64, 128, 144])
def test_two_threads_on_few_images(width: int) -> None:
    """Where a library shares a product of several members out over threads otherwise than one of one."""
    kinds = itertools.product(("celu", "mish", "relu"), ("none", "shared"))
    drawn = [
        {"base": base, "scalars": kind, "depth": 1 + seed % 4, "epochs": 1, "seed": seed, "stop": None}
        for seed, (base, kind) in enumerate(kinds)
    ]
    for batch_size in (25, 60):
        check(PERCEPTRONS, drawn, {"width": width, "batch_size": batch_size}, 16, 2)
