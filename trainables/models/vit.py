"""A small vision transformer: patches, learned positions, pre-norm blocks, mean pooling.

Source: Dosovitskiy et al., "An image is worth 16x16 words", arXiv 2010.11929; mean pooling instead of
a class token, as in Beyer et al., "Better plain ViT baselines", arXiv 2205.01580.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trainables.models.attention_cnn import AttentionBlock
from trainables.models.sites import Activate


class ViT(nn.Module):
    """Images [batch, channels, size, size] to logits [batch, classes]; the size is divisible by the patch."""

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        image_size: int,
        patch_size: int,
        width: int,
        num_blocks: int,
        num_heads: int,
        activate: Activate,
    ) -> None:
        super().__init__()
        assert image_size % patch_size == 0, f"{image_size} pixels do not split into patches of {patch_size}"
        self.patches = nn.Conv2d(in_channels, width, patch_size, patch_size)
        self.positions = nn.Parameter(torch.zeros(1, (image_size // patch_size) ** 2, width))
        self.blocks = nn.Sequential(*(AttentionBlock(width, num_heads, activate) for _ in range(num_blocks)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_classes)

    def forward(self, x: Float[Tensor, "batch channels size size"]) -> Float[Tensor, "batch classes"]:
        """Logits of a batch of standardised images."""
        patches = self.patches(x).flatten(2).transpose(1, 2) + self.positions
        return self.head(self.norm(self.blocks(patches)).mean(1))  # type: ignore[no-any-return]
