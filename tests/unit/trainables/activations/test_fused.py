"""The fused operator: bits, gradients, layouts, packs, transforms."""

from itertools import product

import pytest
import torch
from torch import Tensor

from trainables.activations.fused import activation as fused
from trainables.activations.fused import build as fused_build
from trainables.activations.fused import plain as fused_plain
from trainables.activations.fused.activation import (
    CODES,
    base_act,
    base_act_members,
    dyn_act,
    dyn_act_members,
)

BASES = list(CODES)
DTYPES = (torch.float32, torch.bfloat16, torch.float16)
# shape, number of scalars (0: one for all), their dimension
SHAPES = (
    ((0,), 0, 0),
    ((1000,), 0, 0),
    ((3, 4097), 0, 1),
    ((200, 37), 37, 1),
    ((64, 128), 128, 1),
    ((5, 7, 3, 11), 7, 1),
    ((2, 3, 40, 41), 3, 1),
    ((4, 5, 6), 6, 2),
    # channels last, as many rows a vector as fit, the last vector incomplete
    ((131, 2), 2, 1),
    ((3, 4, 7, 7), 4, 1),
    ((2, 8, 5, 13), 8, 1),
)


def _draw(shape: tuple[int, ...], dtype: torch.dtype, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return (torch.randn(shape, generator=rng) * 3).to(dtype), torch.randn(shape, generator=rng).to(dtype)


def _scalars(count: int) -> tuple[Tensor, Tensor]:
    if not count:
        return torch.tensor(1.1), torch.tensor(0.3)
    rng = torch.Generator().manual_seed(1)
    beta = torch.rand(count, generator=rng)
    beta[::3] = 0
    return torch.rand(count, generator=rng) + 0.5, beta


def _layouts(t: Tensor) -> list[Tensor]:
    views = [t]
    if t.ndim == 4:
        views.append(t.to(memory_format=torch.channels_last))
    if t.ndim >= 2:
        views.append(t.transpose(0, 1).contiguous().transpose(0, 1))
        views.append(torch.cat([t, t], -1)[..., : t.shape[-1]])  # with gaps
    return views


def _through_autograd(
    x: Tensor, g: Tensor, alpha: Tensor, beta: Tensor, base: str, dim: int
) -> tuple[Tensor, ...]:
    leaves = [t.detach().clone().requires_grad_() for t in (alpha, beta)]
    leaf = x.detach().requires_grad_()
    y = dyn_act(leaf, *leaves, base, channel_dim=dim)
    return y.detach(), *torch.autograd.grad(y, [leaf, *leaves], g)


@pytest.mark.skipif(not fused.COMPILED, reason="needs a C++ compiler: only the plain form runs here")
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("base", BASES)
def test_compiled_and_plain_give_equal_bits(base: str, dtype: torch.dtype) -> None:
    for shape, count, dim in SHAPES:
        x, g = _draw(shape, dtype)
        alpha, beta = _scalars(count)
        for view in _layouts(x):
            got = _through_autograd(view, g, alpha, beta, base, dim)
            groups = ([CODES[base]], [], dim)
            plain = fused_plain.dyn_act(view, alpha, beta, *groups)
            plain_grads = fused_plain.dyn_act_backward(g, view, alpha, beta, *groups, True)
            for one, other in zip(got, (plain, *plain_grads), strict=True):
                assert torch.equal(one, other)


@pytest.mark.parametrize("base", BASES)
def test_frozen_one_and_zero_is_the_static_base_to_the_bit(base: str) -> None:
    x = torch.cat(
        [_draw((5000,), torch.float32)[0], torch.tensor([torch.inf, -torch.inf, torch.nan, -0.0, 1e-45])]
    )
    g = torch.linspace(-1, 1, x.numel())
    static = x.clone().requires_grad_()
    dynamic = x.clone().requires_grad_()
    y = base_act(static, base)
    z = dyn_act(dynamic, torch.tensor(1.0), torch.tensor(0.0), base)
    assert torch.equal(y.view(torch.int32), z.view(torch.int32))
    y.backward(g)
    z.backward(g)
    assert torch.equal(static.grad.view(torch.int32), dynamic.grad.view(torch.int32))


@pytest.mark.parametrize("base", BASES)
def test_gradcheck_for_every_kind_of_scalars(base: str) -> None:
    rng = torch.Generator().manual_seed(3)
    x = torch.randn(2, 3, 2, generator=rng, dtype=torch.float64) + 0.01
    for shape in ((), (3,)):
        alpha = torch.rand(shape, generator=rng, dtype=torch.float64)
        beta = torch.rand(shape, generator=rng, dtype=torch.float64)
        inputs = [t.requires_grad_() for t in (x, alpha, beta)]
        assert torch.autograd.gradcheck(lambda *a: dyn_act(*a, base, channel_dim=1), inputs)
        assert torch.autograd.gradgradcheck(lambda *a: dyn_act(*a, base, channel_dim=1), inputs)
    for shape in ((2,), (2, 2)):
        alpha = torch.rand(shape, generator=rng, dtype=torch.float64)
        beta = torch.rand(shape, generator=rng, dtype=torch.float64)
        inputs = [t.requires_grad_() for t in (x, alpha, beta)]
        assert torch.autograd.gradcheck(lambda *a: dyn_act_members(*a, [base, "relu"], [1, 1]), inputs)
        assert torch.autograd.gradgradcheck(lambda *a: dyn_act_members(*a, [base, "relu"], [1, 1]), inputs)
    assert torch.autograd.gradcheck(lambda t: base_act(t, base), x)
    assert torch.autograd.gradgradcheck(lambda t: base_act(t, base), x)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("base", BASES)
def test_scalar_gradients_against_float64(base: str, dtype: torch.dtype) -> None:
    x, _ = _draw((300_000,), dtype)
    g = torch.rand(300_000, generator=torch.Generator().manual_seed(5)).to(dtype)  # all of one sign
    _, _, *got = _through_autograd(x, g, *_scalars(0), base, 0)
    _, _, *true = _through_autograd(x.double(), g.double(), *(s.double() for s in _scalars(0)), base, 0)
    for one, other in zip(got, true, strict=True):
        assert one.item() == pytest.approx(other.item(), rel=1e-5, abs=1e-12)


@pytest.mark.parametrize("base", BASES)
def test_threads_change_no_bit(base: str) -> None:
    x, g = _draw((7, 40_000), torch.float32)
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 3):
            torch.set_num_threads(threads)
            results.append(_through_autograd(x, g, *_scalars(0), base, 0))
            results.append(_through_autograd(x, g, *_scalars(0), base, 0))
    finally:
        torch.set_num_threads(before)
    for result in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], result, strict=True))


@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_a_member_gets_the_bits_it_would_have_alone(dtype: torch.dtype, per_channel: bool) -> None:
    bases, counts = ["relu", "mish", "gelu"], [2, 1, 3]
    x, g = _draw((6, 50, 29), dtype)
    rng = torch.Generator().manual_seed(9)
    shape = (6, 29) if per_channel else (6,)
    alpha, beta = torch.rand(shape, generator=rng), torch.rand(shape, generator=rng)
    leaves = [t.clone().requires_grad_() for t in (x, alpha, beta)]
    y = dyn_act_members(*leaves, bases, counts)
    together = [y.detach(), *torch.autograd.grad(y, leaves, g)]
    names = [base for base, count in zip(bases, counts, strict=True) for _ in range(count)]
    for member, base in enumerate(names):
        alone = _through_autograd(x[member], g[member], alpha[member], beta[member], base, 1)
        assert all(torch.equal(a[member], b) for a, b in zip(together, alone, strict=True))
    static = base_act_members(x, bases, counts)
    assert all(torch.equal(static[m], base_act(x[m], base)) for m, base in enumerate(names))


@pytest.mark.parametrize("base", ["relu", "gelu", "mish"])
def test_transforms_see_through_it(base: str) -> None:
    x, _ = _draw((4, 3, 5), torch.float32)
    alpha, beta = torch.rand(4), torch.rand(4)

    def loss(x: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
        return dyn_act(x, alpha, beta, base).square().sum() + base_act(x, base).sum()

    mapped = torch.func.vmap(torch.func.grad(loss, argnums=(0, 1, 2)))(x, alpha, beta)
    for member in range(4):
        leaves = [t[member].clone().requires_grad_() for t in (x, alpha, beta)]
        alone = torch.autograd.grad(loss(*leaves), leaves)
        assert all(torch.equal(a[member], b) for a, b in zip(mapped, alone, strict=True))
    shared = torch.func.vmap(lambda t: dyn_act(t, alpha[0], beta[0], base), in_dims=1, out_dims=1)(x)
    assert torch.equal(shared, dyn_act(x, alpha[0], beta[0], base))
    hessian = torch.func.jacrev(torch.func.grad(lambda t: loss(t, alpha[0], beta[0])))(x[0, 0])
    assert hessian.shape == (5, 5) and hessian.isfinite().all()


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # the checks look at tensors of theirs
def test_operators_pass_torchs_own_checks() -> None:
    x, g = _draw((4, 3, 5), torch.float32)
    alpha, beta = torch.rand(3, requires_grad=True), torch.rand(3, requires_grad=True)
    ops = torch.ops.ablate
    for op, args in (
        (ops.dyn_act, (x.requires_grad_(), alpha, beta, [4], [], 1)),
        (ops.base_act, (x.requires_grad_(), [9], [])),
        (ops.dyn_act_backward, (g, x.detach(), alpha.detach(), beta.detach(), [4], [], 1, True)),
        (ops.base_act_backward, (g, x.detach(), [9], [])),
    ):
        torch.library.opcheck(op.default, args)


def test_frozen_scalars_cost_and_get_no_gradient() -> None:
    x, g = _draw((100,), torch.float32)
    leaf = x.clone().requires_grad_()
    y = dyn_act(leaf, *_scalars(0), "silu")
    y.backward(g)
    assert torch.equal(leaf.grad, _through_autograd(x, g, *_scalars(0), "silu", 0)[1])


def test_what_does_not_fit_is_refused() -> None:
    x = torch.randn(4, 3, 5)
    with pytest.raises((ValueError, RuntimeError), match="2 scalars for dimension 1"):
        dyn_act(x, torch.rand(2), torch.rand(2), "relu")
    with pytest.raises((ValueError, RuntimeError), match="groups hold 3 members"):
        dyn_act_members(x, torch.rand(3), torch.rand(3), ["relu"], [3])
    with pytest.raises(KeyError):
        base_act(x, "nonesuch")


def test_a_changed_formula_or_flag_is_compiled_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = fused_build.cpp_source().replace("0x1.47ae140000000p-7f", "0x1.0p-7f")
    key = fused_build._key()
    assert key == fused_build._key()
    with monkeypatch.context() as patched:
        patched.setattr(fused_build, "cpp_source", lambda: changed)
        assert key != fused_build._key()
    monkeypatch.setattr(fused_build, "kernel_flags", lambda: ["-std=c++20", "-O0"])
    assert key != fused_build._key()


def test_lane_order_does_not_depend_on_what_else_is_summed() -> None:
    rng = torch.Generator().manual_seed(2)
    for members, channels in product((1, 3), (1, 4)):
        terms = torch.randn(members, 5, channels, 2100, generator=rng)
        together = fused_plain.add_up(terms)
        for member, channel in product(range(members), range(channels)):
            alone = fused_plain.add_up(terms[member : member + 1, :, channel : channel + 1])
            assert torch.equal(together[member, channel], alone[0, 0])
