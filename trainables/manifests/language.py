"""The language model, as a manifest."""

from ablations.manifest import ForbiddenSettings, Manifest, Metric, Multiple, Scalar, Setting
from trainables.activations.settings import ALPHA_INIT, BETA_INIT
from trainables.manifests.component import Component
from trainables.manifests.descent import DYNAMIC, PRECISION, descent_settings
from trainables.manifests.progress import NUM_PARAMETERS, language_progress
from trainables.measures.perplexity import LARGEST_PERPLEXITY
from trainables.models.widths import PLAIN

CORPORA = (Component(kind="corpus", name="speeches", summary="12 MB of English: addresses of US presidents"),)


def language_settings(activations: tuple[Scalar, ...], corpora: tuple[Scalar, ...]) -> tuple[Setting, ...]:
    """The settings of `language-model`."""
    gated = {"glu": ("dynactglu", "plain_dynact")}
    return (
        Setting(name="dataset", kind="str", default="speeches", choices=corpora),
        Setting(name="tokenizer", kind="str", default="byte", choices=("byte", "bpe")),
        Setting(
            name="vocabulary",
            kind="int",
            default=1024,
            low=257,
            high=65_535,
            when={"tokenizer": ("bpe",)},
            help="tokens of the BPE, trained on the train split",
        ),
        Setting(
            name="width", kind="int", default=96, low=4, high=4096, help="features of the residual stream"
        ),
        Setting(
            name="hidden",
            kind="int",
            default=0,
            low=0,
            high=65_536,
            help="features inside the feed-forward; 0 = 8/3 of the width, with which a GLU has as many "
            "parameters as a plain layer of 4; see match",
        ),
        Setting(
            name="match",
            kind="str",
            default="none",
            choices=("none", "parameters"),
            help="none = all feed-forwards have `hidden` features; parameters = plain ones have, 0 being 4 "
            "times the width, and gated ones 2/3 of it, so that all have as many parameters",
        ),
        Setting(
            name="blocks", kind="int", default=4, low=1, high=100, help="attention and feed-forward pairs"
        ),
        Setting(name="heads", kind="int", default=4, low=1, high=64),
        Setting(name="context", kind="int", default=64, low=2, high=8192, help="tokens a window"),
        Setting(
            name="glu",
            kind="str",
            default="swiglu",
            choices=("swiglu", "geglu", "reglu", "bilinear", "dynactglu", *PLAIN),
            help="the gate: silu, gelu, relu, none, or a dynActivation over `base`; plain ones have no gate, "
            "but the activation alone",
        ),
        Setting(
            name="base",
            kind="str",
            default="mish",
            choices=activations,
            when=gated,
            help="of the dynActivation",
        ),
        Setting(
            name="scalars",
            kind="str",
            default="per_layer",
            choices=("none", *DYNAMIC),
            off="none",
            when=gated,
            help="which alpha and beta it has",
        ),
        Setting(name="alpha_init", kind="float", default=ALPHA_INIT, when={**gated, "scalars": DYNAMIC}),
        Setting(name="beta_init", kind="float", default=BETA_INIT, when={**gated, "scalars": DYNAMIC}),
        Setting(
            name="train_scalars", kind="bool", default=True, off=False, when={**gated, "scalars": DYNAMIC}
        ),
        Setting(name="steps", kind="int", default=1000, low=1, high=100_000_000, help="batches trained on"),
        Setting(name="batch_size", kind="int", default=16, low=1, high=65_536, help="windows a step"),
        Setting(name="eval_every", kind="int", default=100, low=1, help="steps between validations"),
        Setting(
            name="target_loss",
            kind="float",
            default=2.0,
            low=0.0,
            open_low=True,
            help="validation loss in nats a token that steps_to_target and its like wait for",
        ),
        Setting(
            name="eval_tokens",
            kind="int",
            default=65_536,
            low=2,
            help="of each held-out split that are scored; the same for every arm",
        ),
        *descent_settings(optimizer="adamw", clip_norm=1.0, with_scalars={**gated, "scalars": DYNAMIC}),
        Setting(
            name="warmup_steps", kind="int", default=0, low=0, off=0, help="steps in which the rate climbs"
        ),
        Setting(
            name="weight_init",
            kind="str",
            default="torch",
            choices=("torch", "he", "xavier", "orthogonal"),
            help="of linear layers: torch = normal, 0.02, residual outputs scaled by depth, as in GPT-2; the "
            "others as in perceptrons; embeddings keep theirs",
        ),
        PRECISION,
    )


LANGUAGE_METRICS = (
    Metric(
        name="test_perplexity",
        goal="minimize",
        worst=LARGEST_PERPLEXITY,
        scale="log",
        split="test",
        help="exp of the mean cross-entropy a token",
    ),
    Metric(name="test_loss", goal="minimize", worst=100.0, unit="nats", split="test"),
    Metric(
        name="test_bits_per_byte",
        goal="minimize",
        worst=100.0,
        unit="bits",
        split="test",
        help="comparable between tokenizers",
    ),
    Metric(name="val_loss", goal="minimize", worst=100.0, unit="nats", curve=True, split="validation"),
    Metric(
        name="val_perplexity",
        goal="minimize",
        worst=LARGEST_PERPLEXITY,
        scale="log",
        curve=True,
        split="validation",
    ),
    Metric(name="train_loss", goal="minimize", worst=100.0, unit="nats", curve=True, split="train"),
    *language_progress(),
    NUM_PARAMETERS,
)


def language_model(activations: tuple[Scalar, ...], corpora: tuple[Scalar, ...]) -> Manifest:
    """The manifest of `language-model`."""
    return Manifest(
        name="language-model",
        summary="A small decoder-only transformer with gated or plain feed-forwards, trained on text",
        code="trainables.recipes.language:LANGUAGE_MODEL",
        settings=language_settings(activations, corpora),
        metrics=LANGUAGE_METRICS,
        step="step",
        steps_setting="steps",
        packs=True,
        forbids=(
            ForbiddenSettings(
                settings={"linearity": (True,), "glu": ("bilinear",)},
                reason="a bilinear model has no activation whose linearity could be read",
            ),
        ),
        # Positions are turned in pairs of features within a head.
        multiples=(Multiple(setting="width", of="heads", times=2),),
    )
