"""How linear a trained activation is, from its scalars and the data that reach it.

f(x) = beta x + (alpha - beta) A(x). Two readings of one layer, both in [0, 1], 1 = linear:

- `linear_share`: the energy of the linear path as a share of both paths,
  E[(beta x)^2] / (E[(beta x)^2] + E[((alpha - beta) A(x))^2]). It is about the parameters: 1 exactly when
  alpha = beta, 0 when beta = 0 (a static base), whatever A does.
- `straightness`: the squared correlation of f(x) with x over the data. It is about the function as used:
  a static ReLU fed with positive values only is straight although its linear share is 0.

Source: own definitions; the abstract of arXiv 2603.22154 says "linearise" and defines nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Linearity:
    """One layer's readings."""

    linear_share: float
    straightness: float


def linearity(
    x: Float[Tensor, "*inputs"],
    base: Float[Tensor, "*inputs"],
    *,
    alpha: float | Float[Tensor, "*broadcast"],
    beta: float | Float[Tensor, "*broadcast"],
) -> Linearity:
    """Readings for inputs x and base values A(x), in float64; scalars broadcast against x.

    A layer that outputs a constant is as linear as can be: straightness 1. A layer whose both paths
    carry nothing has share 0.
    """
    x, base = x.double(), base.double()
    linear = x * beta
    bent = base * (torch.as_tensor(alpha, dtype=torch.float64) - beta)
    energies = linear.square().mean(), bent.square().mean()
    total = energies[0] + energies[1]
    return Linearity(
        linear_share=float(energies[0] / total) if total > 0 else 0.0,
        straightness=squared_correlation(x, linear + bent),
    )


def squared_correlation(x: Float[Tensor, "*inputs"], y: Float[Tensor, "*inputs"]) -> float:
    """Squared Pearson correlation over all elements; 1 where y does not vary."""
    dx, dy = x - x.mean(), y - y.mean()
    norm_y = float(dy.square().sum())
    norm_x = float(dx.square().sum())
    if norm_y <= 1e-24 or norm_x <= 1e-24:
        return 1.0
    return min(1.0, float((dx * dy).sum()) ** 2 / (norm_x * norm_y))


def scalar_linearity(alpha: float, beta: float) -> float:
    """Linearity from the scalars alone: 1 - |alpha - beta| / (|alpha| + |beta|).

    >>> scalar_linearity(1.0, 0.0), scalar_linearity(0.7, 0.7)
    (0.0, 1.0)
    """
    size = abs(alpha) + abs(beta)
    return 1.0 - abs(alpha - beta) / size if size > 0 else 1.0


def thirds(name: str, layers: Sequence[float]) -> dict[str, float]:
    """Means over the first and the last third of the layers, at least one each, and each layer's own value.

    >>> thirds("share", [0.0, 0.5, 1.0])
    {'share_shallow': 0.0, 'share_deep': 1.0, 'share.1': 0.0, 'share.2': 0.5, 'share.3': 1.0}
    """
    if not layers:
        return {}
    num = -(-len(layers) // 3)
    means = {f"{name}_shallow": sum(layers[:num]) / num, f"{name}_deep": sum(layers[-num:]) / num}
    return means | {f"{name}.{layer}": value for layer, value in enumerate(layers, 1)}
