"""Typed values out of resolved settings, where code is about to train with them.

A setting that does not apply is left out of resolved settings: `absent` is what its code then goes by.
"""

from collections.abc import Mapping

from ablations.errors import Json

Settings = Mapping[str, Json]


def whole(settings: Settings, name: str, absent: int | None = None) -> int:
    """A whole number. Raises: TypeError if it is none, KeyError if it is missing and must not be."""
    value = _value(settings, name, absent)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is {value!r}, no whole number")
    return value


def number(settings: Settings, name: str, absent: float | None = None) -> float:
    """A number. Raises: TypeError if it is none, KeyError if it is missing and must not be."""
    value = _value(settings, name, absent)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is {value!r}, no number")
    return float(value)


def text(settings: Settings, name: str, absent: str | None = None) -> str:
    """A name. Raises: TypeError if it is none, KeyError if it is missing and must not be."""
    value = _value(settings, name, absent)
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, no name")
    return value


def flag(settings: Settings, name: str, absent: bool | None = None) -> bool:
    """True or false. Raises: TypeError if it is neither, KeyError if it is missing and must not be."""
    value = _value(settings, name, absent)
    if not isinstance(value, bool):
        raise TypeError(f"{name} is {value!r}, neither true nor false")
    return value


def _value(settings: Settings, name: str, absent: Json) -> Json:
    return settings[name] if absent is None else settings.get(name, absent)
