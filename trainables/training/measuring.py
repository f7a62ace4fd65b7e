"""Reads the measures that a trial's settings switch on."""

from collections.abc import Mapping
from functools import cache

from torch import nn

from ablations.errors import Json
from trainables.catalogue import load_catalogue
from trainables.data.tensors import Tensors
from trainables.resolve import resolve


def any_measure(settings: Mapping[str, Json]) -> bool:
    """Whether a trial has any measure switched on."""
    return any(settings.get(name) is True for name in _codes())


def read_measures(module: nn.Module, data: Tensors, settings: Mapping[str, Json]) -> dict[str, float]:
    """All numbers of the measures that are switched on.

    Raises: PluginMissing, and whatever a measure raises.
    """
    module.eval()
    found: dict[str, float] = {}
    for name, code in _codes().items():
        if settings.get(name) is True:
            found |= {key: float(value) for key, value in resolve(code)(module, data, settings).items()}
    return found


@cache
def _codes() -> dict[str, str]:
    """Import strings by the name of the switch; what is installed does not change while a process lives."""
    return {name: part.code for name, part in load_catalogue().measures.items()}
