"""The base functions against float64: within two units in the last place, wherever floats go."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor

from trainables.activations.fused.activation import CODES, base_act
from trainables.activations.fused.formulas import ELU_ALPHA, ELU_SCALE
from trainables.activations.fused.plain import base_parts

WIDTH = {torch.float32: (24, -126), torch.bfloat16: (8, -126), torch.float16: (11, -14)}


def _logistic(z: np.ndarray) -> np.ndarray:
    gate: np.ndarray = special.expit(z)
    return gate


def _mish(x: np.ndarray) -> np.ndarray:
    e = np.exp(-np.abs(x))
    above = x * (1 + 2 * e) / (1 + 2 * e + 2 * e * e)
    return np.asarray(np.where(x > 0, above, x * (e * e + 2 * e) / (e * e + 2 * e + 2)))


def _product(x: np.ndarray, gate: np.ndarray) -> np.ndarray:
    """The limit, zero, where minus infinity meets a closed gate."""
    return np.where(gate == 0, -0.0, x * np.where(gate == 0, 1, gate))


REFERENCE: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "relu6": lambda x: np.clip(x, 0, 6),
    "squared_relu": lambda x: np.maximum(x, 0) ** 2,
    "hardswish": lambda x: _product(x, np.clip(x + 3, 0, 6) / 6),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "celu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "selu": lambda x: ELU_SCALE * np.where(x > 0, x, ELU_ALPHA * np.expm1(np.minimum(x, 0))),
    "gelu": lambda x: _product(x, special.ndtr(x)),
    "gelu_tanh": lambda x: _product(x, _logistic(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x: _product(x, _logistic(x)),
    "mish": lambda x: np.where(x == -np.inf, -0.0, np.where(x == np.inf, np.inf, _mish(x))),
    "softplus": lambda x: np.logaddexp(0, x),
    "sigmoid": _logistic,
    "tanh": np.tanh,
    "hardsigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
}


def every_kind_of_float(dtype: torch.dtype) -> Tensor:
    """All 16-bit floats, or one in 9973 of the 32-bit ones and a dense middle; infinities, NaN, denormals."""
    if dtype != torch.float32:
        return torch.arange(-(2**15), 2**15, dtype=torch.int32).to(torch.int16).view(dtype)
    spread = torch.arange(-(2**31), 2**31, 9973).to(torch.int32).view(torch.float32)
    middle = torch.linspace(-20, 20, 400_001)
    special_values = torch.tensor([0.0, -0.0, 1e-45, -1e-45, 1e-38, -1e-38, torch.inf, -torch.inf, torch.nan])
    largest = 3.4028234e38 / torch.linspace(1, 2, 10_001)  # where a scale above 1 just does not overflow
    return torch.cat([spread, middle, special_values, largest, 3.2386221e38 * torch.ones(1)])


def units_off(got: Tensor, true: np.ndarray, dtype: torch.dtype) -> np.ndarray:
    """Distance in units in the last place that a float of this dtype has at the true value."""
    digits, smallest = WIDTH[dtype]
    _, exponent = np.frexp(np.abs(true))
    unit = np.exp2(np.maximum(exponent - 1, smallest).astype(float) - (digits - 1))
    return np.asarray(np.abs(got.double().numpy() - true) / unit)


@pytest.mark.parametrize("dtype", list(WIDTH), ids=str)
@pytest.mark.parametrize("base", list(CODES))
def test_within_two_units_of_float64(base: str, dtype: torch.dtype) -> None:
    x = every_kind_of_float(dtype)
    got = base_act(x, base)
    with np.errstate(all="ignore"):
        true = REFERENCE[base](x.double().numpy())
        rounded = torch.from_numpy(true).to(dtype)
    assert torch.equal(torch.isnan(got), torch.isnan(x))
    overflow = torch.isinf(rounded)
    assert torch.equal(got[overflow], rounded[overflow])
    finite = ~(overflow | torch.isnan(x)).numpy()
    assert units_off(got[torch.from_numpy(finite)], true[finite], dtype).max() <= 2.0


@pytest.mark.parametrize("base", list(CODES))
def test_parts_add_up_without_cancellation(base: str) -> None:
    x = torch.cat(
        [torch.linspace(-12, 12, 40_001), torch.logspace(-30, 1, 3001), -torch.logspace(-30, 1, 3001)]
    )
    a, rest, slope = base_parts(base, x)
    exact_a, exact_rest, exact_slope = base_parts(base, x.double())
    loose = base in ("gelu", "gelu_tanh")  # far tails lose digits in the exponent; only gradients see it
    torch.testing.assert_close(a.double(), exact_a, rtol=2e-6, atol=1e-12 if loose else 1e-30)
    torch.testing.assert_close(slope.double(), exact_slope, rtol=2e-6, atol=3e-7)
    crosses_zero = base in ("selu", "sigmoid", "hardsigmoid", "squared_relu")
    cancels = base in ("elu", "celu", "tanh")  # in the float64 difference, near zero
    atol = 3e-7 if crosses_zero else 1e-12 if cancels or loose else 1e-30
    torch.testing.assert_close(rest.double(), exact_rest, rtol=2e-6, atol=atol)


@pytest.mark.parametrize("base", list(CODES))
def test_gradients_at_infinity_are_limits(base: str) -> None:
    x = torch.tensor([torch.inf, -torch.inf], requires_grad=True)
    base_act(x, base).sum().backward()  # type: ignore[no-untyped-call]
    far = torch.tensor([1e4, -1e4], requires_grad=True)
    base_act(far, base).sum().backward()  # type: ignore[no-untyped-call]
    if base != "squared_relu":
        torch.testing.assert_close(x.grad, far.grad, rtol=1e-6, atol=1e-30)
