"""How packaged trainables go down the gradient, as settings: one declaration for all of them."""

from collections.abc import Mapping

from ablations.manifest import Scalar, Setting

DYNAMIC = ("shared", "per_layer", "per_channel")
When = Mapping[str, tuple[Scalar, ...]]


PRECISION = Setting(
    name="precision",
    kind="str",
    default="float32",
    choices=("float32", "bfloat16", "float16"),
    help="of the forward pass in training; weights stay float32, and the loss of float16 is scaled",
)


def descent_settings(*, optimizer: str, clip_norm: float, with_scalars: When) -> tuple[Setting, ...]:
    """Optimizer, rates, decay and clipping, by these defaults.

    `with_scalars` says where there are alpha and beta, which can have a rate and a decay of their own.
    """
    return (
        Setting(name="optimizer", kind="str", default=optimizer, choices=("sgd", "adam", "adamw")),
        Setting(name="lr", kind="float", default=1e-3, low=0.0, open_low=True, help="peak learning rate"),
        Setting(
            name="schedule",
            kind="str",
            default="constant",
            choices=("constant", "cosine", "one_cycle"),
            off="constant",
            help="of the learning rate, over all steps",
        ),
        Setting(
            name="momentum",
            kind="float",
            default=0.0,
            low=0.0,
            high=1.0,
            off=0.0,
            when={"optimizer": ("sgd",)},
            help="of SGD",
        ),
        Setting(
            name="weight_decay",
            kind="float",
            default=0.0,
            low=0.0,
            off=0.0,
            help="decoupled in adamw, added to the gradient in sgd and adam; spares alpha and beta unless "
            "decay_scalars",
        ),
        Setting(
            name="clip_norm",
            kind="float",
            default=clip_norm,
            low=0.0,
            off=0.0,
            help="largest norm of the whole gradient; 0 means no clipping",
        ),
        Setting(
            name="scalar_lr",
            kind="float",
            default=0.0,
            low=0.0,
            when=with_scalars,
            help="peak learning rate of alpha and beta; 0 = that of the weights",
        ),
        Setting(
            name="decay_scalars",
            kind="bool",
            default=False,
            off=False,
            when=with_scalars,
            help="whether weight decay reaches alpha and beta",
        ),
    )
