"""Replaces the activations of an existing network by dynActivations, one set of scalars a call site.

A module such as resnet18's `relu` may be called several times in one forward pass; every call is a place
of its own. The places are found by running the network once on an example, which also shows functional
calls (`F.relu(x)`), out of reach of a swap: they are refused, or reported when allowed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from trainables.errors import SwapError

# Module classes that are replaced, with the base function each is.
REPLACED: dict[type[nn.Module], str] = {
    nn.ReLU: "relu",
    nn.LeakyReLU: "leaky_relu",
    nn.ReLU6: "relu6",
    nn.ELU: "elu",
    nn.CELU: "celu",
    nn.SELU: "selu",
    nn.GELU: "gelu",
    nn.SiLU: "silu",
    nn.Mish: "mish",
    nn.Softplus: "softplus",
    nn.Hardswish: "hardswish",
}
# Bounded gates scale other signals; they are no ReLU-like activations and stay.
GATES = (nn.Sigmoid, nn.Hardsigmoid, nn.Tanh, nn.Softmax)

_FUNCTIONS: dict[Callable[..., Any], str] = {
    function: function.__name__
    for function in (
        F.relu, F.relu_, F.leaky_relu, F.relu6, F.elu, F.celu, F.selu, F.gelu, F.silu, F.mish, F.softplus,
        F.hardswish, torch.relu, torch.relu_, torch.selu, torch.celu, Tensor.relu, Tensor.relu_,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationCall:
    """One call of one replaced module: `layer1.0.relu`, its second call (1) in a forward pass, say."""

    module: str
    call: int
    replaced: str
    num_channels: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Swap:
    """What was replaced, in the order of the forward pass; what stayed; what could not be reached."""

    places: tuple[ActivationCall, ...]
    gates: tuple[str, ...]
    functional: tuple[str, ...]

    @property
    def num_modules(self) -> int:
        """Replaced modules; each may have several places."""
        return len({place.module for place in self.places})


# Makes the activation of one place: its base function, its channels (None: not known), its name.
MakeActivation = Callable[[str, int | None, str], nn.Module]


class CallSequence(nn.Module):
    """Stands where a module was called n times a forward pass and gives each call its own activation.

    Assumes: every forward pass of the network makes the same n calls in the same order; the count starts
    anew with each pass of the network (a hook on its root).
    """

    def __init__(self, activations: list[nn.Module]) -> None:
        super().__init__()
        self.activations = nn.ModuleList(activations)
        self.next = 0

    def forward(self, x: Tensor) -> Tensor:
        """The next call's activation."""
        activation = self.activations[self.next % len(self.activations)]
        self.next += 1
        return activation(x)  # type: ignore[no-any-return]


class StartPass:
    """Forward pre-hook of the root: resets the call counters. A class, so that the network pickles."""

    def __call__(self, network: nn.Module, _: tuple[Any, ...]) -> None:
        for module in network.modules():
            if isinstance(module, CallSequence):
                module.next = 0


class _Watch(TorchFunctionMode):
    """Notes activation functions called outside the modules that wrap them."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = 0
        self.path = ""
        self.found: list[str] = []

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Record, then call."""
        if not self.inside and func in _FUNCTIONS:
            self.found.append(f"{_FUNCTIONS[func].rstrip('_')} in {self.path or 'the network'}")
            self.inside += 1  # F.relu calls torch.relu: one call, not two
            try:
                return func(*args, **(kwargs or {}))
            finally:
                self.inside -= 1
        return func(*args, **(kwargs or {}))


def swap_activations(
    network: nn.Module, example: Tensor, make: MakeActivation, *, allow_functional: bool = False
) -> Swap:
    """Replace every ReLU-like activation module of `network`, in place, and say what was done.

    `example` is one input batch; it is run once in evaluation mode without gradients.
    Raises: SwapError when there is nothing to replace, or functional calls are found and not allowed.
    """
    calls, functional = _trace(network, example)
    if functional and not allow_functional:
        raise SwapError(
            f"functional activations cannot be swapped: {', '.join(functional)}; "
            "set allow_functional: true to leave and report them"
        )
    if not calls:
        raise SwapError("the network calls no activation module that could be swapped")
    named = dict(network.named_modules())
    places: list[ActivationCall] = []
    made: dict[str, list[nn.Module]] = {}
    for path, num_channels in calls:
        base = REPLACED[type(named[path])]
        call = len(made.setdefault(path, []))
        made[path].append(make(base, num_channels, f"{path}.{call}"))
        places.append(ActivationCall(module=path, call=call, replaced=base, num_channels=num_channels))
    for path, activations in made.items():
        parent, _, name = path.rpartition(".")
        setattr(named[parent], name, CallSequence(activations) if len(activations) > 1 else activations[0])
    network.register_forward_pre_hook(StartPass())
    gates = tuple(path for path, module in named.items() if isinstance(module, GATES))
    return Swap(places=tuple(places), gates=gates, functional=tuple(functional))


def _trace(network: nn.Module, example: Tensor) -> tuple[list[tuple[str, int | None]], list[str]]:
    """Calls of replaceable modules as (path, channels), in order, and functional calls by place."""
    calls: list[tuple[str, int | None]] = []
    watch = _Watch()
    with _hooks(network, watch, calls), _evaluation(network), torch.no_grad(), watch:
        network(example)
    return calls, watch.found


@contextmanager
def _hooks(network: nn.Module, watch: _Watch, calls: list[tuple[str, int | None]]) -> Iterator[None]:
    handles = []
    for path, module in network.named_modules():
        handles += [
            module.register_forward_pre_hook(_enter_call(path, watch, calls)),
            module.register_forward_hook(_leave_call(path, watch)),
        ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _enter_call(path: str, watch: _Watch, calls: list[tuple[str, int | None]]) -> Callable[..., None]:
    def hook(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        watch.path = path
        if type(module) in REPLACED:
            watch.inside += 1
            calls.append((path, _num_channels(inputs[0])))

    return hook


def _leave_call(path: str, watch: _Watch) -> Callable[..., None]:
    def hook(module: nn.Module, _inputs: tuple[Any, ...], _output: Any) -> None:
        watch.path = path.rpartition(".")[0]
        if type(module) in REPLACED:
            watch.inside -= 1

    return hook


def _num_channels(x: Tensor) -> int | None:
    """Channels where the axis is plain: [batch, features] and [batch, channels, height, width]."""
    return x.shape[1] if x.ndim in (2, 4) else None


@contextmanager
def _evaluation(network: nn.Module) -> Iterator[None]:
    """Evaluation mode, and each module's own mode afterwards; batch statistics stay untouched."""
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training
