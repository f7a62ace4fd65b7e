"""Image classifiers by name, each built around the activations of a trial."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ablations.errors import Json
from trainables.activations.swap import Swap, swap_activations
from trainables.errors import SwapError
from trainables.models.attention_cnn import AttentionCNN
from trainables.models.cnn import PlainCNN
from trainables.models.resnet import cifar_resnet, resnet18
from trainables.models.sites import Activate
from trainables.models.vgg import VGG
from trainables.models.vit import ViT
from trainables.resolve import resolve

Shape = tuple[int, int, int]  # channels, height, width
# in_shape, num_classes, activate, settings -> network
Build = Callable[[Shape, int, Activate, Mapping[str, Json]], nn.Module]


class FromRows(nn.Module):
    """A network over images that takes them as flat rows, channels first, as datasets keep them."""

    def __init__(self, network: nn.Module, shape: Shape) -> None:
        super().__init__()
        self.network, self.shape = network, shape

    def forward(self, rows: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """Logits of a batch of standardised images."""
        return self.network(rows.view(-1, *self.shape))  # type: ignore[no-any-return]


def _cnn(shape: Shape, classes: int, activate: Activate, settings: Mapping[str, Json]) -> nn.Module:
    return PlainCNN(
        in_channels=shape[0],
        num_classes=classes,
        width=_whole(settings, "width", 16),
        num_blocks=_whole(settings, "blocks", 3),
        activate=activate,
    )


def _attention_cnn(shape: Shape, classes: int, activate: Activate, settings: Mapping[str, Json]) -> nn.Module:
    return AttentionCNN(
        in_channels=shape[0],
        num_classes=classes,
        width=_whole(settings, "width", 16),
        num_blocks=_whole(settings, "blocks", 2),
        num_heads=_whole(settings, "heads", 4),
        activate=activate,
    )


def _vit(shape: Shape, classes: int, activate: Activate, settings: Mapping[str, Json]) -> nn.Module:
    return ViT(
        in_channels=shape[0],
        num_classes=classes,
        image_size=shape[1],
        patch_size=_whole(settings, "patch", 4),
        width=_whole(settings, "width", 64),
        num_blocks=_whole(settings, "blocks", 4),
        num_heads=_whole(settings, "heads", 4),
        activate=activate,
    )


def _vgg(depth: int) -> Build:
    def build(shape: Shape, classes: int, activate: Activate, settings: Mapping[str, Json]) -> nn.Module:
        width = _whole(settings, "width", 64)
        return VGG(in_channels=shape[0], num_classes=classes, depth=depth, width=width, activate=activate)

    return build


def _resnet(depth: int) -> Build:
    def build(shape: Shape, classes: int, activate: Activate, settings: Mapping[str, Json]) -> nn.Module:
        width = _whole(settings, "width", 16)
        return cifar_resnet(
            depth=depth, in_channels=shape[0], num_classes=classes, width=width, activate=activate
        )

    return build


def _resnet18(shape: Shape, classes: int, activate: Activate, settings: Mapping[str, Json]) -> nn.Module:
    width = _whole(settings, "width", 64)
    return resnet18(in_channels=shape[0], num_classes=classes, width=width, activate=activate)


BUILDS: Mapping[str, Build] = {
    "cnn": _cnn,
    "attention_cnn": _attention_cnn,
    "vit": _vit,
    "resnet18": _resnet18,
    **{f"resnet{depth}": _resnet(depth) for depth in (20, 32, 44, 56)},
    **{f"vgg{depth}": _vgg(depth) for depth in (11, 13, 16, 19)},
}
PREFIX = "torchvision/"


def build_network(
    shape: Shape, num_classes: int, activate: Activate, settings: Mapping[str, Json], *, code: str = ""
) -> nn.Module:
    """The network a trial asks for; `code` is the import string of a plugin's model."""
    name = str(settings["model"])
    if code:
        return resolve(code)(shape, num_classes, activate, settings)  # type: ignore[no-any-return]
    return BUILDS[name](shape, num_classes, activate, settings)


def build_torchvision(
    shape: Shape,
    num_classes: int,
    make: Callable[[int | None], nn.Module],
    settings: Mapping[str, Json],
) -> tuple[nn.Module, Swap]:
    """A torchvision classifier with its activations replaced; grey images are repeated to three channels.

    Raises: SwapError where the network cannot take images of this size, or hides activations.
    """
    import torchvision

    name = str(settings["model"]).removeprefix(PREFIX)
    more: dict[str, Any] = {"image_size": shape[1]} if name.startswith("vit_") else {}
    if name in ("googlenet", "inception_v3"):
        more |= {"aux_logits": False, "init_weights": True}
    network = getattr(torchvision.models, name)(weights=None, num_classes=num_classes, **more)
    network = ThreeChannels(network) if shape[0] == 1 else network
    try:
        swap = swap_activations(
            network,
            torch.zeros(2, *shape),
            lambda _base, channels, _name: make(channels),
            allow_functional=settings.get("allow_functional") is True,
        )
    except (RuntimeError, AssertionError) as error:
        raise SwapError(f"{name} does not run on images of {shape[1]}x{shape[2]} pixels: {error}") from error
    return network, swap


class ThreeChannels(nn.Module):
    """Repeats the channel of grey images for networks that expect colour."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Float[Tensor, "batch 1 height width"]) -> Float[Tensor, "batch classes"]:
        """Logits."""
        return self.network(x.expand(-1, 3, -1, -1))  # type: ignore[no-any-return]


def _whole(settings: Mapping[str, Json], name: str, usual: int) -> int:
    """A whole number from the settings; 0 or nothing stands for what is usual for the model."""
    value = settings.get(name)
    return value if isinstance(value, int) and value > 0 else usual
