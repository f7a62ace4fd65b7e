"""Steps of several trainings at once: parameters stacked, one network mapped over them by torch.func.

Every member keeps its module, its optimizer, its clipping and its schedule: its parameters and gradients
are rows of the stack. Sums may be taken in another order than alone, so results agree as those of two runs
do whose batches hold the same rows in another order; a member that diverges stays by itself.
"""

import copy
from collections.abc import Callable, Hashable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.attention import SDPBackend, sdpa_kernel

from trainables.activations.dynact import DynActivation
from trainables.activations.fused import activation as fused
from trainables.training.steps import Steps

_ops: Any = torch.ops.ablate


def stacking_key(steps: Steps) -> Hashable:
    """Steps of one key can be taken together: the same program over parameters of the same shapes."""
    network = steps.network
    tensors = [*network.named_parameters(), *network.named_buffers()]
    shapes = tuple((name, tuple(tensor.shape), tensor.requires_grad) for name, tensor in tensors)
    own = tuple(site.base.name for site in _sites(network).values() if not site.base.fused)
    return steps.key, steps.num, shapes, own


def train_together(steps: Sequence[Steps]) -> list[list[Tensor]]:
    """Take all steps of trainings of one key; the losses by training."""
    stack = _Stack([each.network for each in steps])
    losses = []
    for index in range(steps[0].num):
        batches = [each.batch(index) for each in steps]
        x, y = (torch.stack(parts) for parts in zip(*batches, strict=True))
        losses.append(stack.descend(steps, x, y))
        for each in steps:
            each.descent.update()
    return [list(own) for own in torch.stack(losses, 1)]


class _Stack:
    """Parameters and buffers of all members, which become rows of it."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        self._template = _template(networks)
        self._parameters = {name: _stack(networks, name) for name, _ in networks[0].named_parameters()}
        self._buffers = {name: _stack(networks, name) for name, _ in networks[0].named_buffers()}
        self._gradients = []
        for name, stacked in self._parameters.items():
            trained = networks[0].get_parameter(name).requires_grad
            gradient = torch.zeros_like(stacked) if trained else None
            for row, network in enumerate(networks):
                parameter = network.get_parameter(name)
                parameter.data = stacked[row]
                parameter.grad = gradient[row] if gradient is not None else None
            if gradient is not None:
                stacked.requires_grad_()
                stacked.grad = gradient
                self._gradients.append(gradient)
        for name, stacked in self._buffers.items():
            for row, network in enumerate(networks):
                network.get_buffer(name).data = stacked[row]
        device = next(iter(self._parameters.values())).device.type
        # The CPU's fused attention has no rule for members and would run them one by one.
        self._attention: Callable[[], AbstractContextManager[None]] = (
            (lambda: sdpa_kernel(SDPBackend.MATH)) if device == "cpu" else nullcontext
        )

    def descend(self, steps: Sequence[Steps], x: Tensor, y: Tensor) -> Tensor:
        """The gradient of every member's mean loss, in its parameters; the losses."""

        def loss(parameters: Any, buffers: Any, x: Tensor, y: Tensor) -> Tensor:
            return steps[0].objective(
                lambda inputs: functional_call(self._template, (parameters, buffers), (inputs,)), x, y
            )

        torch._foreach_zero_(self._gradients)
        with self._attention():
            losses: Tensor = vmap(loss)(self._parameters, self._buffers, x, y)
            # The sum, so that each member's gradient is that of its own mean.
            scaled = [each.descent.scale(loss) for each, loss in zip(steps, losses, strict=True)]
            torch.stack(scaled).sum().backward()  # type: ignore[no-untyped-call]
        return losses.detach()


class _MembersActivation(nn.Module):
    """The activation of mapped members, each with its own base function."""

    def __init__(self, sites: Sequence[DynActivation]) -> None:
        super().__init__()
        self.scalars = sites[0].scalars
        self._codes = [fused.CODES[site.base.name] for site in sites]
        self._channel_dim = sites[0].channel_dim

    def forward(self, x: Tensor) -> Tensor:
        """The same as each member's own."""
        if self.scalars is None:
            return _ops.base_act(x, self._codes, [])  # type: ignore[no-any-return]
        scalars = self.scalars.alpha, self.scalars.beta
        dim = self._channel_dim if self._channel_dim >= 0 else self._channel_dim + x.ndim
        return _ops.dyn_act(x, *scalars, self._codes, [], dim)  # type: ignore[no-any-return]


def _template(networks: Sequence[nn.Module]) -> nn.Module:
    template = copy.deepcopy(networks[0]).requires_grad_(False)
    mates = [_sites(network) for network in networks[1:]]
    for name, site in _sites(template).items():
        if site.base.fused:
            parent, _, child = name.rpartition(".")
            members = _MembersActivation([site, *(sites[name] for sites in mates)])
            setattr(template.get_submodule(parent), child, members)
    return template


def _sites(network: nn.Module) -> dict[str, DynActivation]:
    modules = network.named_modules(remove_duplicate=False)
    return {name: module for name, module in modules if isinstance(module, DynActivation)}


def _stack(networks: Sequence[nn.Module], name: str) -> Tensor:
    parent, _, child = name.rpartition(".")
    return torch.stack([getattr(network.get_submodule(parent), child).detach() for network in networks])
