"""The perceptron and what all image classifiers share, as manifests."""

from collections.abc import Mapping

from ablations.manifest import Manifest, Metric, Scalar, Setting
from trainables.activations.settings import ALPHA_INIT, BETA_INIT
from trainables.manifests.component import Component
from trainables.manifests.descent import DYNAMIC, descent_settings
from trainables.manifests.images import image_classifier
from trainables.manifests.progress import NUM_PARAMETERS, classifier_progress

# Losses above this are no better than this: what a diverged trial counts as.
WORST_LOSS = 100.0

CLASSIFIER_METRICS = (
    Metric(name="test_accuracy", goal="maximize", worst=0.0, split="test", help="share of test images right"),
    Metric(
        name="test_loss",
        goal="minimize",
        worst=WORST_LOSS,
        unit="nats",
        split="test",
        help="mean cross-entropy",
    ),
    Metric(
        name="val_accuracy",
        goal="maximize",
        worst=0.0,
        curve=True,
        split="validation",
        help="share of validation images right",
    ),
    Metric(
        name="val_loss",
        goal="minimize",
        worst=WORST_LOSS,
        unit="nats",
        curve=True,
        split="validation",
        help="mean cross-entropy on validation images",
    ),
    Metric(
        name="train_loss",
        goal="minimize",
        worst=WORST_LOSS,
        unit="nats",
        curve=True,
        split="train",
        help="mean over the epoch's batches, as they were trained",
    ),
    *classifier_progress(WORST_LOSS),
    NUM_PARAMETERS,
)


def classifier_settings(activations: tuple[Scalar, ...], datasets: tuple[Scalar, ...]) -> tuple[Setting, ...]:
    """What every packaged image classifier can be told."""
    dynamic = {"scalars": DYNAMIC}
    return (
        Setting(name="dataset", kind="str", default="digits-5k", choices=datasets),
        Setting(
            name="epochs", kind="int", default=5, low=1, high=100_000, help="passes over the train split"
        ),
        Setting(name="batch_size", kind="int", default=128, low=1, high=65_536, help="images a step"),
        Setting(
            name="target_accuracy",
            kind="float",
            default=0.9,
            low=0.0,
            high=1.0,
            open_low=True,
            help="validation accuracy that epochs_to_target and its like wait for",
        ),
        *descent_settings(optimizer="adam", clip_norm=0.0, with_scalars=dynamic),
        Setting(
            name="warmup",
            kind="float",
            default=0.0,
            low=0.0,
            off=0.0,
            help="epochs in which the rate climbs; one_cycle has a climb of its own",
        ),
        Setting(
            name="label_smoothing",
            kind="float",
            default=0.0,
            low=0.0,
            high=0.99,
            off=0.0,
            help="share of the target that goes to all classes alike, in the training loss",
        ),
        Setting(
            name="base", kind="str", default="relu", choices=activations, off="identity", help="base function"
        ),
        Setting(
            name="scalars",
            kind="str",
            default="none",
            choices=("none", *DYNAMIC),
            off="none",
            help="which alpha and beta there are in f(x) = base(x)(alpha - beta) + beta x; none = base(x)",
        ),
        Setting(
            name="alpha_init", kind="float", default=ALPHA_INIT, when=dynamic, help="alpha before training"
        ),
        Setting(name="beta_init", kind="float", default=BETA_INIT, when=dynamic, help="beta before training"),
        Setting(
            name="train_scalars",
            kind="bool",
            default=True,
            when=dynamic,
            off=False,
            help="whether alpha and beta are learned",
        ),
    )


def mlp_settings(activations: tuple[Scalar, ...], datasets: tuple[Scalar, ...]) -> tuple[Setting, ...]:
    """The settings of `mlp-classifier`."""
    return (
        Setting(
            name="depth",
            kind="int",
            default=3,
            low=1,
            high=1000,
            help="hidden layers, each followed by an activation",
        ),
        Setting(name="width", kind="int", default=64, low=1, high=16_384, help="units of a hidden layer"),
        Setting(
            name="weight_init",
            kind="str",
            default="torch",
            choices=("torch", "he", "xavier", "orthogonal"),
            help="torch = nn.Linear's own; he = normal, gain sqrt 2; xavier = uniform, gain 1; orthogonal = "
            "gain 1; biases are 0 in the last three",
        ),
        Setting(
            name="dropout",
            kind="float",
            default=0.0,
            low=0.0,
            high=0.99,
            off=0.0,
            help="share of hidden values dropped after each activation in training",
        ),
        *classifier_settings(activations, datasets),
    )


def mlp_classifier(activations: tuple[Scalar, ...], datasets: tuple[Scalar, ...]) -> Manifest:
    """The manifest of `mlp-classifier`."""
    return Manifest(
        name="mlp-classifier",
        summary="A multilayer perceptron that classifies images, trained by cross-entropy",
        code="trainables.recipes.mlp:MLP_CLASSIFIER",
        settings=mlp_settings(activations, datasets),
        metrics=CLASSIFIER_METRICS,
        steps_setting="epochs",
        packs=True,
    )


def classifiers(parts: Mapping[str, Mapping[str, Component]]) -> tuple[Manifest, ...]:
    """The packaged classifiers, which take every activation, dataset and measure there is."""
    activations, datasets = tuple(parts["activation"]), tuple(parts["dataset"])
    return (
        mlp_classifier(activations, datasets),
        image_classifier(
            tuple(parts["model"]), classifier_settings(activations, datasets), CLASSIFIER_METRICS
        ),
    )
