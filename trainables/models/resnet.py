"""Residual networks for small images: the CIFAR family 6n+2 and an 18-layer one with a 3x3 stem.

Source: He et al., "Deep residual learning", arXiv 1512.03385, sections 4.1 and 4.2; shortcuts of the
CIFAR family are option A (subsample and pad with zero channels, no parameters), as in the paper.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from trainables.models.sites import Activate


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; [batch, in, h, w] to [batch, out, h/stride, w/stride]."""

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, *, project: bool, activate: Activate
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.act1 = activate(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.act2 = activate(out_channels)
        self.stride, self.pad = stride, out_channels - in_channels
        reshapes = stride != 1 or self.pad != 0
        self.shortcut = (
            nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
            if project and reshapes
            else None
        )

    def forward(self, x: Float[Tensor, "batch inner h w"]) -> Float[Tensor, "batch outer h2 w2"]:
        """The block's output; the second activation comes after the sum."""
        y = self.norm2(self.conv2(self.act1(self.norm1(self.conv1(x)))))
        if self.shortcut is not None:
            x = self.shortcut(x)
        elif self.pad or self.stride != 1:
            x = F.pad(
                x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.pad // 2, self.pad - self.pad // 2)
            )
        return self.act2(x + y)  # type: ignore[no-any-return]


class ResNet(nn.Module):
    """Images to logits: a 3x3 stem, stages of equal blocks, global average pooling, one linear layer."""

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        width: int,
        blocks: tuple[int, ...],
        project: bool,
        activate: Activate,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), activate(width)
        )
        layers: list[nn.Module] = []
        channels = width
        for stage, num_blocks in enumerate(blocks):
            out = width * 2**stage
            for block in range(num_blocks):
                stride = 2 if stage and not block else 1
                layers.append(BasicBlock(channels, out, stride, project=project, activate=activate))
                channels = out
        self.blocks = nn.Sequential(*layers)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits of a batch of standardised images."""
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))  # type: ignore[no-any-return]


def cifar_resnet(
    *, depth: int, in_channels: int, num_classes: int, width: int = 16, activate: Activate
) -> ResNet:
    """The 6n+2 family (20, 32, 44, 56, 110). Raises ValueError for another depth."""
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"depth {depth} is not 6n+2")
    n = (depth - 2) // 6
    return ResNet(
        in_channels=in_channels,
        num_classes=num_classes,
        width=width,
        blocks=(n, n, n),
        project=False,
        activate=activate,
    )


def resnet18(*, in_channels: int, num_classes: int, width: int = 64, activate: Activate) -> ResNet:
    """The 18-layer network with projections and a stem for small images (no 7x7, no pool)."""
    return ResNet(
        in_channels=in_channels,
        num_classes=num_classes,
        width=width,
        blocks=(2, 2, 2, 2),
        project=True,
        activate=activate,
    )
