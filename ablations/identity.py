"""What makes two arms, or two trials, the same: canonical text and its digest."""

import hashlib
import json
from collections.abc import Mapping

from ablations.errors import Json
from ablations.manifest import Scalar

EXACT_INTEGERS = 2**53
_AS_IT_IS = frozenset({str, int, bool, type(None)})
# Made once: a large plan writes a hundred thousand of these.
_write = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def canonical(value: Json) -> str:
    """One text for one value, whatever the order of its keys and whether 1 was written as 1.0.

    Raises: ValueError for NaN and infinities.

    >>> canonical({"b": 1.0, "a": [0.5, True, None]})
    '{"a":[0.5,true,null],"b":1}'
    """
    return _write(_plain(value))


def digest(value: Json) -> str:
    """The sha256 of the canonical text, in hex."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()


def arm_id(levels: Mapping[str, Scalar]) -> str:
    """The id of an arm: the same for the same levels in every process and Python version."""
    return digest(dict(levels))[:12]


def fingerprint(
    *,
    settings: Mapping[str, Json],
    seed: int,
    code: Mapping[str, str],
    torch: str,
    numerics: str,
    threads: int,
    hardware: str,
    data: str | None,
) -> str:
    """What a trial's result depends on, as one digest: equal fingerprints may share a result.

    `settings` are the resolved ones, tuned values included; `code` maps the trainable and the plugins
    this arm names to the digests of their code; `data` is the fingerprint of the dataset.
    """
    return digest(
        {
            "settings": dict(settings),
            "seed": seed,
            "code": dict(code),
            "torch": torch,
            "numerics": numerics,
            "threads": threads,
            "hardware": hardware,
            "data": data,
        }
    )


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        return {str(key): item if type(item) in _AS_IT_IS else _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_INTEGERS:
        return int(value)
    return value
