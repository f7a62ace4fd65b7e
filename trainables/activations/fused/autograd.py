"""Gradients of the fused operators for machines without the compiled kernels, which bring the same in C++.

torch.library.register_autograd would refuse torch.func: its nodes look for the transforms themselves, while
an operator's kernel already runs inside one. These nodes belong to the one level that they are made in.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch._functorch import utils as _functorch

_torch: Any = torch  # where its own annotations stop
_ops: Any = torch.ops.ablate


def register(library: Any) -> None:
    """Makes the operators of `library` differentiable."""
    for name, num_tensors, backward in (
        ("dyn_act", 3, _dyn_act_backward),
        ("dyn_act_backward", 4, _dyn_act_second),
        ("base_act", 1, _base_act_backward),
        ("base_act_backward", 2, _base_act_second),
    ):
        library.impl(name, _differentiable(name, num_tensors, backward), "Autograd")


def _differentiable(
    name: str, num_tensors: int, backward: Callable[..., tuple[Any, ...]]
) -> Callable[..., Any]:
    operator = getattr(_ops, name).default

    def forward(ctx: Any, *args: Any) -> Any:
        ctx.save_for_backward(*args[:num_tensors])
        ctx.groups = args[num_tensors:]
        with _torch._C._AutoDispatchBelowAutograd():
            return operator(*args)

    node: Any = type(
        f"{name}_node",
        (_torch.autograd.function._SingleLevelFunction,),
        {"forward": staticmethod(forward), "backward": staticmethod(backward)},
    )

    def run(*args: Any) -> Any:
        with _functorch.enable_single_level_autograd_function():
            return node.apply(*args)

    return run


def _dyn_act_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    scalars = any(ctx.needs_input_grad[1:3])
    results = _ops.dyn_act_backward(grad, *ctx.saved_tensors, *ctx.groups, scalars)
    return *(results if scalars else (results[0], None, None)), None, None, None


def _dyn_act_second(ctx: Any, to_x: Tensor, to_alpha: Tensor, to_beta: Tensor) -> tuple[Any, ...]:
    grad, x, alpha, beta = ctx.saved_tensors
    *groups, scalars = ctx.groups
    if not scalars:
        to_alpha, to_beta = torch.zeros_like(alpha), torch.zeros_like(beta)
    results = _ops.dyn_act_double_backward(to_x, to_alpha, to_beta, grad, x, alpha, beta, *groups)
    return *results, *[None] * 4


def _base_act_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return _ops.base_act_backward(grad, *ctx.saved_tensors, *ctx.groups), None, None


def _base_act_second(ctx: Any, to_x: Tensor) -> tuple[Any, ...]:
    return *_ops.base_act_double_backward(to_x, *ctx.saved_tensors, *ctx.groups), None, None
