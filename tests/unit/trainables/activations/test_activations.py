"""Base functions against their formulas and autograd; dynActivation against its base."""

import math

import pytest
import torch

from trainables.activations.bases import BASES, Base, by_autograd
from trainables.activations.dynact import DynActivation, Scalars, backward_rows, forward_rows
from trainables.manifests.activations import ACTIVATIONS

X = torch.linspace(-9.0, 9.0, 181, dtype=torch.float64)

FORMULAS = {
    "relu": lambda x: max(x, 0.0),
    "leaky_relu": lambda x: x if x > 0 else 0.01 * x,
    "relu6": lambda x: min(max(x, 0.0), 6.0),
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "celu": lambda x: x if x > 0 else math.expm1(x),
    "selu": lambda x: 1.0507009873554805 * (x if x > 0 else 1.6732632423543772 * math.expm1(x)),
    "gelu": lambda x: x * 0.5 * (1 + math.erf(x / math.sqrt(2))),
    "gelu_tanh": lambda x: 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: x / (1 + math.exp(-x)),
    "mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "softplus": lambda x: math.log1p(math.exp(x)),
    "hardswish": lambda x: x * min(max(x + 3, 0), 6) / 6,
    "hardsigmoid": lambda x: min(max(x / 6 + 0.5, 0.0), 1.0),
    "tanh": math.tanh,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "squared_relu": lambda x: max(x, 0.0) ** 2,
    "identity": lambda x: x,
}


def test_every_base_is_declared_and_has_a_formula_here() -> None:
    assert set(BASES) == {component.name for component in ACTIVATIONS} == set(FORMULAS)


@pytest.mark.parametrize("name", BASES)
def test_base_equals_its_formula(name: str) -> None:
    want = torch.tensor([FORMULAS[name](x) for x in X.tolist()], dtype=torch.float64)
    torch.testing.assert_close(BASES[name](X), want, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", BASES)
def test_written_derivative_is_the_one_of_autograd(name: str) -> None:
    base = BASES[name]
    x, grad = torch.randn(4, 32), torch.randn(4, 32)
    want = by_autograd(base.forward)(grad, x, base.forward(x))
    torch.testing.assert_close(base.backward(grad, x, base.forward(x)), want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", BASES)
def test_no_scalars_is_the_base_itself_and_has_no_parameters(name: str) -> None:
    module = DynActivation(name, scalars="none")
    x = torch.randn(7, 33)
    assert torch.equal(module(x), BASES[name](x)) and not list(module.parameters())


@pytest.mark.parametrize("kind", ["per_layer", "shared", "per_channel"])
@pytest.mark.parametrize("name", BASES)
def test_frozen_one_and_zero_equal_the_base_bit_for_bit(name: str, kind: str) -> None:
    shared = Scalars(train=False) if kind == "shared" else None
    module = DynActivation(name, scalars=kind, train_scalars=False, num_channels=33, shared=shared)
    x = torch.cat(
        [torch.randn(5, 33), torch.tensor([[0.0, -0.0, 1e30, -1e30, 1e-40] * 6 + [3.0, -3.0, 6.0]])]
    )
    y = module(x)
    assert torch.equal(y, BASES[name](x))
    assert not any(parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize("kind", ["per_layer", "per_channel"])
@pytest.mark.parametrize("name", ["relu", "mish", "gelu"])
def test_value_and_gradients_are_those_of_the_formula(name: str, kind: str) -> None:
    module = DynActivation(name, scalars=kind, alpha_init=0.8, beta_init=0.3, num_channels=5).double()
    x = torch.randn(6, 5, dtype=torch.float64)
    alpha, beta = module.scalars.alpha, module.scalars.beta
    torch.testing.assert_close(module(x), BASES[name](x) * (alpha - beta) + beta * x)
    assert torch.autograd.gradcheck(module, x.requires_grad_(True))
    loss = module(x).square().sum()
    grads = torch.autograd.grad(loss, [alpha, beta])
    y, outer = BASES[name](x), 2 * module(x)
    each = (outer * y), (outer * (x - y))
    for got, want in zip(grads, each, strict=True):
        torch.testing.assert_close(got, want.sum(0) if kind == "per_channel" else want.sum())


@pytest.mark.parametrize("channels", [1, 8])
@pytest.mark.parametrize("name", ["relu", "mish", "silu", "identity"])
def test_rows_agree_with_autograd(name: str, channels: int) -> None:
    base = BASES[name]
    x = torch.randn(3, 4, 8, dtype=torch.float64)
    alpha = torch.randn(3, 1, channels, dtype=torch.float64, requires_grad=True)
    beta = torch.randn(3, 1, channels, dtype=torch.float64, requires_grad=True)
    grad = torch.randn_like(x)
    leaf = x.clone().requires_grad_(True)
    want = base(leaf) * (alpha - beta) + beta * leaf
    want_grads = torch.autograd.grad(want, [leaf, alpha, beta], grad)
    out, grad_x = torch.empty_like(x), torch.empty_like(x)
    with torch.no_grad():
        y = forward_rows(base, x, alpha, beta, out)
        grads = torch.empty_like(alpha), torch.empty_like(beta)
        backward_rows(base, grad, x, y, alpha, beta, grad_x, *grads)
    for got, expected in zip((out, grad_x, *grads), (want.detach(), *want_grads), strict=True):
        torch.testing.assert_close(got, expected)


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="num_channels"):
        DynActivation("relu", scalars="per_channel")
    with pytest.raises(ValueError, match="shared"):
        DynActivation("relu", scalars="shared")
    with pytest.raises(KeyError):
        DynActivation("nothing")


def test_any_function_can_be_a_base() -> None:
    def sine(x: torch.Tensor) -> torch.Tensor:
        return x + 0.1 * torch.sin(x)

    base = Base("sine", sine, by_autograd(sine))
    x = torch.randn(2, 3)
    torch.testing.assert_close(base.backward(torch.ones_like(x), x, base(x)), 1 + 0.1 * torch.cos(x))
