"""The Triton kernels in Triton's interpreter, on CPU tensors; started by test_fused_triton.py.

The interpreter computes each operation with numpy, so bits must be the plain form's.
"""

import os

os.environ["TRITON_INTERPRET"] = "1"
os.environ["ABLATE_FUSED"] = "plain"  # leave CPU tensors to what is registered below

import pytest
import torch
from torch import Tensor

from trainables.activations.fused import exact as fused_exact
from trainables.activations.fused import gpu as fused_gpu
from trainables.activations.fused import ops as fused_ops
from trainables.activations.fused import plain as fused_plain
from trainables.activations.fused import triton as fused_triton
from trainables.activations.fused.activation import CODES, base_act, dyn_act, dyn_act_members
from trainables.activations.fused.formulas import FORWARD, TwoWays

# The plain form as it is on a GPU.
fused_plain.FORWARD = {n: f.everywhere if isinstance(f, TwoWays) else f for n, f in FORWARD.items()}
del os.environ["ABLATE_FUSED"]
fused_gpu.register(fused_ops._library, "CPU")

# numpy says so when infinities meet
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")
BASES = list(CODES)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
ODD = (torch.inf, -torch.inf, torch.nan, 0.0, -0.0, 1e-45, -1e-45, 1e-39, -1e-39, 3e38, -3e38, 88.0, -104.0)
# shape, number of scalars (0: one for all), their dimension
SHAPES = (
    ((0,), 0, 0),
    *(((size,), 0, 0) for size in (1, 127, 128, 1000, 4097)),
    ((70, 5), 5, 1),
    ((3, 130), 130, 1),
    ((5, 7, 3, 3), 7, 1),
    ((2, 3, 1030), 3, 1),
    ((4, 5, 6), 6, 2),
)


def _draw(shape: tuple[int, ...], dtype: torch.dtype = torch.float32, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return (torch.randn(shape, generator=rng) * 3).to(dtype), torch.randn(shape, generator=rng).to(dtype)


def _scalars(*shape: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    beta = torch.rand(shape, generator=rng)
    if shape:
        beta.view(-1)[::3] = 0
    return torch.rand(shape, generator=rng) + 0.5, beta


def _same(one: Tensor, other: Tensor) -> bool:
    """Equal bits, but for those of a NaN.

    Of bfloat16 neighbours pass and denormals are nothing: the interpreter's conversion rounds in its own way.
    """
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    if one.dtype != torch.bfloat16:
        bits = [torch.where(t.isnan(), 7.0, t.float()).view(torch.int32) for t in (one, other)]
        return torch.equal(*bits)
    tiny = torch.finfo(torch.float32).tiny
    full = [torch.where(t.isnan(), 7.0, t.float()) for t in (one, other)]
    whole = [torch.where(t.abs() <= tiny, 0.0, t).view(torch.int32).long() for t in full]
    return bool(((whole[0] - whole[1]).abs() <= 1 << 16).all())


def _plain_backward(g: Tensor, x: Tensor, alpha: Tensor, beta: Tensor, *groups: object) -> list[Tensor]:
    """The plain form's results, with sums in the order that it has on a GPU."""
    grad_x, _, _ = fused_plain.dyn_act_backward(g, x, alpha, beta, *groups, False)
    layout = fused_plain.layout_of(x, alpha.numel(), groups[1], groups[2])
    parts = fused_plain._by_group(fused_plain.base_parts, x.float(), *groups[:2])
    sums = [fused_plain.add_up(layout.in_memory(g.float() * part), on_gpu=True) for part in parts[:2]]
    return [grad_x, *(s.to(alpha.dtype).view(alpha.shape) for s in sums)]


def _check(g: Tensor, x: Tensor, alpha: Tensor, beta: Tensor, *groups: object) -> None:
    y = fused_triton.dyn_act(x, alpha, beta, *groups)
    assert y.stride() == torch.empty_like(x).stride()
    assert _same(y, fused_plain.dyn_act(x, alpha, beta, *groups))
    got = fused_triton.dyn_act_backward(g, x, alpha, beta, *groups, True)
    assert got[0].stride() == y.stride()
    for one, other in zip(got, _plain_backward(g, x, alpha, beta, *groups), strict=True):
        assert _same(one, other)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("base", BASES)
def test_bits_of_every_base(base: str, dtype: torch.dtype) -> None:
    x, g = _draw((1100,), dtype)
    x[: len(ODD)] = torch.tensor(ODD)
    assert _same(base_act(x, base), fused_plain.base_act(x, [CODES[base]], []))
    for beta in (0.0, 0.3):
        args = x, torch.tensor(1.1), torch.tensor(beta), [CODES[base]], [], 0
        assert _same(fused_triton.dyn_act(*args), fused_plain.dyn_act(*args))
    finite, g = x[len(ODD) : len(ODD) + 40], g[:40]
    _check(g, finite, torch.tensor(1.1), torch.tensor(0.3), [CODES[base]], [], 0)
    odd, grad = x[: len(ODD)].contiguous(), g[: len(ODD)].contiguous()
    got = fused_triton.base_act_backward(grad, odd, [CODES[base]], [])
    assert _same(got, fused_plain.base_act_backward(grad, odd, [CODES[base]], []))


@pytest.mark.parametrize("base", BASES)
def test_values_within_two_units_in_the_last_place_of_float64(base: str) -> None:
    x = torch.cat([torch.linspace(-4, 20, 1000), torch.logspace(-30, 1, 300), -torch.logspace(-30, 0, 300)])
    true = fused_exact.value(base, x.double())
    got = base_act(x, base).double()
    _, exponent = torch.frexp(true)
    unit = torch.ldexp(torch.ones_like(true), (exponent - 24).clamp(min=-149))
    assert ((got - true).abs() <= 2 * unit).all()


@pytest.mark.parametrize("shape, channels, dim", SHAPES, ids=str)
def test_tails_layouts_and_channels(shape: tuple[int, ...], channels: int, dim: int) -> None:
    x, g = _draw(shape)
    alpha, beta = _scalars(*([channels] if channels else []))
    views = [x]
    if x.ndim == 4:
        views.append(x.to(memory_format=torch.channels_last))
    if x.ndim >= 2 and x.numel() < 380:
        views.append(x.transpose(0, 1).contiguous().transpose(0, 1))
        views.append(torch.cat([x, x], -1)[..., : x.shape[-1]])  # with gaps
    for view in views:
        _check(g, view, alpha, beta, [CODES["leaky_relu"]], [], dim)


def test_sums_depend_on_neither_launch_nor_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    x, g = _draw((2, 2100))
    args = (g, x, *_scalars(), [CODES["relu"]], [], 0, True)
    first = fused_triton.dyn_act_backward(*args)
    again = [fused_triton.dyn_act_backward(*args)]
    monkeypatch.setattr(fused_triton, "FEW_RUNS_TILE", 2)
    again.append(fused_triton.dyn_act_backward(*args))
    monkeypatch.setattr(fused_triton, "MANY_RUNS", 1)
    again.append(fused_triton.dyn_act_backward(*args))
    for results in again:
        assert all(torch.equal(one, other) for one, other in zip(first, results, strict=True))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_sums_against_float64(dtype: torch.dtype) -> None:
    x, _ = _draw((5_000,), dtype)
    g = torch.rand(5_000, generator=torch.Generator().manual_seed(5)).to(dtype)  # all of one sign
    _, *got = fused_triton.dyn_act_backward(g, x, *_scalars(), [CODES["relu"]], [], 0, True)
    true = (g.double() * x.double().clamp(min=0)).sum(), (g.double() * x.double().clamp(max=0)).sum()
    assert [s.item() for s in got] == pytest.approx([s.item() for s in true], rel=1e-5)


@pytest.mark.parametrize("channels", [0, 29])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_member_gets_the_bits_it_would_have_alone(dtype: torch.dtype, channels: int) -> None:
    bases, counts = ["relu", "mish", "gelu"], [2, 1, 1]
    x, g = _draw((4, 9, 29), dtype)
    alpha, beta = _scalars(4, *([channels] if channels else []))
    leaves = [t.requires_grad_() for t in (x, alpha, beta)]
    y = dyn_act_members(*leaves, bases, counts)
    together = [y.detach(), *torch.autograd.grad(y, leaves, g)]
    names = [base for base, count in zip(bases, counts, strict=True) for _ in range(count)]
    for member, base in enumerate(names):
        alone = [t[member].detach().requires_grad_() for t in leaves]
        one = dyn_act(*alone, base, channel_dim=1)
        results = [one, *torch.autograd.grad(one, alone, g[member])]
        assert all(torch.equal(a[member], b) for a, b in zip(together, results, strict=True))


def test_vmap_sees_through_it() -> None:
    """Gradients are taken outside of vmap, as packs on a GPU do: torch.func.grad needs compiled kernels."""
    x, _ = _draw((3, 2, 5))
    alpha, beta = _scalars(3)

    def loss(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        return dyn_act(x, alpha, beta, "silu").square().sum()

    inputs = [t.clone().requires_grad_() for t in (x, alpha, beta)]
    mapped = torch.autograd.grad(torch.func.vmap(loss)(*inputs).sum(), inputs)
    for member in range(3):
        leaves = [t[member].clone().requires_grad_() for t in (x, alpha, beta)]
        alone = torch.autograd.grad(loss(*leaves), leaves)
        assert all(torch.equal(a[member], b) for a, b in zip(mapped, alone, strict=True))


def test_the_choice_falls_on_the_kernels() -> None:
    x, _ = _draw((10,))
    assert fused_gpu.choose("base_act", x, []) is fused_triton.base_act
    assert fused_gpu.choose("base_act", x.double(), []) is fused_plain.base_act
