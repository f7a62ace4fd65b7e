"""dynActivation: f(x) = base(x)(alpha - beta) + beta x, with alpha and beta learned.

Source: arXiv 2603.22154. With alpha = 1 and beta = 0 value and gradient are those of base, to the bit:
static and dynamic run the same formulas (fused.py); plugins' bases run the plain form below.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from trainables.activations.bases import BASES, Base
from trainables.activations.fused.activation import backward_into, dyn_act, forward_into
from trainables.activations.settings import ALPHA_INIT, BETA_INIT, Kind


class Scalars(nn.Module):
    """One alpha and one beta, or one of each a channel."""

    def __init__(
        self,
        *,
        alpha_init: float = ALPHA_INIT,
        beta_init: float = BETA_INIT,
        num_channels: int | None = None,
        train: bool = True,
    ) -> None:
        super().__init__()
        shape = () if num_channels is None else (num_channels,)
        self.alpha = nn.Parameter(torch.full(shape, float(alpha_init)), requires_grad=train)
        self.beta = nn.Parameter(torch.full(shape, float(beta_init)), requires_grad=train)

    def both(self) -> tuple[Tensor, Tensor]:
        """alpha and beta, from where modules keep them: attributes would cost as much as the operator."""
        own = self._parameters
        if "alpha" in own and "beta" in own:
            return cast(Tensor, own["alpha"]), cast(Tensor, own["beta"])
        return self.alpha, self.beta  # parametrised


class DynActivation(nn.Module):
    """An activation by name, static or with learned scalars; any shape to the same shape.

    `scalars` "none" is the base function itself, without a parameter. "shared" needs the `shared` module
    that other layers use too. "per_channel" has its channels in dimension `channel_dim`.
    """

    def __init__(
        self,
        base: str | Base,
        *,
        scalars: Kind = "none",
        alpha_init: float = ALPHA_INIT,
        beta_init: float = BETA_INIT,
        train_scalars: bool = True,
        num_channels: int | None = None,
        channel_dim: int = 1,
        shared: Scalars | None = None,
    ) -> None:
        super().__init__()
        self.base = BASES[base] if isinstance(base, str) else base
        self.channel_dim = channel_dim
        self.scalars: Scalars | None = None
        if scalars == "shared":
            if shared is None:
                raise ValueError("shared scalars need the module that holds them")
            self.scalars = shared
        elif scalars != "none":
            if scalars == "per_channel" and num_channels is None:
                raise ValueError("per_channel scalars need num_channels")
            self.scalars = Scalars(
                alpha_init=alpha_init,
                beta_init=beta_init,
                num_channels=num_channels if scalars == "per_channel" else None,
                train=train_scalars,
            )

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        """The activation, elementwise."""
        scalars = cast(Scalars | None, self._modules.get("scalars"))
        if scalars is None:
            return self.base(x)
        alpha, beta = scalars.both()
        if self.base.fused:
            return dyn_act(x, alpha, beta, self.base.name, channel_dim=self.channel_dim)
        if alpha.ndim:
            shape = [1] * x.ndim
            shape[self.channel_dim] = -1
            alpha, beta = alpha.view(shape), beta.view(shape)
        return mix(self.base(x), x, alpha, beta)


def mix(
    y: Float[Tensor, "*shape"],
    x: Float[Tensor, "*shape"],
    alpha: Float[Tensor, "*broadcast"],
    beta: Float[Tensor, "*broadcast"],
) -> Float[Tensor, "*shape"]:
    """y (alpha - beta) + beta x, for y = base(x); scalars broadcast."""
    return torch.addcmul(y * (alpha - beta), x, beta)


def forward_rows(
    base: Base,
    x: Float[Tensor, "members rows width"],
    alpha: Float[Tensor, "members 1 channels"] | None,
    beta: Float[Tensor, "members 1 channels"] | None,
    out: Float[Tensor, "members rows width"],
) -> Float[Tensor, "members rows width"] | None:
    """The activation of several members' rows, without autograd, into `out`; the scalars None are static.

    Returns what `backward_rows` wants back as `y`.
    """
    if base.fused:
        forward_into(x, alpha, beta, [base.name], [len(x)], out)
        return None
    y = base.forward(x)
    if alpha is None or beta is None:
        out.copy_(y)
    else:
        torch.addcmul(y * (alpha - beta), x, beta, out=out)
    return y


def backward_rows(
    base: Base,
    grad: Float[Tensor, "members rows width"],
    x: Float[Tensor, "members rows width"],
    y: Float[Tensor, "members rows width"] | None,
    alpha: Float[Tensor, "members 1 channels"] | None,
    beta: Float[Tensor, "members 1 channels"] | None,
    out: Float[Tensor, "members rows width"],
    out_alpha: Float[Tensor, "members 1 channels"] | None,
    out_beta: Float[Tensor, "members 1 channels"] | None,
) -> None:
    """The gradients with respect to x, alpha and beta into `out`, `out_alpha` and `out_beta`."""
    if base.fused:
        return backward_into(grad, x, alpha, beta, [base.name], [len(x)], out, out_alpha, out_beta)
    y = base.forward(x) if y is None else y
    if alpha is None or beta is None or out_alpha is None or out_beta is None:
        out.copy_(base.backward(grad, x, y))
        return None
    bent = base.backward(grad * (alpha - beta), x, y)
    grad_alpha = _sum_to(grad * y, alpha)
    out_alpha.copy_(grad_alpha)
    out_beta.copy_(_sum_to(grad * x, beta) - grad_alpha)
    torch.addcmul(bent, grad, beta, out=out)
    return None


def _sum_to(product: Tensor, scalar: Tensor) -> Tensor:
    """Sums over rows, then over channels: at once, threads would split one member's sum but not many."""
    rows = product.sum(1, keepdim=True)
    return rows if scalar.shape[2] > 1 else rows.sum(2, keepdim=True)
