"""A plain convolutional classifier: blocks of two 3x3 convolutions and a pool, then one linear layer."""

from jaxtyping import Float
from torch import Tensor, nn

from trainables.models.sites import Activate


class PlainCNN(nn.Module):
    """Images [batch, channels, height, width] to logits [batch, classes].

    Widths double with every block; two convolutions a block, each followed by batch norm and an
    activation; global average pooling at the end, so that any image of at least 2**blocks pixels fits.
    """

    def __init__(
        self, *, in_channels: int, num_classes: int, width: int, num_blocks: int, activate: Activate
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = in_channels
        for block in range(num_blocks):
            out = width * 2**block
            for _ in range(2):
                layers += [
                    nn.Conv2d(channels, out, 3, padding=1, bias=False),
                    nn.BatchNorm2d(out),
                    activate(out),
                ]
                channels = out
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits of a batch of standardised images."""
        return self.head(self.features(x).mean((2, 3)))  # type: ignore[no-any-return]
