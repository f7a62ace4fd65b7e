"""The first epochs of a ResNet-20 on CIFAR-10 at the usual recipe, ours beside a plain torch loop.

`python -m tests.benchmarks.resnet20_curve DATASETS_DIR [--epochs 2] [--seeds 2]` prints a line of JSON an
epoch. Both start from the same weights and see the same images in the same order with the same crops and
flips, in float32, where rounding sets trainings at a rate of 0.1 apart after some steps; so epochs agree as
means, and by how much two seeds differ tells what agreement is worth. DATASETS_DIR holds cifar10.npz, or the
images are downloaded to there.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from ablations.errors import Json
from ablations.paper import presets
from ablations.plan.compile import compile_design
from ablations.study.documents import loads_yaml
from ablations.study.parsing import parse_study
from tests.unit.trainables.sources import ListSource
from tests.unit.trainables.training.test_plain_loop import plain_resnet20
from trainables.catalogue import load_catalogue
from trainables.data.augment import augment
from trainables.data.tensors import to_device
from trainables.data.vision import load
from trainables.models.images import BUILDS
from trainables.models.init import draw_weights
from trainables.packs.trainer import run_trainer
from trainables.recipes.images import evaluate
from trainables.streams import stream
from trainables.training.descent import initialise
from trainables.training.lease import Lease

Epoch = tuple[float, float, float]  # mean training loss, validation loss and accuracy
CHANGES: dict[str, Json] = {"schedule": "constant"}  # the cosine of 182 epochs has hardly begun to fall


def recipe(epochs: int) -> dict[str, Json]:
    """The settings of the preset's paper scale for so many epochs, static ReLU."""
    data = loads_yaml(presets.text("cifar10-resnet20", "paper"))
    assert isinstance(data, dict) and isinstance(data["fixed"], dict)
    fixed = {**data["fixed"], **CHANGES, "epochs": epochs, "scalars": "none"}
    study = parse_study({"name": "curve", "trainable": "image-classifier", "fixed": fixed, "seeds": 1})
    (arm,) = compile_design(study, load_catalogue().manifest("image-classifier")).arms
    return dict(arm.settings)


def ours(settings: dict[str, Json], seed: int, folder: Path, threads: int) -> list[Epoch]:
    """The epochs of a trial as a worker trains it."""
    source = ListSource([Lease(trial_id="curve", settings=settings, seed=seed)])
    run_trainer(
        source, trainable="image-classifier", device="cpu", threads=threads, datasets_dir=folder, pack=1
    )
    outcome = source.outcomes["curve"]
    assert outcome.state == "done", outcome.traceback
    names = ("train_loss", "val_loss", "val_accuracy")
    curves = [{step: value for step, value in outcome.curve[name]} for name in names]
    return [tuple(float(curve[e] or 0) for curve in curves) for e in sorted(curves[0])]  # type: ignore[misc]


def plain(settings: dict[str, Json], seed: int, folder: Path) -> Iterator[Epoch]:
    """The epochs of a loop that anybody would write, from the same streams."""
    data = to_device(load("cifar10", folder), "cpu")
    start = BUILDS["resnet20"]((3, 32, 32), 10, lambda _: nn.ReLU(), {})
    initialise(start, seed)
    draw_weights(start, seed, "he")
    network = plain_resnet20(10)
    network.load_state_dict(dict(zip(network.state_dict(), list(start.state_dict().values()), strict=True)))
    lr, momentum, decay = (float(str(settings[name])) for name in ("lr", "momentum", "weight_decay"))
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=momentum, weight_decay=decay)
    images = nn.Sequential(nn.Unflatten(1, (3, 32, 32)), network)
    x, y = data.train.x.view(-1, 3, 32, 32), data.train.y
    for epoch in range(int(str(settings["epochs"]))):
        network.train()
        total, draw = 0.0, stream(seed, f"augment/{epoch}")
        order = torch.randperm(len(y), generator=stream(seed, f"order/{epoch}"))
        for batch in order.split(int(str(settings["batch_size"]))):
            loss = F.cross_entropy(network(augment(x[batch], "crop_flip", draw)), y[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            total += loss.item() * len(batch)
        yield (total / len(y), *evaluate(images, data.val))


def main() -> None:
    """Prints the epochs of both, a seed after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets_dir", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    settings = recipe(chosen.epochs)
    for seed in range(chosen.seeds):
        pairs = zip(
            ours(settings, seed, chosen.datasets_dir, chosen.threads),
            plain(settings, seed, chosen.datasets_dir),
            strict=True,
        )
        for epoch, (here, there) in enumerate(pairs, 1):
            names = ("train_loss", "val_loss", "val_accuracy")
            row = {name: [round(a, 4), round(b, 4)] for name, a, b in zip(names, here, there, strict=True)}
            print(json.dumps({"seed": seed, "epoch": epoch, "ours_and_plain": row}), flush=True)


if __name__ == "__main__":
    main()
