"""dynActivation in as many sweeps over memory as the static activation it replaces.

f(x) = A(x)(alpha - beta) + beta x. Only x is kept for the backward pass, which computes A(x) again and sums
d-alpha = sum of grad A(x) and d-beta = sum of grad (x - A(x)) in the same sweep. A sum's order depends on the
shape alone, so neither threads nor packmates change a bit. Static and dynamic activations share A to the bit:
alpha = 1, beta = 0 equals the static one everywhere, infinities included.
"""

from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from trainables.activations.fused import ops as fused_ops
from trainables.activations.fused.plain import NAMES

COMPILED = fused_ops.COMPILED
CODES = {name: code for code, name in enumerate(NAMES)}
_NO_GROUPS: list[int] = []
_ops: Any = torch.ops.ablate
_dyn_act, _base_act, _dyn_act_one = _ops.dyn_act.default, _ops.base_act.default, _ops.dyn_act_one.default


def dyn_act(
    x: Float[Tensor, "*shape"],
    alpha: Float[Tensor, "*scalars"],
    beta: Float[Tensor, "*scalars"],
    base: str,
    *,
    channel_dim: int = 1,
) -> Float[Tensor, "*shape"]:
    """base(x)(alpha - beta) + beta x with one alpha and beta, or one for each channel in `channel_dim`."""
    dim = channel_dim if channel_dim >= 0 else channel_dim + x.ndim
    y: Tensor = _dyn_act_one(x, alpha, beta, CODES[base], dim)
    return y


def base_act(x: Float[Tensor, "*shape"], base: str) -> Float[Tensor, "*shape"]:
    """The static activation."""
    y: Tensor = _base_act(x, [CODES[base]], _NO_GROUPS)
    return y


def base_act_backward(
    grad: Float[Tensor, "*shape"], x: Float[Tensor, "*shape"], base: str
) -> Float[Tensor, "*shape"]:
    """The gradient with respect to x of base_act, given the one with respect to its value."""
    gradient: Tensor = _ops.base_act_backward(grad, x, [CODES[base]], _NO_GROUPS)
    return gradient


def dyn_act_members(
    x: Float[Tensor, "members ..."],
    alpha: Float[Tensor, "members ..."],
    beta: Float[Tensor, "members ..."],
    bases: Sequence[str],
    counts: Sequence[int],
    *,
    channel_dim: int = -1,
) -> Float[Tensor, "members ..."]:
    """Members of a pack side by side, `counts[i]` neighbours with base `bases[i]`, each with its own scalars.

    `channel_dim` counts in x as given, members included; it matters where scalars are [members, channels].
    Each member gets the bits that dyn_act alone would give it.
    """
    dim = channel_dim if channel_dim >= 0 else channel_dim + x.ndim
    y: Tensor = _dyn_act(x, alpha, beta, [CODES[base] for base in bases], list(counts), dim)
    return y


def base_act_members(
    x: Float[Tensor, "members ..."], bases: Sequence[str], counts: Sequence[int]
) -> Float[Tensor, "members ..."]:
    """Static members of a pack, `counts[i]` neighbours with base `bases[i]`."""
    y: Tensor = _base_act(x, [CODES[base] for base in bases], list(counts))
    return y


def forward_into(
    x: Float[Tensor, "members ..."],
    alpha: Float[Tensor, "members ..."] | None,
    beta: Float[Tensor, "members ..."] | None,
    bases: Sequence[str],
    counts: Sequence[int],
    out: Float[Tensor, "members ..."],
) -> None:
    """What dyn_act_members gives, or base_act_members without scalars, into `out` and without autograd."""
    groups = [CODES[base] for base in bases], list(counts)
    if alpha is None or beta is None:
        _ops.base_act_into(x, *groups, out)
    else:
        _ops.dyn_act_into(x, alpha, beta, *groups, x.ndim - 1, out)


def backward_into(
    grad: Float[Tensor, "members ..."],
    x: Float[Tensor, "members ..."],
    alpha: Float[Tensor, "members ..."] | None,
    beta: Float[Tensor, "members ..."] | None,
    bases: Sequence[str],
    counts: Sequence[int],
    out: Float[Tensor, "members ..."],
    out_alpha: Float[Tensor, "members ..."] | None,
    out_beta: Float[Tensor, "members ..."] | None,
) -> None:
    """The gradients with respect to x, alpha and beta into `out`, `out_alpha` and `out_beta`."""
    groups = [CODES[base] for base in bases], list(counts)
    if alpha is None or beta is None:
        _ops.base_act_backward_into(grad, x, *groups, out)
    else:
        _ops.dyn_act_backward_into(grad, x, alpha, beta, *groups, x.ndim - 1, out, out_alpha, out_beta)
