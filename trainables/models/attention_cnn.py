"""AttentionCNN: a compact convolutional classifier with self-attention over its coarse positions.

The abstract of arXiv 2603.22154 names an AttentionCNN and does not describe it. Ours is stated here:
three convolution stages (3x3, batch norm, activation, pool), then blocks of pre-norm multi-head
self-attention and a two-layer perceptron over the remaining positions, mean pooling, one linear layer.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trainables.models.sites import Activate


class SelfAttention(nn.Module):
    """Multi-head self-attention without mask; [batch, positions, width] to the same."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        assert width % num_heads == 0, f"width {width} is not divisible by {num_heads} heads"
        self.num_heads = num_heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "batch positions width"]) -> Float[Tensor, "batch positions width"]:
        """Attended values, projected."""
        batch, positions, width = x.shape
        q, k, v = self.qkv(x).view(batch, positions, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)  # [batch, heads, positions, width / heads]
        return self.out(y.transpose(1, 2).reshape(batch, positions, width))  # type: ignore[no-any-return]


class LastChannel(nn.Module):
    """Applies an activation made for channels in dimension 1 to features in the last one."""

    def __init__(self, activation: nn.Module) -> None:
        super().__init__()
        self.activation = activation

    def forward(
        self, x: Float[Tensor, "batch positions features"]
    ) -> Float[Tensor, "batch positions features"]:
        """The same, elementwise."""
        return self.activation(x.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]


class AttentionBlock(nn.Module):
    """Pre-norm attention and perceptron with residual sums; [batch, positions, width] to the same."""

    def __init__(self, width: int, num_heads: int, activate: Activate) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(width, num_heads)
        self.norm2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.act = LastChannel(activate(2 * width))
        self.down = nn.Linear(2 * width, width)

    def forward(self, x: Float[Tensor, "batch positions width"]) -> Float[Tensor, "batch positions width"]:
        """One block."""
        x = x + self.attention(self.norm1(x))
        return x + self.down(self.act(self.up(self.norm2(x))))  # type: ignore[no-any-return]


class AttentionCNN(nn.Module):
    """Images [batch, channels, height, width] to logits [batch, classes]; 4 * width features at the end."""

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        width: int,
        num_blocks: int,
        num_heads: int,
        activate: Activate,
    ) -> None:
        super().__init__()
        stages: list[nn.Module] = []
        channels = in_channels
        for stage in range(3):
            out = width * 2**stage
            stages += [
                nn.Conv2d(channels, out, 3, padding=1, bias=False),
                nn.BatchNorm2d(out),
                activate(out),
                nn.MaxPool2d(2),
            ]
            channels = out
        self.stages = nn.Sequential(*stages)
        self.blocks = nn.Sequential(
            *(AttentionBlock(channels, num_heads, activate) for _ in range(num_blocks))
        )
        self.norm = nn.LayerNorm(channels)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits of a batch of standardised images of at least 8x8 pixels."""
        positions = self.stages(x).flatten(2).transpose(1, 2)  # [batch, positions, features]
        return self.head(self.norm(self.blocks(positions)).mean(1))  # type: ignore[no-any-return]
