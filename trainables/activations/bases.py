"""Base functions by name, each with its derivative, as hand-batched training needs it without autograd.

Their formulas stand in fused/formulas.py, their names in manifests/activations.py. They are computed alike
alone and inside a dynActivation: within two units in the last place of the true value, and the same bits in
every arm.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import torch
from torch import Tensor

from trainables.activations.fused import activation as fused

Forward = Callable[[Tensor], Tensor]
# backward(grad, x, y): the gradient with respect to x, given the one with respect to y = forward(x).
Backward = Callable[[Tensor, Tensor, Tensor], Tensor]


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
    fused: bool = False  # whether dynActivation has it in one operator

    def __call__(self, x: Tensor) -> Tensor:
        """The function itself, differentiable."""
        return self.forward(x)


def _forward(x: Tensor, name: str) -> Tensor:
    return fused.base_act(x, name)


def _backward(grad: Tensor, x: Tensor, _y: Tensor, name: str) -> Tensor:
    return fused.base_act_backward(grad, x, name)


BASES: Mapping[str, Base] = MappingProxyType(
    {
        name: Base(name, partial(_forward, name=name), partial(_backward, name=name), fused=True)
        for name in fused.CODES
    }
)
