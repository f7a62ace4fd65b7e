"""Makes the activations of one network and reads their scalars back."""

from torch import nn

from trainables.activations.bases import Base
from trainables.activations.dynact import DynActivation, Scalars
from trainables.activations.settings import ActivationSettings
from trainables.errors import SwapError


class Sites:
    """Called once for each place in a network, in order; shared scalars are one module for all."""

    def __init__(self, settings: ActivationSettings, base: Base) -> None:
        self._base, self._settings = base, settings
        self._shared = (
            Scalars(
                alpha_init=settings.alpha_init, beta_init=settings.beta_init, train=settings.train_scalars
            )
            if settings.scalars == "shared"
            else None
        )
        self.made: list[DynActivation] = []

    def __call__(self, num_channels: int | None) -> DynActivation:
        """The next activation. Raises SwapError for per_channel scalars where channels are not known."""
        settings = self._settings
        if settings.scalars == "per_channel" and num_channels is None:
            raise SwapError("per_channel scalars need a known channel axis; use per_layer here")
        activation = DynActivation(
            self._base,
            scalars=settings.scalars,
            alpha_init=settings.alpha_init,
            beta_init=settings.beta_init,
            train_scalars=settings.train_scalars,
            num_channels=num_channels,
            shared=self._shared,
        )
        self.made.append(activation)
        return activation

    def scalars(self) -> tuple[list[float], list[float]] | None:
        """alpha and beta by place, the mean over channels where there are many; None for static bases."""
        if self._settings.scalars == "none" or not self.made:
            return None
        modules = [activation.scalars for activation in self.made]
        pairs = [
            (float(m.alpha.detach().mean()), float(m.beta.detach().mean())) for m in modules if m is not None
        ]
        return [alpha for alpha, _ in pairs], [beta for _, beta in pairs]


def count_parameters(network: nn.Module) -> int:
    """Trained parameters, scalars included."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
