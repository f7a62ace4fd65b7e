"""What a trial of `mlp-classifier` is told, read once from its lease."""

from dataclasses import dataclass
from typing import Self

from trainables.training.settings import ClassifierSettings, classifier_values
from trainables.values import Settings, number, whole


@dataclass(frozen=True, slots=True, kw_only=True)
class PerceptronSettings(ClassifierSettings):
    """One perceptron: what every classifier is told, and its shape."""

    depth: int
    dropout: float

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """These settings among a trial's resolved ones."""
        depth, dropout = whole(settings, "depth"), number(settings, "dropout")
        return cls(depth=depth, dropout=dropout, **classifier_values(settings))
