"""What a trial says of its training: how it goes down the gradient, and what all classifiers are told."""

from dataclasses import dataclass
from typing import Any, Literal, Self, cast

from trainables.activations.settings import ActivationSettings
from trainables.models.init import WeightInit
from trainables.training.schedules import Schedule
from trainables.values import Settings, flag, number, text, whole

Rule = Literal["sgd", "adam", "adamw"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescentSettings:
    """Rule, rates, decay and clipping; clipping is by the norm of weights and scalars together.

    Scalars learn at `scalar_lr` where it is not 0, and are spared from weight decay unless `decay_scalars`.
    """

    rule: Rule
    lr: float
    schedule: Schedule = "constant"
    momentum: float = 0.0
    weight_decay: float = 0.0
    clip_norm: float = 0.0
    scalar_lr: float = 0.0
    decay_scalars: bool = False
    precision: str = "float32"

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """These settings among a trial's resolved ones."""
        return cls(
            rule=cast(Rule, text(settings, "optimizer")),
            lr=number(settings, "lr"),
            schedule=cast(Schedule, text(settings, "schedule")),
            momentum=number(settings, "momentum", 0.0),
            weight_decay=number(settings, "weight_decay"),
            clip_norm=number(settings, "clip_norm"),
            scalar_lr=number(settings, "scalar_lr", 0.0),
            decay_scalars=flag(settings, "decay_scalars", False),
            precision=text(settings, "precision", "float32"),
        )

    @property
    def lr_of_scalars(self) -> float:
        """The peak rate of alpha and beta."""
        return self.scalar_lr if self.scalar_lr > 0 else self.lr

    @property
    def decay_of_scalars(self) -> float:
        """The weight decay of alpha and beta."""
        return self.weight_decay if self.decay_scalars else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassifierSettings:
    """What every image classifier is told. Units: `warmup` and `epochs` in epochs."""

    epochs: int
    batch_size: int
    warmup: float
    label_smoothing: float
    target_accuracy: float
    weight_init: WeightInit
    activation: ActivationSettings
    descent: DescentSettings


def classifier_values(settings: Settings) -> dict[str, Any]:
    """The fields of `ClassifierSettings` among a trial's resolved settings."""
    return {
        "epochs": whole(settings, "epochs"),
        "batch_size": whole(settings, "batch_size"),
        "warmup": number(settings, "warmup"),
        "label_smoothing": number(settings, "label_smoothing"),
        "target_accuracy": number(settings, "target_accuracy"),
        "weight_init": text(settings, "weight_init"),
        "activation": ActivationSettings.read(settings),
        "descent": DescentSettings.read(settings),
    }
