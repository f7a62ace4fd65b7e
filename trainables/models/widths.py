"""Widths and parameter counts by arithmetic, so that a plan can print them without building a network."""

from collections.abc import Mapping

from ablations.errors import Json

NUM_BYTES = 256
# Feed-forwards without a gate: two matrices, where the GLUs have three.
PLAIN = ("plain_relu", "plain_gelu", "plain_dynact")
# What a GLU's hidden width is of a plain one's where both are to have as many parameters.
GATED_SHARE = 2 / 3
# Inputs and classes of the packaged image sets.
IMAGES: Mapping[str, tuple[int, int]] = {
    "digits-5k": (28 * 28, 10),
    "mnist": (28 * 28, 10),
    "fashion-mnist": (28 * 28, 10),
    "cifar10": (3 * 32 * 32, 10),
    "cifar100": (3 * 32 * 32, 100),
}


def glu_width(width: int, *, ratio: float = 8 / 3, multiple_of: int = 8) -> int:
    """Hidden width of a GLU with as many parameters as a plain feed-forward of 4 * width.

    >>> glu_width(96)
    256
    """
    return max(multiple_of, int(round(width * ratio / multiple_of)) * multiple_of)


def hidden_width(settings: Mapping[str, Json]) -> int:
    """Features inside the feed-forward of a language model.

    `match` none: the same for every variant. `match` parameters: `hidden` is that of a plain feed-forward,
    and a GLU has the whole number next to two thirds of it, so that counts differ by less than a row.

    >>> same = {"width": 96, "hidden": 300, "match": "parameters"}
    >>> hidden_width({**same, "glu": "plain_gelu"}), hidden_width({**same, "glu": "swiglu"})
    (300, 200)
    """
    width, hidden = _int(settings, "width"), _int(settings, "hidden")
    if settings.get("match", "none") == "none":
        return hidden or glu_width(width)
    plain = hidden or 4 * width
    return plain if settings["glu"] in PLAIN else max(1, round(GATED_SHARE * plain))


def arm_size(trainable: str, settings: Mapping[str, Json]) -> dict[str, int] | None:
    """Trained parameters of an arm and the width inside its feed-forwards; None where only building tells."""
    if trainable == "language-model":
        return _language_model(settings)
    if trainable == "mlp-classifier" and settings.get("dataset") in IMAGES:
        return _perceptron(settings)
    return None


def _language_model(settings: Mapping[str, Json]) -> dict[str, int]:
    width, blocks = _int(settings, "width"), _int(settings, "blocks")
    hidden = hidden_width(settings)
    vocabulary = _int(settings, "vocabulary") if settings["tokenizer"] == "bpe" else NUM_BYTES
    # Attention has four square matrices, a GLU three and a plain feed-forward two; two norms a block, one at
    # the end; tied embeddings.
    matrices = 2 if settings["glu"] in PLAIN else 3
    block = 4 * width**2 + matrices * width * hidden + 2 * width
    total = vocabulary * width + blocks * block + width
    if settings["glu"] in ("dynactglu", "plain_dynact"):
        total += _num_scalars(settings, blocks, hidden)
    return {"hidden": hidden, "num_parameters": total}


def _perceptron(settings: Mapping[str, Json]) -> dict[str, int]:
    inputs, classes = IMAGES[str(settings["dataset"])]
    depth, width = _int(settings, "depth"), _int(settings, "width")
    total = (inputs + 1) * width + (depth - 1) * (width + 1) * width + (width + 1) * classes
    return {"num_parameters": total + _num_scalars(settings, depth, width)}


def _num_scalars(settings: Mapping[str, Json], layers: int, channels: int) -> int:
    if settings.get("train_scalars", True) is False:
        return 0
    places = {"shared": 1, "per_layer": layers, "per_channel": layers * channels}
    return 2 * places.get(str(settings.get("scalars", "none")), 0)


def _int(settings: Mapping[str, Json], name: str) -> int:
    value = settings[name]
    assert isinstance(value, int), f"{name} is {value!r}, no whole number"
    return value
