"""The networks as somebody without this project writes them: plain PyTorch, one module a layer."""

import torch
from torch import Tensor, nn

BASES = {"relu": nn.ReLU, "mish": nn.Mish, "gelu": nn.GELU, "silu": nn.SiLU}


class PlainDynActivation(nn.Module):
    """f(x) = base(x)(alpha - beta) + beta x."""

    def __init__(self, base: nn.Module) -> None:
        super().__init__()
        self.base = base
        self.alpha = nn.Parameter(torch.tensor(1.0))
        self.beta = nn.Parameter(torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        """The activation, elementwise."""
        return self.base(x) * (self.alpha - self.beta) + self.beta * x


def network(
    *, width: int, depth: int, base: str = "relu", scalars: str = "none", inputs: int = 784, classes: int = 10
) -> nn.Sequential:
    """A perceptron with `depth` hidden layers."""
    layers: list[nn.Module] = []
    for index in range(depth):
        activation = BASES[base]()
        layers.append(nn.Linear(width if index else inputs, width))
        layers.append(activation if scalars == "none" else PlainDynActivation(activation))
    return nn.Sequential(*layers, nn.Linear(width, classes))
