"""Base functions by name, each with its derivative written out.

The derivatives serve hand-batched training, where autograd's bookkeeping costs more than the numbers;
each calls the very kernel that autograd would.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Forward = Callable[[Tensor], Tensor]
# backward(grad, x, y): the gradient with respect to x, given the one with respect to y = forward(x).
Backward = Callable[[Tensor, Tensor, Tensor], Tensor]

aten: Any = torch.ops.aten
SELU_SCALE = 1.0507009873554804934193349852946
SELU_ALPHA = 1.6732632423543772848170429916717


def by_autograd(forward: Forward) -> Backward:
    """The derivative of any elementwise function, computed by running it again under autograd."""

    def backward(grad: Tensor, x: Tensor, _y: Tensor) -> Tensor:
        with torch.inference_mode(False), torch.enable_grad():
            leaf = x.detach().clone().requires_grad_(True)
            (gradient,) = torch.autograd.grad(forward(leaf), leaf, grad.detach().clone())
        return gradient

    return backward


@dataclass(frozen=True, slots=True)
class Base:
    """An elementwise function from reals to reals and its derivative."""

    name: str
    forward: Forward
    backward: Backward

    def __call__(self, x: Tensor) -> Tensor:
        """The function itself, differentiable."""
        return self.forward(x)


def squared_relu(x: Tensor) -> Tensor:
    """max(x, 0) squared. Source: So et al., "Primer", arXiv 2109.08668."""
    return F.relu(x).square()


def gelu_tanh(x: Tensor) -> Tensor:
    """GELU in its tanh approximation."""
    return F.gelu(x, approximate="tanh")


def identity(x: Tensor) -> Tensor:
    """The input itself."""
    return x


def _relu_backward(grad: Tensor, _x: Tensor, y: Tensor) -> Tensor:
    gradient: Tensor = aten.threshold_backward(grad, y, 0)
    return gradient


def _elu_backward(alpha: float, scale: float) -> Backward:
    def backward(grad: Tensor, x: Tensor, _y: Tensor) -> Tensor:
        gradient: Tensor = aten.elu_backward(grad, alpha, scale, 1.0, False, x)
        return gradient

    return backward


BASES: Mapping[str, Base] = MappingProxyType(
    {
        base.name: base
        for base in (
            Base("relu", F.relu, _relu_backward),
            Base("leaky_relu", F.leaky_relu, lambda g, x, _: aten.leaky_relu_backward(g, x, 0.01, False)),
            Base("relu6", F.relu6, lambda g, x, _: aten.hardtanh_backward(g, x, 0.0, 6.0)),
            Base("elu", F.elu, _elu_backward(1.0, 1.0)),
            Base("celu", F.celu, _elu_backward(1.0, 1.0)),
            Base("selu", F.selu, _elu_backward(SELU_ALPHA, SELU_SCALE)),
            Base("gelu", F.gelu, lambda g, x, _: aten.gelu_backward(g, x)),
            Base("gelu_tanh", gelu_tanh, lambda g, x, _: aten.gelu_backward(g, x, approximate="tanh")),
            Base("silu", F.silu, lambda g, x, _: aten.silu_backward(g, x)),
            Base("mish", F.mish, lambda g, x, _: aten.mish_backward(g, x)),
            Base("softplus", F.softplus, lambda g, x, _: aten.softplus_backward(g, x, 1.0, 20.0)),
            Base("hardswish", F.hardswish, lambda g, x, _: aten.hardswish_backward(g, x)),
            Base("hardsigmoid", F.hardsigmoid, lambda g, x, _: aten.hardsigmoid_backward(g, x)),
            Base("tanh", torch.tanh, lambda g, _, y: aten.tanh_backward(g, y)),
            Base("sigmoid", torch.sigmoid, lambda g, _, y: aten.sigmoid_backward(g, y)),
            Base("squared_relu", squared_relu, lambda g, x, _: g * F.relu(x).mul_(2.0)),
            Base("identity", identity, lambda g, _x, _y: g),
        )
    }
)
