"""Parameters of a network as a training sees them: seeded by name, grouped for the optimizer."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainables.activations.dynact import Scalars
from trainables.streams import stream_seed
from trainables.training.schedules import factor
from trainables.training.settings import DescentSettings

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def initialise(network: nn.Module, seed: int) -> None:
    """Draw every layer's parameters anew, on the CPU, from a stream keyed by the seed and its name.

    So two arms share the initial values of every layer they both have, whatever else they have. A
    parameter outside layers that can reset themselves keeps the constant it was made with.
    """
    for name, module in network.named_modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(stream_seed(seed, f"init/{name}"))
                reset()


def scalar_parameters(network: nn.Module) -> dict[str, nn.Parameter]:
    """alpha and beta of every dynActivation by name, each shared one once."""
    found: dict[str, nn.Parameter] = {}
    seen: set[int] = set()
    for name, module in network.named_modules():
        if isinstance(module, Scalars):
            for part, parameter in module.named_parameters(recurse=False):
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    found[f"{name}.{part}"] = parameter
    return found


class Joined:
    """Small parameters that an optimizer takes for one, `whole`: an update costs as much for any of them.

    Their values become views of the whole; where somebody has replaced one since, it is copied to and fro.
    """

    def __init__(self, parts: Sequence[nn.Parameter]) -> None:
        self._parts: list[Tensor] = list(parts)
        self.whole = nn.Parameter(torch.cat([part.detach().reshape(-1) for part in parts]))
        self.whole.grad = torch.zeros_like(self.whole)
        self._values, self._grads = self._pieces(self.whole.detach()), self._pieces(self.whole.grad)
        self._places = [value.data_ptr() for value in self._values]
        for part, value in zip(self._parts, self._values, strict=True):
            part.data = value

    def _pieces(self, whole: Tensor) -> list[Tensor]:
        pieces = torch.split(whole, [part.numel() for part in self._parts])
        return [piece.view_as(part) for part, piece in zip(self._parts, pieces, strict=True)]

    def _moved(self) -> bool:
        return [part.data_ptr() for part in self._parts] != self._places

    @torch.no_grad()
    def gather(self) -> None:
        """Values and gradients of the parts into the whole."""
        if self._moved():
            torch._foreach_copy_(self._values, self._parts)
        grads = [torch.zeros_like(part) if part.grad is None else part.grad for part in self._parts]
        torch._foreach_copy_(self._grads, grads)

    @torch.no_grad()
    def spread(self) -> None:
        """Values of the whole into the parts."""
        if self._moved():
            torch._foreach_copy_(self._parts, self._values)


def make_optimizer(
    network: nn.Module, settings: DescentSettings, joined: Joined | None = None
) -> torch.optim.Optimizer:
    """The optimizer of a trial: alpha and beta in a group of their own where rate or decay are theirs alone.

    They are spared from weight decay unless `decay_scalars`, and learn at `scalar_lr` where it is not 0.
    Updates are fused: one by one they would double what a small network's Adam costs.
    """
    scalars = scalar_parameters(network)
    ids = {id(parameter) for parameter in scalars.values()}
    weights = [p for p in network.parameters() if id(p) not in ids and p.requires_grad]
    lr, decay = settings.lr, settings.weight_decay
    groups: list[dict[str, Any]] = [{"params": weights, "lr": lr, "weight_decay": decay}]
    trained = [p for p in scalars.values() if p.requires_grad] if joined is None else [joined.whole]
    rates = {"lr": settings.lr_of_scalars, "weight_decay": settings.decay_of_scalars}
    if rates == {"lr": lr, "weight_decay": decay}:
        weights += trained
    elif trained:
        groups.append({"params": trained, **rates})
    if settings.rule == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=settings.momentum, fused=True)
    if settings.rule == "adam":
        return torch.optim.Adam(groups, lr=lr, fused=True)
    return torch.optim.AdamW(groups, lr=lr, fused=True)


class Descent:
    """The `num_steps` steps of one training: its optimizer, its learning rates by step, its clipping."""

    def __init__(self, network: nn.Module, settings: DescentSettings, *, num_steps: int, warmup: int) -> None:
        self.num_steps = num_steps
        self._device = next(network.parameters()).device.type
        trained = [p for p in scalar_parameters(network).values() if p.requires_grad]
        # A GPU updates many small parameters in one go anyway.
        self._joined = Joined(trained) if self._device == "cpu" and len(trained) > 1 else None
        self._optimizer = make_optimizer(network, settings, self._joined)
        self._clipped = [p for group in self._optimizer.param_groups for p in group["params"]]
        self._trained = [p for p in network.parameters() if p.requires_grad]
        self._peaks = [group["lr"] for group in self._optimizer.param_groups]
        self._factor = factor(settings.schedule, num_steps=num_steps, warmup=warmup)
        self.precision = PRECISIONS[settings.precision]
        self._scaler = torch.amp.GradScaler(self._device, enabled=self.precision == torch.float16)
        self._clip = settings.clip_norm
        self._step = 0

    def autocast(self) -> torch.autocast:
        """The context of a forward pass in the precision of the settings."""
        return torch.autocast(
            self._device, self.precision, enabled=self.precision in (torch.bfloat16, torch.float16)
        )

    def state(self) -> dict[str, Any]:
        """What the next step depends on beside the parameters."""
        scaler = self._scaler.state_dict()
        return {"optimizer": self._optimizer.state_dict(), "step": self._step, "scaler": scaler}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from such a state."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._step = state["step"]
        self._scaler.load_state_dict(state["scaler"])

    def step(self, loss: Tensor) -> None:
        """One step down the gradient of this loss."""
        for parameter in self._trained:
            parameter.grad = None
        self.scale(loss).backward()  # type: ignore[no-untyped-call]
        self.update()

    def scale(self, loss: Tensor) -> Tensor:
        """What to take the gradient of: the loss itself, but in float16 a multiple of it."""
        scaled: Tensor = self._scaler.scale(loss)
        return scaled

    def update(self) -> None:
        """One step down the gradient that the parameters hold."""
        for group, peak in zip(self._optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * self._factor(self._step)
        self._step += 1
        if self._joined is not None:
            self._joined.gather()
        if self._clip > 0:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._clipped, self._clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        if self._joined is not None:
            self._joined.spread()
