"""A ResNet-20 trained here follows a training written with plain torch modules, loop and optimizer."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.golden.losses import float64
from tests.unit.trainables.recipes.test_images import run
from trainables.data.tensors import to_device
from trainables.data.vision import load
from trainables.models.images import BUILDS
from trainables.streams import stream
from trainables.training.descent import initialise

EPOCHS, BATCH, LR, MOMENTUM, DECAY = 2, 32, 0.1, 0.9, 1e-4


class PlainBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut that subsamples and pads with zeros (He et al., option A)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride, self.more = stride, outputs - inputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        short = x[:, :, :: self.stride, :: self.stride]
        return F.relu(y + F.pad(short, (0, 0, 0, 0, self.more // 2, self.more - self.more // 2)))


def plain_resnet20(classes: int) -> nn.Module:
    blocks, channels = [], 16
    for stage in range(3):
        for index in range(3):
            out = 16 * 2**stage
            blocks.append(PlainBlock(channels, out, 2 if stage and not index else 1))
            channels = out
    stem = [nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """160 images of the shape of CIFAR-10's, whose colour tells the class."""
    place, rng = tmp_path_factory.mktemp("cifar"), np.random.default_rng(0)
    y = np.arange(160) % 10
    x = (rng.integers(0, 150, (160, 32, 32, 3)) + 10 * y[:, None, None, None]).astype(np.uint8)
    np.savez(place / "coloured.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    return place


def plain_losses(folder: Path) -> list[float]:
    """Mean training loss of every epoch by the plain loop, from the same weights and orders."""
    data = to_device(load("coloured", folder), "cpu")
    ours = BUILDS["resnet20"]((3, 32, 32), 10, lambda _: nn.ReLU(), {})
    initialise(ours, 0)
    network = plain_resnet20(data.num_classes)
    # The same parameters by shape and order of definition.
    values = list(ours.state_dict().values())
    network.load_state_dict(dict(zip(network.state_dict(), values, strict=True)))
    optimizer = torch.optim.SGD(network.parameters(), lr=LR, momentum=MOMENTUM, weight_decay=DECAY)
    x, y = data.train.x.view(-1, 3, 32, 32), data.train.y
    losses = []
    for epoch in range(EPOCHS):
        total = 0.0
        for batch in torch.randperm(len(y), generator=stream(0, f"order/{epoch}")).split(BATCH):
            loss = F.cross_entropy(network(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(y))
    return losses


def test_resnet20_follows_a_plain_loop(folder: Path) -> None:
    """In float64 the two differ by the order of sums alone, over ten steps at a rate of 0.1."""
    fixed = {
        "dataset": "coloured", "epochs": EPOCHS, "batch_size": BATCH, "width": 16, "base": "relu",
        "optimizer": "sgd", "lr": LR, "momentum": MOMENTUM, "weight_decay": DECAY,
    }  # fmt: skip
    with float64():
        (outcome,) = run({"model": ["resnet20"]}, fixed, folder)
        wanted = plain_losses(folder)
    assert outcome.state == "done", outcome.traceback
    losses = [value for _, value in outcome.curve["train_loss"]]
    assert losses == pytest.approx(wanted, rel=1e-8)
