"""Optimizer steps of one member: torch's fused kernels on its own row, so no packmate can matter."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from trainables.perceptrons.state import MemberState
from trainables.training.schedules import factor
from trainables.training.settings import DescentSettings

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8  # torch's defaults


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimizer(DescentSettings):
    """What a member is updated by. The schedule runs over `num_steps`, behind `warmup` steps that climb."""

    train_scalars: bool = True
    num_steps: int = 1
    warmup: int = 0

    def factors(self, done: int, num: int) -> list[float]:
        """What the peak rates are multiplied by in the `num` steps that follow `done` ones."""
        at = factor(self.schedule, num_steps=self.num_steps, warmup=self.warmup)
        return [at(step) for step in range(done, done + num)]

    def prepare(self, state: MemberState) -> None:
        """Give a new member the moments that this optimizer keeps."""
        names = {"sgd": ("m",) if self.momentum else ()}.get(self.rule, ("m", "v"))
        for name in names:
            state.moments[name] = torch.zeros_like(state.weights), torch.zeros_like(state.scalars)


class Part(NamedTuple):
    """Weights or scalars of a member, flat, and how they are updated."""

    values: Tensor
    grad: Tensor
    lr: float
    decay: float
    moments: list[Tensor]


class Update:
    """One member's update, bound to its tensors for as long as they stay where they are."""

    def __init__(
        self, optimizer: Optimizer, state: MemberState, grads: tuple[Tensor, Tensor], step: Tensor
    ) -> None:
        self._optimizer = optimizer
        self._step = step
        parts = [(state.weights, grads[0], optimizer.lr, optimizer.weight_decay)]
        if optimizer.train_scalars and state.scalars.numel():
            scalars, grad = state.scalars.view(-1), grads[1].view(-1)
            parts.append((scalars, grad, optimizer.lr_of_scalars, optimizer.decay_of_scalars))
        self._parts = [
            Part(*part, [state.moments[name][which].view(-1) for name in sorted(state.moments)])
            for which, part in enumerate(parts)
        ]
        # Scalars that are not trained have no part in the norm.
        self._clipped = [part.grad for part in self._parts] if optimizer.clip_norm else []

    def __call__(self, factor: float) -> None:
        """One step at this share of the peak rates; the member's count of steps has been raised before."""
        for grads in [self._clipped] if self._clipped else ():
            _clip(grads, self._optimizer.clip_norm)
        for part in self._parts:
            if self._optimizer.rule == "sgd":
                self._sgd(part, part.lr * factor)
            else:
                self._adam(part, part.lr * factor)

    def _sgd(self, part: Part, lr: float) -> None:
        torch._fused_sgd_(
            [part.values],
            [part.grad],
            part.moments,
            weight_decay=part.decay,
            momentum=self._optimizer.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=False,  # the momentum starts at zero, which comes to the same
        )

    def _adam(self, part: Part, lr: float) -> None:
        fused = torch._fused_adamw_ if self._optimizer.rule == "adamw" else torch._fused_adam_
        fused(
            [part.values],
            [part.grad],
            part.moments[:1],
            part.moments[1:],
            [],
            [self._step],
            lr=lr,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=part.decay,
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
