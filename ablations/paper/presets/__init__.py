"""Studies that come with the package: one YAML file each, with what every scale of it lays over the rest.

A file has `title` and `study`, which all scales share, and `scales` by name, each with `about` and, in
`study`, what it changes: mappings are merged, everything else replaces. At one scale a preset is a whole
study, whose tags say where it comes from.
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ablations.errors import Json
from ablations.study.documents import dumps_yaml, loads_yaml

SCALES = ("smoke", "laptop", "paper")
WIDTH = 100
REPLACED = ("model",)
"""Factors with bundles for levels: a scale that names one names all of its levels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A study of the paper's claims at one scale."""

    name: str
    scale: str
    title: str
    about: str
    study: Mapping[str, Json]

    @property
    def yaml(self) -> str:
        """The study as a user would write it, with what it asks on top."""
        comment = textwrap.fill(f"{self.title} {self.about}", WIDTH - 2)
        return textwrap.indent(comment, "# ") + "\n" + dumps_yaml(dict(self.study), WIDTH)


def names() -> list[str]:
    """The presets there are."""
    files = resources.files(__name__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def scales(name: str) -> list[str]:
    """The scales of a preset, the smallest first.

    Raises: KeyError for a name that is not among `names()`.
    """
    return [scale for scale in SCALES if scale in _mapping(_read(name)["scales"])]


def preset(name: str, scale: str = SCALES[0]) -> Preset:
    """A preset at a scale.

    Raises: KeyError for a name that is not among `names()` or a scale that is not among its scales.
    """
    document = _read(name)
    chosen = _mapping(_mapping(document["scales"])[scale])
    merged = _laid_over(_mapping(document["study"]), _mapping(chosen.get("study", {})))
    tags = {**_mapping(merged.get("tags", {})), "preset": name, "scale": scale}
    return Preset(
        name=name,
        scale=scale,
        title=str(document["title"]),
        about=str(chosen["about"]),
        study={"name": f"{name}-{scale}", **merged, "tags": tags},
    )


def text(name: str, scale: str = SCALES[0]) -> str:
    """A preset's YAML at a scale.

    Raises: KeyError as `preset`.
    """
    return preset(name, scale).yaml


@cache
def _read(name: str) -> Mapping[str, Json]:
    if name not in names():
        raise KeyError(name)
    return _mapping(loads_yaml((resources.files(__name__) / f"{name}.yaml").read_text(encoding="utf-8")))


def _laid_over(below: Mapping[str, Json], above: Mapping[str, Json]) -> dict[str, Json]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(value, dict) and isinstance(under, dict) and key not in REPLACED
        merged[key] = _laid_over(_mapping(under), _mapping(value)) if both else value
    return merged


def _mapping(value: Json) -> Mapping[str, Json]:
    if not isinstance(value, dict):
        raise TypeError(f"{value!r} is no mapping")
    return value
