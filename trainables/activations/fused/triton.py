"""The fused activation's operators on CUDA tensors, through the kernels of triton_kernels.py.

Forward in one sweep; backward in one sweep, which leaves float32 sums of 1,024 elements each, and a second
small kernel that adds those up in float64. The order of a sum depends on the shape alone, so launch sizes,
packmates and repetition change no bit, and neither does the plain form on the same device.

State: run in Triton's interpreter and compiled to machine code for compute capability 9.0 in tests; NEVER RUN
ON A GPU. Tile sizes are guesses, and no speed is known.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from trainables.activations.fused import triton_formulas as formulas
from trainables.activations.fused import triton_kernels as kernels
from trainables.activations.fused.plain import BLOCK, LANES, NAMES, ROWS, MemoryLayout, layout_of

# What keeps the bits: a product and a sum round one after the other, and denormals count.
OPTIONS: dict[str, Any] = {"enable_fp_fusion": False, "enable_reflect_ftz": False, "num_warps": 4}
FORWARD_TILE, CHANNEL_TILE = 1024, 128
RUNS_TILE, FEW_RUNS_TILE, MANY_RUNS = 32, 8, 8192  # runs side by side in one program; few: more programs
_FAR = 2**31 - 2**20  # from here on 32 bits no longer count elements


def supports(x: Tensor) -> bool:
    """Whether the kernels take tensors of this type."""
    return x.dtype in (torch.float32, torch.bfloat16, torch.float16)


def dyn_act(
    x: Tensor, alpha: Tensor, beta: Tensor, bases: Sequence[int], counts: Sequence[int], channel_dim: int
) -> Tensor:
    """A(x)(alpha - beta) + beta x."""
    return _forward(x, (alpha, beta), bases, counts, channel_dim)


def base_act(x: Tensor, bases: Sequence[int], counts: Sequence[int]) -> Tensor:
    """A(x)."""
    return _forward(x, None, bases, counts, 0)


def dyn_act_backward(
    grad: Tensor,
    x: Tensor,
    alpha: Tensor,
    beta: Tensor,
    bases: Sequence[int],
    counts: Sequence[int],
    channel_dim: int,
    scalars: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients with respect to x, alpha and beta; the latter empty unless `scalars`."""
    grad_x, totals = _backward(grad, x, (alpha, beta), bases, counts, channel_dim, summed=scalars)
    if totals is None:
        return grad_x, alpha.new_empty(0), beta.new_empty(0)
    return grad_x, totals[0].to(alpha.dtype).view(alpha.shape), totals[1].to(beta.dtype).view(beta.shape)


def base_act_backward(grad: Tensor, x: Tensor, bases: Sequence[int], counts: Sequence[int]) -> Tensor:
    """The gradient with respect to x."""
    return _backward(grad, x, None, bases, counts, 0, summed=False)[0]


_Scalars = tuple[Tensor, Tensor] | None


def _dense(x: Tensor, layout: MemoryLayout) -> Tensor:
    """x as it is if its elements lie without gaps in the layout's order, else a contiguous copy."""
    return x if x.permute(layout.order).is_contiguous() else x.contiguous()


def _like(t: Tensor, x: Tensor) -> Tensor:
    same = t.stride() == x.stride() and t.dtype == x.dtype
    return t if same else torch.empty_like(x).copy_(t)


def _as(result: Tensor, given: Tensor) -> Tensor:
    """result with the strides that the operators promise: those of torch.empty_like."""
    same = given.is_contiguous() or result.stride() == given.stride()
    return result if same else torch.empty_like(given).copy_(result)


def _groups(bases: Sequence[int], counts: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    """Base, first member and number of members of each group."""
    start = 0
    for base, count in zip(bases, counts or [1], strict=True):
        if count:
            yield NAMES[base], start, count
        start += count


def _cdiv(a: int, b: int) -> int:
    return -(-a // b)


def _flat(t: Tensor, layout: MemoryLayout, first: int, count: int) -> Tensor:
    """The elements of some members in memory order; t must be dense."""
    if not t.numel():
        return t.reshape(-1)
    size = t.numel() // layout.members
    return t.permute(layout.order).view(-1).narrow(0, first * size, count * size)


def _part(
    scalars: _Scalars, layout: MemoryLayout, first: int, count: int, x: Tensor
) -> tuple[Tensor, Tensor]:
    if scalars is None:
        return x, x  # not read
    low, num = first * layout.channels, count * layout.channels
    alpha, beta = (s.reshape(-1).narrow(0, low, num) for s in scalars)
    return alpha, beta


def _forward(
    given: Tensor, scalars: _Scalars, bases: Sequence[int], counts: Sequence[int], channel_dim: int
) -> Tensor:
    layout = layout_of(given, scalars[0].numel() if scalars else 0, counts, channel_dim)
    x = _dense(given, layout)
    y = torch.empty_like(x)
    size = layout.outer * layout.channels * layout.inner
    with torch.cuda.device(x.device.index if x.is_cuda else -1):
        for name, first, count in _groups(bases, counts) if x.numel() else ():
            blocks = _cdiv(size, FORWARD_TILE)
            kernels.forward[(count * blocks,)](
                _flat(x, layout, first, count),
                _flat(y, layout, first, count),
                *_part(scalars, layout, first, count, x),
                size,
                blocks,
                layout.channels,
                layout.inner,
                formula=getattr(formulas, f"{name}_forward"),
                scaled=scalars is not None,
                per_channel=layout.channels > 1,
                wide=count * size >= _FAR,
                tile=FORWARD_TILE,
                **OPTIONS,
            )
    return _as(y, given)


def _backward(
    given_grad: Tensor,
    given: Tensor,
    scalars: _Scalars,
    bases: Sequence[int],
    counts: Sequence[int],
    channel_dim: int,
    *,
    summed: bool,
) -> tuple[Tensor, Tensor | None]:
    """The gradient with respect to x, and [2, scalars] float32 sums for alpha and beta if asked for."""
    layout = layout_of(given, scalars[0].numel() if scalars else 0, counts, channel_dim)
    x = _dense(given, layout)
    grad, grad_x = _like(given_grad, x), torch.empty_like(x)
    vertical = layout.channels > 1 and layout.inner == 1
    units = _cdiv(layout.outer, ROWS) if vertical else layout.outer * _cdiv(layout.inner, BLOCK)
    num_scalars = layout.members * layout.channels
    if not x.numel():
        return torch.empty_like(given), x.new_zeros((2, num_scalars), dtype=torch.float32) if summed else None
    sums = torch.empty((2, num_scalars, units if summed else 0), dtype=torch.float32, device=x.device)
    launch = _launch_rows if vertical else _launch_runs
    with torch.cuda.device(x.device.index if x.is_cuda else -1):
        for name, first, count in _groups(bases, counts):
            tensors = [_flat(t, layout, first, count) for t in (grad, x, grad_x)]
            tensors += _part(scalars, layout, first, count, x)
            tensors += sums.narrow(1, first * layout.channels, count * layout.channels)
            launch(tensors, layout, count, getattr(formulas, f"{name}_parts"), scalars is not None, summed)
        totals = torch.empty((2, num_scalars), dtype=torch.float32, device=x.device) if summed else None
        if totals is not None:
            wide = sums.numel() >= _FAR
            kernels.add_up[(2 * num_scalars,)](sums, totals, units, wide=wide, **OPTIONS)
    return _as(grad_x, given), totals


def _launch_runs(
    tensors: list[Tensor], layout: MemoryLayout, count: int, formula: Any, scaled: bool, summed: bool
) -> None:
    blocks = _cdiv(layout.inner, BLOCK)
    num_runs = count * layout.outer * layout.channels * blocks
    tile = RUNS_TILE if num_runs >= MANY_RUNS else FEW_RUNS_TILE
    kernels.backward_runs[(_cdiv(num_runs, tile),)](
        *tensors,
        num_runs,
        blocks,
        layout.inner,
        layout.outer,
        layout.channels,
        min(BLOCK // LANES, _cdiv(layout.inner, LANES)),
        formula=formula,
        scaled=scaled,
        summed=summed,
        wide=tensors[0].numel() >= _FAR,
        tile=tile,
        **OPTIONS,
    )


def _launch_rows(
    tensors: list[Tensor], layout: MemoryLayout, count: int, formula: Any, _scaled: bool, summed: bool
) -> None:
    groups, channel_tiles = _cdiv(layout.outer, ROWS), _cdiv(layout.channels, CHANNEL_TILE)
    kernels.backward_rows[(count * groups * channel_tiles,)](
        *tensors,
        layout.outer,
        groups,
        layout.channels,
        channel_tiles,
        min(ROWS, layout.outer),
        formula=formula,
        summed=summed,
        wide=tensors[0].numel() >= _FAR,
        tile=CHANNEL_TILE,
        **OPTIONS,
    )
