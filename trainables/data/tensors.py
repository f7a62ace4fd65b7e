"""A dataset as tensors on the device, standardised once, so that a step only gathers rows."""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from trainables.data.splits import Dataset, Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Examples:
    """Standardised images, one flat row each, and their classes."""

    x: Float[Tensor, "images inputs"]
    y: Int[Tensor, " images"]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """The three splits on one device; `one_hot` has a row for each class."""

    train: Examples
    val: Examples
    test: Examples
    one_hot: Float[Tensor, "classes classes"]
    source: Dataset

    @property
    def inputs(self) -> int:
        """The length of a row."""
        return int(self.train.x.shape[1])

    @property
    def num_classes(self) -> int:
        """The number of classes."""
        return len(self.one_hot)

    def pixel_statistics(self) -> tuple[Float[Tensor, " inputs"], Float[Tensor, " inputs"]]:
        """Mean and deviation of every position in a row, of pixels scaled to [0, 1]."""
        mean, std = self.source.mean, self.source.std
        device, each = self.train.x.device, self.inputs // len(mean)
        return (
            torch.tensor(mean, device=device).repeat_interleave(each),
            torch.tensor(std, device=device).repeat_interleave(each),
        )


def to_device(dataset: Dataset, device: str) -> Tensors:
    """The dataset as tensors of their own; channels come first in a row."""

    def convert(split: Split) -> Examples:
        x = torch.tensor(split.x, device=device)
        x = x.permute(0, 3, 1, 2) if x.ndim == 4 else x.unsqueeze(1)
        mean = torch.tensor(dataset.mean, device=device).view(-1, 1, 1)
        std = torch.tensor(dataset.std, device=device).view(-1, 1, 1)
        rows = ((x.to(torch.get_default_dtype()) / 255.0 - mean) / std).flatten(1)
        return Examples(x=rows, y=torch.tensor(split.y, device=device))

    return Tensors(
        train=convert(dataset.train),
        val=convert(dataset.val),
        test=convert(dataset.test),
        one_hot=torch.eye(dataset.num_classes, device=device),
        source=dataset,
    )
