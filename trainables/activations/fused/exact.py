"""The base functions by torch's own, for float64 and for second derivatives.

Unlike the formulas they can be differentiated by autograd, as often as one likes.
"""

from collections.abc import Callable, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from trainables.activations.fused.formulas import LEAKY_SLOPE

Function = Callable[[Tensor], Tensor]


def _mish_rest(x: Tensor) -> Tensor:
    """x - mish(x) = 2 x / (e**2x + 2 e**x + 2)."""
    e = torch.exp(x.clamp(max=40.0))
    return 2 * x / (e * e + 2 * e + 2)


def _mirrored(function: Function) -> Function:
    """x - A(x) where A(x) = x S(x) with S(x) + S(-x) = 1."""
    return lambda x: -function(-x)


def _difference(function: Function) -> Function:
    return lambda x: x - function(x)


def _gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def _softplus(x: Tensor) -> Tensor:
    return torch.logaddexp(x, torch.zeros_like(x))


def _squared_relu(x: Tensor) -> Tensor:
    return F.relu(x).square()


def _hardsigmoid(x: Tensor) -> Tensor:
    return (x + 3.0).clamp(0.0, 6.0) / 6.0  # F.hardsigmoid has no second derivative


def _squared_relu_rest(x: Tensor) -> Tensor:
    return x * (1 - F.relu(x))


VALUE: Mapping[str, Function] = {
    "identity": lambda x: x.clone(),
    "relu": F.relu,
    "leaky_relu": lambda x: F.leaky_relu(x, LEAKY_SLOPE),
    "relu6": F.relu6,
    "squared_relu": _squared_relu,
    "hardswish": F.hardswish,
    "elu": F.elu,
    "celu": F.celu,
    "selu": F.selu,
    "gelu": F.gelu,
    "gelu_tanh": _gelu_tanh,
    "silu": F.silu,
    "mish": F.mish,
    "softplus": _softplus,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hardsigmoid": _hardsigmoid,
}
REST: Mapping[str, Function] = {name: _difference(function) for name, function in VALUE.items()} | {
    "relu": lambda x: x.clamp(max=0.0),
    "squared_relu": _squared_relu_rest,
    "hardswish": _mirrored(F.hardswish),
    "gelu": _mirrored(F.gelu),
    "gelu_tanh": _mirrored(_gelu_tanh),
    "silu": _mirrored(F.silu),
    "mish": _mish_rest,
    "softplus": lambda x: -_softplus(-x),
}


def value(name: str, x: Tensor) -> Tensor:
    """A(x)."""
    return VALUE[name](x)


def slope(name: str, x: Tensor) -> Tensor:
    """A'(x)."""
    return _derivative(VALUE[name], x)


def bend(name: str, x: Tensor) -> Tensor:
    """A''(x)."""
    return _derivative(lambda t: slope(name, t), x)


def _derivative(function: Function, x: Tensor) -> Tensor:
    derivative: Tensor = torch.func.grad(lambda t: function(t).sum())(x)
    return derivative


def parts(name: str, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A(x), x - A(x) and A'(x)."""
    return value(name, x), REST[name](x), slope(name, x)
