"""The fused activation in eager torch: the reference of all back ends, and the back end of last resort.

Runs the formulas of formulas.py and the summation order of kernels/dynact.h with torch's own
elementwise operations, which round like everybody's; so its bits are those of the compiled kernels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from trainables.activations.fused import exact as fused_exact
from trainables.activations.fused.formulas import FORWARD, PARTS, Parts, Row, TwoWays

NAMES = tuple(FORWARD)  # an operator gets the place of its base in here
LANES, BLOCK, ROWS = 16, 1024, 64  # as in kernels/dynact.h
TOTAL_LANES = 1024  # of the second stage on a GPU


class TorchOps:
    """The operations of a formula on tensors."""

    def where(self, condition: Tensor, yes: Tensor | float, no: Tensor | float) -> Tensor:
        if isinstance(yes, float) and isinstance(no, float):
            yes = torch.full((), yes, dtype=torch.float32, device=condition.device)
        return torch.where(condition, yes, no)

    def at_least(self, x: Tensor, low: float) -> Tensor:
        return torch.where(x < low, low, x)

    def at_most(self, x: Tensor, high: float) -> Tensor:
        return torch.where(x > high, high, x)

    def magnitude(self, x: Tensor) -> Tensor:
        return x.abs()

    def lost(self, a: Tensor, b: Tensor, result: Tensor | float) -> Tensor:
        return torch.sub(a.double() * b.double(), result).float()

    def pow2(self, biased: Tensor) -> Tensor:
        return (biased.view(torch.int32) << 23).view(torch.float32)

    def wide(self, x: Tensor) -> Tensor:
        return x.double()

    def narrow(self, x: Tensor) -> Tensor:
        return x.float()

    def like(self, x: Tensor, value: float) -> Tensor:
        return torch.full_like(x, value)

    def look_up(self, rows: tuple[Row, ...], place: Tensor) -> list[Tensor]:
        columns = torch.tensor(rows, dtype=torch.float32, device=place.device).T
        return list(columns[:, place.view(torch.int32) & 31].unbind())


_OPS = TorchOps()


def is_exact(x: Tensor) -> bool:
    """Whether torch's own functions serve: float64 input, or a device without float64 to compute in."""
    return x.dtype == torch.float64 or x.device.type == "mps"


def working(x: Tensor) -> Tensor:
    """x in the precision that is computed in."""
    return x if x.dtype == torch.float64 else x.float()


def base_value(name: str, x: Tensor) -> Tensor:
    """A(x) for a float32 or float64 tensor."""
    if is_exact(x):
        return fused_exact.value(name, x)
    formula = FORWARD[name]
    if not isinstance(formula, TwoWays):
        value: Tensor = formula(_OPS, x)
    elif x.is_cuda:
        value = formula.everywhere(_OPS, x)
    else:
        value, beyond = formula.near(_OPS, x), formula.beyond(_OPS, x)
        if beyond.any():
            value = torch.where(beyond, formula.everywhere(_OPS, x), value)
    return value


def base_parts(name: str, x: Tensor) -> Parts:
    """A(x), x - A(x) and A'(x) for a float32 or float64 tensor."""
    return fused_exact.parts(name, x) if is_exact(x) else PARTS[name](_OPS, x)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryLayout:
    """How the dimensions of x lie in memory, slowest first, and which of them hold members and channels."""

    order: tuple[int, ...]
    members: int
    channels: int
    outer: int
    inner: int

    def in_memory(self, t: Tensor) -> Tensor:
        """t, which has the shape of x, as [members, outer, channels, inner]."""
        return t.permute(self.order).reshape(self.members, self.outer, self.channels, self.inner)


def layout_of(x: Tensor, num_scalars: int, counts: Sequence[int], channel_dim: int) -> MemoryLayout:
    """The layout that the compiled kernels see. Raises: ValueError where scalars do not fit x."""
    members = sum(counts) if counts else 1
    if counts and (x.ndim == 0 or x.shape[0] != members):
        raise ValueError(f"groups hold {members} members, x has shape {tuple(x.shape)}")
    strides = x.stride()
    order = sorted(range(x.ndim), key=lambda dim: -strides[dim])
    if not x.permute(order).is_contiguous() or (counts and order[0] != 0) or x.is_contiguous():
        order = list(range(x.ndim))
    channels = num_scalars // members if members else 1
    if channels <= 1:
        inner = x.numel() // members if members else 0
        return MemoryLayout(order=tuple(order), members=members, channels=1, outer=1, inner=inner)
    if not bool(counts) <= channel_dim < x.ndim or x.shape[channel_dim] != channels:
        raise ValueError(
            f"{channels} scalars for dimension {channel_dim} of a tensor of shape {tuple(x.shape)}"
        )
    place = order.index(channel_dim)
    sizes = [1 if counts and dim == 0 else x.shape[dim] for dim in order]
    outer, inner = _product(sizes[:place]), _product(sizes[place + 1 :])
    return MemoryLayout(order=tuple(order), members=members, channels=channels, outer=outer, inner=inner)


def _product(sizes: Sequence[int]) -> int:
    total = 1
    for size in sizes:
        total *= size
    return total


def _groups(bases: Sequence[int], counts: Sequence[int]) -> Iterator[tuple[str, slice]]:
    if not counts:
        (base,) = bases
        yield NAMES[base], slice(None)
        return
    start = 0
    for base, count in zip(bases, counts, strict=True):
        yield NAMES[base], slice(start, start + count)
        start += count


def _by_group(
    run: Callable[[str, Tensor], tuple[Tensor, ...]], x: Tensor, bases: Sequence[int], counts: Sequence[int]
) -> tuple[Tensor, ...]:
    """run(base, members' x) for every group of members, put together again."""
    pieces = [run(name, x[members] if counts else x) for name, members in _groups(bases, counts)]
    if len(pieces) == 1:
        return pieces[0]
    return tuple(torch.cat(piece) for piece in zip(*pieces, strict=True))


def _spread(scalars: Tensor, x: Tensor, counts: Sequence[int], channel_dim: int) -> Tensor:
    """Scalars in x's working precision, shaped to broadcast over it."""
    members = sum(counts) if counts else 1
    channels = scalars.numel() // max(members, 1)
    shape = [1] * x.ndim
    if counts:
        shape[0] = members
    if channels > 1:
        shape[channel_dim] = channels
    return working(scalars if x.dtype != torch.float64 else scalars.double()).reshape(shape)


def dyn_act(
    x: Tensor, alpha: Tensor, beta: Tensor, bases: Sequence[int], counts: Sequence[int], channel_dim: int
) -> Tensor:
    """A(x)(alpha - beta) + beta x; where beta is zero the second term is left out, even at infinity."""
    layout_of(x, alpha.numel(), counts, channel_dim)
    full = working(x)
    (a,) = _by_group(lambda name, part: (base_value(name, part),), full, bases, counts)
    alpha, beta = (_spread(s, x, counts, channel_dim) for s in (alpha, beta))
    scaled = a * (alpha - beta)
    return _like(torch.where(beta == 0, scaled, scaled + beta * full), x)


def _like(result: Tensor, x: Tensor) -> Tensor:
    return torch.empty_like(x).copy_(result)


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
    layout = layout_of(x, alpha.numel(), counts, channel_dim)
    g, full = working(grad), working(x)
    a, rest, slope = _by_group(base_parts, full, bases, counts)
    wide_alpha, wide_beta = (_spread(s, x, counts, channel_dim) for s in (alpha, beta))
    grad_x = _like(g * (slope * (wide_alpha - wide_beta) + wide_beta), x)
    if not scalars:
        return grad_x, alpha.new_empty(0), beta.new_empty(0)
    sums = [add_up(layout.in_memory(g * part), on_gpu=x.is_cuda) for part in (a, rest)]
    return grad_x, sums[0].to(alpha.dtype).view(alpha.shape), sums[1].to(beta.dtype).view(beta.shape)


def base_act(x: Tensor, bases: Sequence[int], counts: Sequence[int]) -> Tensor:
    """A(x)."""
    (a,) = _by_group(lambda name, part: (base_value(name, part),), working(x), bases, counts)
    return _like(a, x)


def base_act_backward(grad: Tensor, x: Tensor, bases: Sequence[int], counts: Sequence[int]) -> Tensor:
    """The gradient with respect to x; the arithmetic is that of alpha = 1, beta = 0."""
    (slope,) = _by_group(lambda name, part: base_parts(name, part)[2:], working(x), bases, counts)
    return _like(working(grad) * (slope * 1.0 + 0.0), x)


def add_up(terms: Tensor, *, on_gpu: bool = False) -> Tensor:
    """Sums of terms [members, outer, channels, inner] over outer and inner, as [members, channels].

    First in float32 over runs of a fixed length in a fixed order, then over these in float64: the same
    bits whatever the threads, vectors or packmates. The second stage goes one by one on a CPU, where cumsum
    keeps the order; on a GPU, where it does not, in lanes.
    Source: kernels/dynact.h; `on_gpu`: triton_kernels.py.
    """
    if terms.dtype == torch.float64 or terms.device.type == "mps":
        return terms.sum((1, 3))
    if terms.numel() == 0:
        return terms.new_zeros((terms.shape[0], terms.shape[2]), dtype=torch.float64)
    if terms.shape[3] == 1 and terms.shape[2] > 1:
        rows = _run(_blocks(terms[..., 0], 1, ROWS), 2)
        return _total_in_lanes(rows.movedim(1, 2)) if on_gpu else _total(rows, 1)
    inner = terms.shape[3]
    runs = _blocks(_pad(terms, 3, LANES), 3, BLOCK if inner > BLOCK else -(-inner // LANES) * LANES)
    lanes = _run(runs.reshape(*runs.shape[:4], -1, LANES), 4)
    while lanes.shape[-1] > 1:
        lanes = _halve(lanes)
    if on_gpu:
        return _total_in_lanes(lanes[..., 0].movedim(1, 2).flatten(2))
    return _total(_total(lanes[..., 0], 3), 1)


def _halve(lanes: Tensor) -> Tensor:
    half = lanes.shape[-1] // 2
    return lanes[..., :half] + lanes[..., half:]


def _total_in_lanes(t: Tensor) -> Tensor:
    """Sums over the last dimension in float64, in lanes that are then added by halves."""
    lanes = _run(_blocks(t.double(), t.ndim - 1, TOTAL_LANES), t.ndim - 1)
    while lanes.shape[-1] > 1:
        lanes = _halve(lanes)
    return lanes[..., 0]


def _pad(t: Tensor, dim: int, multiple: int) -> Tensor:
    missing = -t.shape[dim] % multiple
    if not missing:
        return t
    shape = list(t.shape)
    shape[dim] = missing
    return torch.cat([t, t.new_zeros(shape)], dim)


def _blocks(t: Tensor, dim: int, size: int) -> Tensor:
    padded = _pad(t, dim, size)
    return padded.reshape(*t.shape[:dim], -1, size, *t.shape[dim + 1 :])


def _run(t: Tensor, dim: int) -> Tensor:
    """One after the other, from zero."""
    total = torch.zeros_like(t.select(dim, 0))
    for step in t.unbind(dim):
        total = total + step
    return total


def _total(t: Tensor, dim: int) -> Tensor:
    return t.double().cumsum(dim).select(dim, -1)
