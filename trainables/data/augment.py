"""Augmentation of image batches on the device, drawn from the trial's own stream."""

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Augment = Literal["none", "flip", "crop_flip"]
PAD = 4


def augment(
    images: Float[Tensor, "batch channels height width"],
    how: Augment,
    generator: torch.Generator,
) -> Float[Tensor, "batch channels height width"]:
    """Random horizontal flips, after random crops of the image padded by 4 where asked.

    Padding repeats what standardisation maps to: 0, the mean. Source: the usual recipe of He et al.,
    arXiv 1512.03385, section 4.2.
    """
    if how == "none":
        return images
    if how == "crop_flip":
        images = _crop(images, generator)
    flips = torch.rand(len(images), generator=generator, device=images.device) < 0.5
    return torch.where(flips.view(-1, 1, 1, 1), images.flip(3), images)


def _crop(images: Tensor, generator: torch.Generator) -> Tensor:
    batch, _, height, width = images.shape
    padded = F.pad(images, (PAD, PAD, PAD, PAD))
    device = images.device
    shifts = torch.randint(0, 2 * PAD + 1, (2, batch), generator=generator, device=device)
    rows = shifts[0].view(-1, 1) + torch.arange(height, device=device)  # [batch, height]
    columns = shifts[1].view(-1, 1) + torch.arange(width, device=device)
    index = torch.arange(batch, device=device).view(-1, 1, 1)
    # Indices apart by a slice put the indexed axes first: [batch, height, width, channels].
    return padded[index, :, rows.unsqueeze(2), columns.unsqueeze(1)].permute(0, 3, 1, 2)
