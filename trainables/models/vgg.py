"""VGG-style classifiers for small images, with batch norm and one linear layer.

Source: Simonyan and Zisserman, "Very deep convolutional networks", arXiv 1409.1556, table 1,
with the three fully connected layers replaced by average pooling and one, as is usual on CIFAR.
"""

from jaxtyping import Float
from torch import Tensor, nn

from trainables.models.sites import Activate

# Convolutions in each of the five stages.
STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(nn.Module):
    """Images [batch, channels, height, width] to logits; `depth` is 11, 13, 16 or 19."""

    def __init__(
        self, *, in_channels: int, num_classes: int, depth: int, width: int, activate: Activate
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = in_channels
        for stage, num_convolutions in enumerate(STAGES[depth]):
            out = width * min(2**stage, 8)
            for _ in range(num_convolutions):
                layers += [
                    nn.Conv2d(channels, out, 3, padding=1, bias=False),
                    nn.BatchNorm2d(out),
                    activate(out),
                ]
                channels = out
            # 28 and 32 pixels both survive five halvings when the odd ones are rounded up.
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(channels, num_classes)

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Logits of a batch of standardised images."""
        return self.head(self.features(x).mean((2, 3)))  # type: ignore[no-any-return]
