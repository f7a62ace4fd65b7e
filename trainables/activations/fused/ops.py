"""The operators ablate::dyn_act and ablate::base_act for torch: schemas, fakes, vmap, autograd, back ends.

CPU: the compiled kernels, which bring their autograd along; without a compiler the plain form serves, slower,
with the same bits (autograd.py). CUDA: the Triton kernels (gpu.py). Both from the size on that
crossovers.json names. Anything else: the plain form.
"""

import logging
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from trainables.activations.fused import autograd as fused_autograd
from trainables.activations.fused import exact as fused_exact
from trainables.activations.fused import gpu as fused_gpu
from trainables.activations.fused import plain as fused_plain
from trainables.activations.fused.build import build
from trainables.activations.fused.crossovers import DTYPES, kernels_from
from trainables.errors import CannotBuild

_GROUPS = "int[] bases, int[] counts"
_SCALARS = "Tensor alpha, Tensor beta"
SCHEMAS = (
    f"dyn_act(Tensor x, {_SCALARS}, {_GROUPS}, int channel_dim) -> Tensor",
    f"dyn_act_backward(Tensor grad, Tensor x, {_SCALARS}, {_GROUPS}, int channel_dim, bool scalars)"
    " -> (Tensor, Tensor, Tensor)",
    f"base_act(Tensor x, {_GROUPS}) -> Tensor",
    f"base_act_backward(Tensor grad, Tensor x, {_GROUPS}) -> Tensor",
)
_SECOND = (
    "dyn_act_double_backward(Tensor to_x, Tensor to_alpha, Tensor to_beta, Tensor grad, Tensor x,"
    f" {_SCALARS}, {_GROUPS}, int channel_dim) -> (Tensor, Tensor, Tensor, Tensor)",
    f"base_act_double_backward(Tensor to_x, Tensor grad, Tensor x, {_GROUPS}) -> (Tensor, Tensor)",
)
# Without autograd, into buffers made once: for training that writes its own backward pass.
_INTO = (
    f"dyn_act_into(Tensor x, {_SCALARS}, {_GROUPS}, int channel_dim, Tensor(a!) y) -> ()",
    f"dyn_act_backward_into(Tensor grad, Tensor x, {_SCALARS}, {_GROUPS}, int channel_dim,"
    " Tensor(a!) grad_x, Tensor(b!) grad_alpha, Tensor(c!) grad_beta) -> ()",
    f"base_act_into(Tensor x, {_GROUPS}, Tensor(a!) y) -> ()",
    f"base_act_backward_into(Tensor grad, Tensor x, {_GROUPS}, Tensor(a!) grad_x) -> ()",
)
# What modules call: one base, one member. Without lists to read it takes a microsecond less.
_ONE = f"dyn_act_one(Tensor x, {_SCALARS}, int base, int channel_dim) -> Tensor"
_SERVE_FROM = "serve_from(int[] elements) -> ()"  # of the compiled kernels; without them nobody asks
_NEVER = 2**62
_log = logging.getLogger(__name__)
_torch: Any = torch  # where its own annotations stop
_library: Any = _torch.library.Library("ablate", "DEF")


def _dyn_act_into(*args: Any) -> None:
    args[-1].copy_(torch.ops.ablate.dyn_act(*args[:-1]))


def _dyn_act_backward_into(*args: Any) -> None:
    results = torch.ops.ablate.dyn_act_backward(*args[:-3], args[-1].numel() > 0)
    for into, result in zip(args[-3:], results, strict=True):
        into.copy_(result.view(into.shape))


def _dyn_act_one(x: Tensor, alpha: Tensor, beta: Tensor, base: int, channel_dim: int) -> Tensor:
    y: Tensor = torch.ops.ablate.dyn_act(x, alpha, beta, [base], [], channel_dim)
    return y


def _base_act_into(*args: Any) -> None:
    args[-1].copy_(torch.ops.ablate.base_act(*args[:-1]))


def _base_act_backward_into(*args: Any) -> None:
    args[-1].copy_(torch.ops.ablate.base_act_backward(*args[:-1]))


_COPIED: dict[str, Callable[..., None]] = {
    "dyn_act_into": _dyn_act_into,
    "dyn_act_backward_into": _dyn_act_backward_into,
    "base_act_into": _base_act_into,
    "base_act_backward_into": _base_act_backward_into,
}


def _declare() -> None:
    for schema in SCHEMAS:
        name = schema.split("(")[0]
        _library.define(schema)
        _library.define(schema.replace("(", "_plain(", 1))
        _library.impl(name, fused_gpu.PLAIN[name], "CompositeExplicitAutograd")
        _library.impl(f"{name}_plain", fused_gpu.PLAIN[name], "CompositeExplicitAutograd")
        torch.library.register_vmap(f"ablate::{name}", _BATCHED[name], lib=_library)
    fused_gpu.register(_library)
    for schema, second in zip(_SECOND, (dyn_act_double_backward, base_act_double_backward), strict=True):
        _library.define(schema)
        name = schema.split("(")[0]
        _library.impl(name, second, "CompositeImplicitAutograd")
        torch.library.register_vmap(f"ablate::{name}", _BATCHED[name], lib=_library)
    _library.define(_ONE)
    _library.define(_SERVE_FROM)
    for schema in _INTO:
        name = schema.split("(")[0]
        _library.define(schema)
        _library.impl(name, _COPIED[name], "CompositeExplicitAutograd")
    torch.library.register_fake("ablate::dyn_act", lambda x, *_: torch.empty_like(x), lib=_library)
    torch.library.register_fake("ablate::base_act", lambda x, *_: torch.empty_like(x), lib=_library)
    torch.library.register_fake(
        "ablate::base_act_backward", lambda _g, x, *_: torch.empty_like(x), lib=_library
    )
    torch.library.register_fake("ablate::dyn_act_backward", _fake_backward, lib=_library)


def _fake_backward(
    _grad: Tensor, x: Tensor, alpha: Tensor, beta: Tensor, _bases: Any, _counts: Any, _dim: int, scalars: bool
) -> tuple[Tensor, Tensor, Tensor]:
    if not scalars:
        return torch.empty_like(x), alpha.new_empty(0), beta.new_empty(0)
    return torch.empty_like(x), alpha.new_empty(alpha.shape), beta.new_empty(beta.shape)


# vmap: the mapped dimension becomes members, in front of those there may be already.


def _members(t: Tensor, dim: int | None, size: int) -> Tensor:
    return t.movedim(dim, 0) if dim is not None else t.expand(size, *t.shape)


def _merged(t: Tensor, counts: Sequence[int]) -> Tensor:
    return (t.flatten(0, 1) if counts else t).contiguous()


def _repeated(bases: Sequence[int], counts: Sequence[int], size: int) -> tuple[list[int], list[int]]:
    """Groups after mapping; without groups before it, there may be a base for each mapped member."""
    if not counts and len(bases) > 1:
        return list(bases), [1] * size
    return list(bases) * size, (list(counts) if counts else [1]) * size


def _batched_forward(
    info: Any, dims: Any, x: Tensor, alpha: Tensor, beta: Tensor, bases: Any, counts: Any, channel_dim: int
) -> tuple[Tensor, int]:
    tensors = [_members(t, dim, info.batch_size) for t, dim in zip((x, alpha, beta), dims, strict=False)]
    merged = [_merged(t, counts) for t in tensors]
    groups = _repeated(bases, counts, info.batch_size)
    y = torch.ops.ablate.dyn_act(*merged, *groups, channel_dim if counts else channel_dim + 1)
    return y.view(tensors[0].shape), 0


def _batched_backward(
    info: Any,
    dims: Any,
    grad: Tensor,
    x: Tensor,
    alpha: Tensor,
    beta: Tensor,
    bases: Any,
    counts: Any,
    channel_dim: int,
    scalars: bool,
) -> tuple[tuple[Tensor, ...], tuple[int, int, int]]:
    given = zip((grad, x, alpha, beta), dims, strict=False)
    tensors = [_members(t, dim, info.batch_size) for t, dim in given]
    merged = [_merged(t, counts) for t in tensors]
    groups = _repeated(bases, counts, info.batch_size)
    dim = channel_dim if counts else channel_dim + 1
    grad_x, *sums = torch.ops.ablate.dyn_act_backward(*merged, *groups, dim, scalars)
    if not scalars:
        return (grad_x.view(tensors[1].shape), *(s.new_empty(info.batch_size, 0) for s in sums)), (0, 0, 0)
    shaped = [s.view(t.shape) for s, t in zip((grad_x, *sums), tensors[1:], strict=True)]
    return tuple(shaped), (0, 0, 0)


def _batched_base(info: Any, dims: Any, x: Tensor, bases: Any, counts: Any) -> tuple[Tensor, int]:
    moved = _members(x, dims[0], info.batch_size)
    groups = _repeated(bases, counts, info.batch_size)
    return torch.ops.ablate.base_act(_merged(moved, counts), *groups).view(moved.shape), 0


def _batched_base_backward(
    info: Any, dims: Any, grad: Tensor, x: Tensor, bases: Any, counts: Any
) -> tuple[Tensor, int]:
    moved = [_members(t, dim, info.batch_size) for t, dim in zip((grad, x), dims, strict=False)]
    groups = _repeated(bases, counts, info.batch_size)
    result = torch.ops.ablate.base_act_backward(*(_merged(t, counts) for t in moved), *groups)
    return result.view(moved[1].shape), 0


def _batched_second(info: Any, dims: Any, *args: Any) -> tuple[tuple[Tensor, ...], tuple[int, ...]]:
    tensors = [_members(t, dim, info.batch_size) for t, dim in zip(args[:7], dims, strict=False)]
    bases, counts, channel_dim = args[7:]
    groups = _repeated(bases, counts, info.batch_size)
    dim = channel_dim if counts else channel_dim + 1
    results = torch.ops.ablate.dyn_act_double_backward(*(_merged(t, counts) for t in tensors), *groups, dim)
    return tuple(r.view(t.shape) for r, t in zip(results, tensors[3:], strict=True)), (0, 0, 0, 0)


def _batched_base_second(
    info: Any, dims: Any, to_x: Tensor, grad: Tensor, x: Tensor, bases: Any, counts: Any
) -> tuple[tuple[Tensor, ...], tuple[int, int]]:
    tensors = [_members(t, dim, info.batch_size) for t, dim in zip((to_x, grad, x), dims, strict=False)]
    groups = _repeated(bases, counts, info.batch_size)
    results = torch.ops.ablate.base_act_double_backward(*(_merged(t, counts) for t in tensors), *groups)
    return tuple(r.view(tensors[2].shape) for r in results), (0, 0)


_BATCHED: dict[str, Callable[..., Any]] = {
    "dyn_act_double_backward": _batched_second,
    "base_act_double_backward": _batched_base_second,
    "dyn_act": _batched_forward,
    "dyn_act_backward": _batched_backward,
    "base_act": _batched_base,
    "base_act_backward": _batched_base_backward,
}


# Second derivatives: rare, so in plain differentiable torch.


def _each(function: Callable[[str, Tensor], Tensor], x: Tensor, bases: Any, counts: Any) -> Tensor:
    pieces = []
    start = 0
    for base, count in zip(bases, counts or [0], strict=True):
        pieces.append(function(fused_plain.NAMES[base], x[start : start + count] if counts else x))
        start += count
    return torch.cat(pieces) if len(pieces) > 1 else pieces[0]


def dyn_act_double_backward(
    to_x: Tensor,
    to_alpha: Tensor,
    to_beta: Tensor,
    grad: Tensor,
    x: Tensor,
    alpha: Tensor,
    beta: Tensor,
    bases: Any,
    counts: Any,
    channel_dim: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of dyn_act_backward's results with respect to grad, x, alpha and beta."""
    value, slope, bend = (
        _each(f, x, bases, counts) for f in (fused_exact.value, fused_exact.slope, fused_exact.bend)
    )
    spread = [_spread(s, x, counts, channel_dim) for s in (alpha, beta, to_alpha, to_beta)]
    difference = spread[0] - spread[1]
    to_grad = to_x * (slope * difference + spread[1]) + spread[2] * value + spread[3] * (x - value)
    into_x = grad * (to_x * bend * difference + spread[2] * slope + spread[3] * (1 - slope))
    product = to_x * grad
    sums = [(product * s).sum_to_size(spread[0].shape) for s in (slope, 1 - slope)]
    return to_grad, into_x, sums[0].reshape(alpha.shape), sums[1].reshape(beta.shape)


def base_act_double_backward(
    to_x: Tensor, grad: Tensor, x: Tensor, bases: Any, counts: Any
) -> tuple[Tensor, Tensor]:
    """Gradients of base_act_backward's result with respect to grad and x."""
    slope, bend = (_each(f, x, bases, counts) for f in (fused_exact.slope, fused_exact.bend))
    return to_x * slope, to_x * grad * bend


def _spread(scalars: Tensor, x: Tensor, counts: Any, channel_dim: int) -> Tensor:
    members = sum(counts) if counts else 1
    shape = [1] * x.ndim
    if counts:
        shape[0] = members
    if scalars.numel() > members:
        shape[channel_dim] = scalars.numel() // members
    return scalars.reshape(shape)


def serve_from(elements: Sequence[int | None]) -> None:
    """From how many elements of a member on the compiled kernels serve, for each of DTYPES; None: never."""
    torch.ops.ablate.serve_from([_NEVER if number is None else number for number in elements])


def _load() -> bool:
    """Whether the compiled kernels serve; `ABLATE_FUSED=plain` asks for the plain form."""
    if os.environ.get("ABLATE_FUSED") != "plain":
        try:
            _torch.ops.load_library(str(build()))
            serve_from([kernels_from("cpu", dtype) for dtype in DTYPES])
            return True
        except (CannotBuild, OSError) as error:
            _log.warning("the fused activation runs in its plain form, slower, same bits: %s", error)
    fused_autograd.register(_library)
    _library.impl("dyn_act_one", _dyn_act_one, "CompositeImplicitAutograd")
    return False


_declare()
COMPILED = _load()
