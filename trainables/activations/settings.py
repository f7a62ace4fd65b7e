"""What a trial says of its activations. No torch here: manifests declare these settings."""

from dataclasses import dataclass
from typing import Literal, Self, cast

from trainables.values import Settings, flag, number, text

Kind = Literal["none", "shared", "per_layer", "per_channel"]
ALPHA_INIT, BETA_INIT = 1.0, 0.0  # f(x) = base(x) before training


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationSettings:
    """A base function by name, and which alpha and beta there are over it."""

    base: str
    scalars: Kind = "none"
    alpha_init: float = ALPHA_INIT
    beta_init: float = BETA_INIT
    train_scalars: bool = True

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """These settings among a trial's resolved ones."""
        return cls(
            base=text(settings, "base"),
            scalars=cast(Kind, text(settings, "scalars", "none")),
            alpha_init=number(settings, "alpha_init", ALPHA_INIT),
            beta_init=number(settings, "beta_init", BETA_INIT),
            train_scalars=flag(settings, "train_scalars", True),
        )
