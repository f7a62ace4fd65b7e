"""Image classifiers, as a manifest."""

from ablations.manifest import ForbiddenSettings, Manifest, Metric, Scalar, Setting
from trainables.manifests.component import Component
from trainables.manifests.descent import PRECISION
from trainables.models.torchvision_names import TORCHVISION

OWN_MODELS = (
    "cnn", "attention_cnn", "vit", "resnet18", "resnet20", "resnet32", "resnet44", "resnet56",
    "vgg11", "vgg13", "vgg16", "vgg19",
)  # fmt: skip
FOREIGN_MODELS = tuple(f"torchvision/{name}" for name in TORCHVISION)
# Their activations see tokens or maps with channels last, where the second axis is no channel.
WITHOUT_CHANNELS = tuple(
    name
    for name in FOREIGN_MODELS
    if name.removeprefix("torchvision/").startswith(("vit_", "swin_", "convnext_", "maxvit_"))
)
WITH_BLOCKS = ("cnn", "attention_cnn", "vit")
WITH_HEADS = ("attention_cnn", "vit")

MODELS = (
    *(Component(kind="model", name=name, summary="for small images, built here") for name in OWN_MODELS),
    *(
        Component(kind="model", name=name, summary="torchvision's, its activations replaced")
        for name in FOREIGN_MODELS
    ),
)


def image_settings(models: tuple[Scalar, ...]) -> tuple[Setting, ...]:
    """What an image classifier can be told beside what every classifier can."""
    return (
        Setting(name="model", kind="str", default="resnet20", choices=models),
        Setting(
            name="width",
            kind="int",
            default=0,
            low=0,
            high=4096,
            when={"model": OWN_MODELS},
            help="channels of the first stage, or features of a transformer; 0 = the model's own",
        ),
        Setting(
            name="blocks",
            kind="int",
            default=0,
            low=0,
            high=100,
            when={"model": WITH_BLOCKS},
            help="convolution or attention blocks; 0 = the model's own",
        ),
        Setting(
            name="heads",
            kind="int",
            default=0,
            low=0,
            high=64,
            when={"model": WITH_HEADS},
            help="attention heads; 0 = the model's own",
        ),
        Setting(
            name="patch",
            kind="int",
            default=4,
            low=1,
            high=64,
            when={"model": ("vit",)},
            help="pixels a side",
        ),
        Setting(
            name="allow_functional",
            kind="bool",
            default=False,
            when={"model": FOREIGN_MODELS},
            help="leave functional activations, which cannot be replaced, instead of failing",
        ),
        Setting(
            name="augment",
            kind="str",
            default="none",
            choices=("none", "flip", "crop_flip"),
            off="none",
            help="flips, and crops of the image padded by 4",
        ),
        Setting(
            name="weight_init",
            kind="str",
            default="torch",
            choices=("torch", "he", "xavier", "orthogonal"),
            help="of convolution and linear layers: torch = the model's own; the others as in perceptrons, "
            "biases 0",
        ),
        PRECISION,
    )


def image_classifier(
    models: tuple[Scalar, ...], common: tuple[Setting, ...], metrics: tuple[Metric, ...]
) -> Manifest:
    """The manifest of `image-classifier`, from what all classifiers share."""
    return Manifest(
        name="image-classifier",
        summary="Convolutional networks and transformers on images, trained by cross-entropy",
        code="trainables.recipes.images:IMAGE_CLASSIFIER",
        settings=(*image_settings(models), *common),
        metrics=metrics,
        steps_setting="epochs",
        forbids=(
            ForbiddenSettings(
                settings={"scalars": ("per_channel",), "model": WITHOUT_CHANNELS},
                reason="per_channel scalars need a known channel axis, which this model's activations lack; "
                "use per_layer",
            ),
        ),
        packs=True,
    )
