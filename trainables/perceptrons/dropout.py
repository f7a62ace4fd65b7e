"""Dropout masks, each from its member's own stream."""

import torch
from jaxtyping import Float
from torch import Tensor


def draw_mask(
    shape: tuple[int, int], dropout: float, generator: torch.Generator
) -> Float[Tensor, "rows width"]:
    """Which outputs are kept, already divided by the share that is."""
    keep = 1.0 - dropout
    mask = torch.empty(shape, device=generator.device)
    return mask.bernoulli_(keep, generator=generator).div_(keep)
