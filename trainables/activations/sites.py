"""Makes the activations of one network from a trial's settings and reads their scalars back."""

from collections.abc import Mapping
from typing import cast

from torch import nn

from ablations.errors import Json
from trainables.activations.bases import BASES, Base
from trainables.activations.dynact import DynActivation, Kind, Scalars
from trainables.activations.plugins import find_base
from trainables.errors import SwapError


class Sites:
    """Called once for each place in a network, in order; shared scalars are one module for all."""

    def __init__(self, settings: Mapping[str, Json]) -> None:
        name = str(settings["base"])
        self._base: Base = BASES[name] if name in BASES else find_base(name)
        self._kind = cast(Kind, settings.get("scalars", "none"))
        self._alpha = float(str(settings.get("alpha_init", 1.0)))
        self._beta = float(str(settings.get("beta_init", 0.0)))
        self._train = settings.get("train_scalars", True) is not False
        self._shared = (
            Scalars(alpha_init=self._alpha, beta_init=self._beta, train=self._train)
            if self._kind == "shared"
            else None
        )
        self.made: list[DynActivation] = []

    def __call__(self, num_channels: int | None) -> DynActivation:
        """The next activation. Raises SwapError for per_channel scalars where channels are not known."""
        if self._kind == "per_channel" and num_channels is None:
            raise SwapError("per_channel scalars need a known channel axis; use per_layer here")
        activation = DynActivation(
            self._base,
            scalars=self._kind,
            alpha_init=self._alpha,
            beta_init=self._beta,
            train_scalars=self._train,
            num_channels=num_channels,
            shared=self._shared,
        )
        self.made.append(activation)
        return activation

    def scalars(self) -> tuple[list[float], list[float]] | None:
        """alpha and beta by place, the mean over channels where there are many; None for static bases."""
        if self._kind == "none" or not self.made:
            return None
        modules = [activation.scalars for activation in self.made]
        pairs = [
            (float(m.alpha.detach().mean()), float(m.beta.detach().mean())) for m in modules if m is not None
        ]
        return [alpha for alpha, _ in pairs], [beta for _, beta in pairs]


def count_parameters(network: nn.Module) -> int:
    """Trained parameters, scalars included."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
