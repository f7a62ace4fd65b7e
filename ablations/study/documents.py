"""Strict loading of JSON and YAML: what is no plain, finite, unambiguous data is refused by its path."""

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from ablations.errors import Json, NotJson, NotYaml, Problems

MAX_DEPTH = 50
MAX_NODES = 200_000
MAX_DIGITS = 400
TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands where a value was that is no value, until its path is known."""

    detail: str


@dataclass(frozen=True, slots=True)
class _Pairs:
    """An object before its keys are known to be different."""

    items: tuple[tuple[str, Any], ...]


def loads_json(text: bytes | str) -> Json:
    """The data in a JSON text.

    Raises: NotJson if it does not parse; InvalidStudy for NaN, numbers beyond a float, doubled keys, lone
    surrogates, NUL characters and nesting deeper than 50, each with its path.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        loaded = json.loads(
            decoded,
            parse_constant=lambda name: _Refused(f"{name} is no number"),
            parse_float=_finite,
            parse_int=_integer,
            object_pairs_hook=lambda pairs: _Pairs(tuple(pairs)),
        )
    except ValueError as error:
        raise NotJson(f"not JSON: {error}") from None
    except RecursionError:
        problems = Problems()
        problems.add("", f"nested deeper than {MAX_DEPTH}")
        problems.raise_if_any()
    problems = Problems()
    data = _checked(loaded, "", 0, problems)
    problems.raise_if_any()
    return data


def _finite(digits: str) -> float | _Refused:
    value = float(digits)
    return value if math.isfinite(value) else _Refused(f"{digits[:40]} is too large a number")


def _integer(digits: str) -> int | _Refused:
    return int(digits) if len(digits) <= MAX_DIGITS else _Refused("too long a number")


def _checked(value: Any, path: str, depth: int, problems: Problems) -> Json:
    if depth > MAX_DEPTH:
        problems.add(path, f"nested deeper than {MAX_DEPTH}")
        return None
    if isinstance(value, _Refused):
        problems.add(path, value.detail)
        return None
    if isinstance(value, list):
        return [_checked(item, _join(path, i), depth + 1, problems) for i, item in enumerate(value)]
    if isinstance(value, _Pairs):
        return _object(value, path, depth, problems)
    if isinstance(value, str):
        return _string(value, path, problems)
    plain: Json = value
    return plain


def _object(pairs: _Pairs, path: str, depth: int, problems: Problems) -> Json:
    result: dict[str, Json] = {}
    for raw, item in pairs.items:
        key = _string(raw, path, problems)
        if key in result:
            problems.add(_join(path, key), "this key is given twice")
        result[key] = _checked(item, _join(path, key), depth + 1, problems)
    return result


def _string(value: str, path: str, problems: Problems) -> str:
    if "\x00" in value:
        problems.add(path, "text with a NUL character")
        return value.replace("\x00", "?")
    try:
        value.encode()
    except UnicodeEncodeError:
        problems.add(path, "text with a lone surrogate")
        return value.encode("utf-8", "replace").decode()
    return value


def _join(path: str, part: str | int) -> str:
    return f"{path}.{part}" if path else str(part)


def loads_yaml(text: bytes | str) -> Json:
    """The data in a YAML 1.2 text: `1e-3` is a number, `off` a string, keys are strings.

    Raises: NotYaml if it does not parse; InvalidStudy for what `loads_json` refuses, tags and merge keys.
    """
    try:
        decoded = text.decode("utf-8") if isinstance(text, bytes) else text
        loader = YAML(typ="safe", pure=True)
        loader.allow_duplicate_keys = True  # they are found below, with their paths
        node = loader.compose(decoded)
    except RecursionError:
        raise NotYaml(f"nested deeper than {MAX_DEPTH}") from None
    except (YAMLError, ValueError) as error:
        raise NotYaml(f"not YAML: {_what_is_wrong(error)}") from None
    if node is None:
        return None
    problems = Problems()
    data = _checked(_Reader().read(node, 0), "", 0, problems)
    problems.raise_if_any()
    return data


def _what_is_wrong(error: Exception) -> str:
    """Line, column and what is wrong there."""
    if not isinstance(error, MarkedYAMLError) or error.problem_mark is None:
        return str(error)
    mark, began = error.problem_mark, error.context_mark
    words = str(error.problem)
    if r"'\t'" in words:
        words = "a tab; indent with spaces"
    elif "expected ':'" in words and began is not None:
        mark, words = began, "no ':' behind a name; write name: value"
    elif began is not None and began.line != mark.line:
        words = f"{words}; it belongs to what begins in line {began.line + 1}"
    return f"line {mark.line + 1}, column {mark.column + 1}: {words}"


def dumps_yaml(data: Json, width: int) -> str:
    """Data as a person would write it, in lines of about this many characters."""
    writer, text = YAML(), io.StringIO()
    writer.default_flow_style = None
    writer.width = width
    writer.dump(data, text)
    return text.getvalue()


def places(text: str) -> dict[str, tuple[int, int]]:
    """Line and column of every field and item of a YAML or JSON text, by path; of doubled keys the last.

    >>> places("a: 1\\nb: [x,\\n  y]")
    {'a': (1, 1), 'b': (2, 1), 'b.0': (2, 5), 'b.1': (3, 3)}
    """
    try:
        loader = YAML(typ="safe", pure=True)
        loader.allow_duplicate_keys = True
        node = loader.compose(text)
    except (YAMLError, ValueError, RecursionError):
        return {}
    found: dict[str, tuple[int, int]] = {}
    waiting: list[tuple[str, Node]] = [] if node is None else [("", node)]
    while waiting and len(found) < MAX_NODES:
        path, node = waiting.pop()
        if isinstance(node, MappingNode):
            inner = [(_join(path, _key(key)), key, value) for key, value in node.value]
        elif isinstance(node, SequenceNode):
            inner = [(_join(path, i), item, item) for i, item in enumerate(node.value)]
        else:
            continue
        found |= {at: (mark.start_mark.line + 1, mark.start_mark.column + 1) for at, mark, _ in inner}
        waiting += [(at, value) for at, _, value in inner]
    return found


def place_of(path: str, found: Mapping[str, tuple[int, int]]) -> tuple[int, int] | None:
    """Line and column of a field in a text with these places, or of what it should stand in."""
    if "metrics" not in found and path.startswith("metrics.0"):
        path = path.replace("metrics.0", "metric", 1)
    while path and path not in found:
        path = path.rpartition(".")[0]
    return found.get(path)


@dataclass(slots=True)
class _Reader:
    """Turns YAML nodes into the same loose data that the JSON parser gives."""

    num_nodes: int = 0

    def read(self, node: Node, depth: int) -> Any:
        self.num_nodes += 1  # aliases may multiply what is written once
        if self.num_nodes > MAX_NODES or depth > MAX_DEPTH:
            return _Refused(f"nested deeper than {MAX_DEPTH} or longer than {MAX_NODES} values")
        if isinstance(node, SequenceNode) and node.tag == TAG + "seq":
            return [self.read(item, depth + 1) for item in node.value]
        if isinstance(node, MappingNode) and node.tag == TAG + "map":
            return _Pairs(tuple((_key(key), self.read(item, depth + 1)) for key, item in node.value))
        return _scalar(node)


def _key(node: Node) -> str:
    value = _scalar(node)
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, bool | int | float):
        return json.dumps(value)
    return str(node.value)


def _scalar(node: Node) -> Any:
    if not isinstance(node, ScalarNode) or not str(node.tag).startswith(TAG):
        return _Refused(f"{node.tag} is no plain data")
    text, kind = str(node.value), str(node.tag).removeprefix(TAG)
    if kind in ("str", "timestamp"):
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return _yaml_integer(text)
    if kind == "float":
        return _yaml_float(text)
    return _Refused(f"!!{kind} is no plain data")


def _yaml_integer(text: str) -> int | _Refused:
    digits = text.replace("_", "")
    return int(digits, 0) if digits.lstrip("+-").startswith(("0x", "0o", "0b")) else _integer(digits)


def _yaml_float(text: str) -> float | _Refused:
    digits = text.replace("_", "").lower()
    if digits.lstrip("+-") in (".nan", ".inf"):
        return _Refused(f"{text} is no number")
    return _finite(digits)
