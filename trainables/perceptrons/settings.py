"""What a trial of `mlp-classifier` is told, read once from its lease."""

from dataclasses import dataclass
from typing import Self, cast

from trainables.activations.settings import ActivationSettings
from trainables.models.init import WeightInit
from trainables.training.settings import DescentSettings
from trainables.values import Settings, number, text, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceptronSettings:
    """Shape, activation and descent of one perceptron. Units: `warmup` and `epochs` in epochs."""

    depth: int
    epochs: int
    batch_size: int
    warmup: float
    dropout: float
    label_smoothing: float
    target_accuracy: float
    weight_init: WeightInit
    activation: ActivationSettings
    descent: DescentSettings

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """These settings among a trial's resolved ones."""
        return cls(
            depth=whole(settings, "depth"),
            epochs=whole(settings, "epochs"),
            batch_size=whole(settings, "batch_size"),
            warmup=number(settings, "warmup"),
            dropout=number(settings, "dropout"),
            label_smoothing=number(settings, "label_smoothing"),
            target_accuracy=number(settings, "target_accuracy"),
            weight_init=cast(WeightInit, text(settings, "weight_init")),
            activation=ActivationSettings.read(settings),
            descent=DescentSettings.read(settings),
        )
