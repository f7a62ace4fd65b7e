"""Optimizer steps of one member: torch's fused kernels on its own row, so no packmate can matter."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from trainables.training.state import MemberState

Name = Literal["sgd", "adam", "adamw"]
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # torch's defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer:
    """What a member is updated by. Weight decay spares the scalars; clipping is by the norm of both."""

    name: Name
    lr: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    train_scalars: bool = True

    def prepare(self, state: MemberState) -> None:
        """Give a new member the moments that this optimizer keeps."""
        names = {"sgd": ("m",) if self.momentum else ()}.get(self.name, ("m", "v"))
        for name in names:
            state.moments[name] = torch.zeros_like(state.weights), torch.zeros_like(state.scalars)


class Update:
    """One member's update, bound to its tensors for as long as they stay where they are."""

    def __init__(
        self, optimizer: Optimizer, state: MemberState, grads: tuple[Tensor, Tensor], step: Tensor
    ) -> None:
        self._optimizer = optimizer
        self._step = step
        parts = [(state.weights, grads[0], optimizer.weight_decay, 0)]
        if optimizer.train_scalars and state.scalars.numel():
            parts.append((state.scalars.view(-1), grads[1].view(-1), 0.0, 1))
        self._parts = [
            (tensor, grad, decay, [state.moments[name][which].view(-1) for name in sorted(state.moments)])
            for tensor, grad, decay, which in parts
        ]
        # Scalars that are not trained have no part in the norm.
        self._clipped = [grad for _, grad, _, _ in parts] if optimizer.clip_norm else []

    def __call__(self) -> None:
        """One step; the member's own count of steps has been raised before."""
        for grads in [self._clipped] if self._clipped else ():
            _clip(grads, self._optimizer.clip_norm)
        for tensor, grad, decay, moments in self._parts:
            if self._optimizer.name == "sgd":
                self._sgd(tensor, grad, decay, moments)
            else:
                self._adam(tensor, grad, decay, moments)

    def _sgd(self, tensor: Tensor, grad: Tensor, decay: float, moments: list[Tensor]) -> None:
        torch._fused_sgd_(
            [tensor],
            [grad],
            moments,
            weight_decay=decay,
            momentum=self._optimizer.momentum,
            lr=self._optimizer.lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,  # the momentum starts at zero, which comes to the same
        )

    def _adam(self, tensor: Tensor, grad: Tensor, decay: float, moments: list[Tensor]) -> None:
        fused = torch._fused_adamw_ if self._optimizer.name == "adamw" else torch._fused_adam_
        fused(
            [tensor],
            [grad],
            moments[:1],
            moments[1:],
            [],
            [self._step],
            lr=self._optimizer.lr,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )


def _clip(grads: list[Tensor], largest: float) -> None:
    """Scale the gradient down to this norm; one that is not finite stays so and shows in the loss."""
    norms = torch.stack([torch.linalg.vector_norm(grad) for grad in grads])
    scale = (largest / (torch.linalg.vector_norm(norms) + 1e-6)).clamp(max=1.0)
    for grad in grads:
        grad.mul_(scale)
