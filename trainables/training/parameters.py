"""Parameters of a network as a training sees them: seeded by name, grouped for the optimizer."""

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn

from ablations.errors import Json
from trainables.activations.dynact import Scalars
from trainables.training.schedules import Schedule, factor
from trainables.training.streams import stream_seed

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


def make_optimizer(network: nn.Module, settings: Mapping[str, Json]) -> torch.optim.Optimizer:
    """The optimizer of a trial: alpha and beta in a group of their own.

    They are spared from weight decay unless `decay_scalars`, and learn at `scalar_lr` where it is not 0.
    Updates are fused: one by one, two scalars a layer would double what a small network's Adam costs.
    """
    scalars = scalar_parameters(network)
    ids = {id(parameter) for parameter in scalars.values()}
    weights = [p for p in network.parameters() if id(p) not in ids and p.requires_grad]
    lr, decay = float(str(settings["lr"])), float(str(settings["weight_decay"]))
    groups: list[dict[str, Any]] = [{"params": weights, "lr": lr, "weight_decay": decay}]
    trained = [p for p in scalars.values() if p.requires_grad]
    if trained:
        own = float(str(settings.get("scalar_lr", 0.0)))
        groups.append(
            {
                "params": trained,
                "lr": own if own > 0 else lr,
                "weight_decay": decay if settings.get("decay_scalars") else 0.0,
            }
        )
    kind = settings["optimizer"]
    if kind == "sgd":
        momentum = float(str(settings.get("momentum", 0.0)))
        return torch.optim.SGD(groups, lr=lr, momentum=momentum, fused=True)
    if kind == "adam":
        return torch.optim.Adam(groups, lr=lr, fused=True)
    return torch.optim.AdamW(groups, lr=lr, fused=True)


class Descent:
    """The `num_steps` steps of one training: its optimizer, its learning rates by step, its clipping."""

    def __init__(
        self, network: nn.Module, settings: Mapping[str, Json], *, num_steps: int, warmup: int
    ) -> None:
        self.num_steps = num_steps
        self._network = network
        self._optimizer = make_optimizer(network, settings)
        self._peaks = [group["lr"] for group in self._optimizer.param_groups]
        self._factor = factor(cast(Schedule, settings["schedule"]), num_steps=num_steps, warmup=warmup)
        self.precision = PRECISIONS[str(settings.get("precision", "float32"))]
        self._device = next(network.parameters()).device.type
        self._scaler = torch.amp.GradScaler(self._device, enabled=self.precision == torch.float16)
        self._clip = float(str(settings["clip_norm"]))
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
        self._optimizer.zero_grad()
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
        if self._clip > 0:
            self._scaler.unscale_(self._optimizer)
            nn.utils.clip_grad_norm_(self._network.parameters(), self._clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
