"""What trials of image classifiers and language models are told, read once from their leases."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self, cast

from trainables.activations.settings import ActivationSettings
from trainables.data.augment import Augment
from trainables.models.init import WeightInit
from trainables.models.widths import NUM_BYTES, PLAIN, hidden_width
from trainables.training.settings import ClassifierSettings, DescentSettings, classifier_values
from trainables.values import Settings, number, text, whole

# The static activation of each variant; that of dynactglu and plain_dynact comes from base and scalars.
STATIC: Mapping[str, str | None] = {
    "swiglu": "silu",
    "geglu": "gelu",
    "reglu": "relu",
    "bilinear": None,
    "plain_relu": "relu",
    "plain_gelu": "gelu",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageSettings(ClassifierSettings):
    """One image classifier: what every classifier is told, its model and its augmentation."""

    model: str
    augment: Augment

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """These settings among a trial's resolved ones."""
        augment = cast(Augment, text(settings, "augment"))
        return cls(model=text(settings, "model"), augment=augment, **classifier_values(settings))


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformerSettings:
    """The matrices of one language model; without a gate its feed-forwards have two instead of three."""

    width: int
    num_blocks: int
    num_heads: int
    hidden: int
    gated: bool

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """These settings among a trial's resolved ones."""
        return cls(
            width=whole(settings, "width"),
            num_blocks=whole(settings, "blocks"),
            num_heads=whole(settings, "heads"),
            hidden=hidden_width(settings),
            gated=text(settings, "glu") not in PLAIN,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageSettings:
    """One language model. `activation` is None for a bilinear one. Units: tokens and steps."""

    dataset: str
    tokenizer: str
    vocabulary: int
    glu: str
    context: int
    batch_size: int
    steps: int
    eval_every: int
    eval_tokens: int
    warmup_steps: int
    target_loss: float
    weight_init: WeightInit
    transformer: TransformerSettings
    activation: ActivationSettings | None
    descent: DescentSettings

    @classmethod
    def read(cls, settings: Settings) -> Self:
        """These settings among a trial's resolved ones."""
        return cls(
            dataset=text(settings, "dataset"),
            tokenizer=text(settings, "tokenizer"),
            vocabulary=whole(settings, "vocabulary", NUM_BYTES),
            glu=text(settings, "glu"),
            context=whole(settings, "context"),
            batch_size=whole(settings, "batch_size"),
            steps=whole(settings, "steps"),
            eval_every=whole(settings, "eval_every"),
            eval_tokens=whole(settings, "eval_tokens"),
            warmup_steps=whole(settings, "warmup_steps"),
            target_loss=number(settings, "target_loss"),
            weight_init=cast(WeightInit, text(settings, "weight_init", "torch")),
            transformer=TransformerSettings.read(settings),
            activation=activation_of_glu(settings),
            descent=DescentSettings.read(settings),
        )


def activation_of_glu(settings: Settings) -> ActivationSettings | None:
    """The activation in the feed-forwards of a variant; None for a bilinear model."""
    variant = text(settings, "glu")
    if variant not in STATIC:
        return ActivationSettings.read(settings)
    base = STATIC[variant]
    return None if base is None else ActivationSettings(base=base)
