"""Digests of source code: a changed line changes the identity of the trials that depend on it."""

import hashlib
import importlib.util
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path

from trainables.errors import PluginMissing

SUFFIXES = frozenset({".py", ".pyi", ".so", ".c", ".cc", ".cpp", ".cu", ".cuh", ".h", ".pyx"})


def code_digest(code: str) -> str:
    """The sha256 of the import package that "module:attribute" lives in; nothing is imported.

    Raises: PluginMissing if there is no such package here.
    """
    spec = _found(code)
    if spec.submodule_search_locations:
        return _digest_of(tuple(sorted(spec.submodule_search_locations)))
    return _digest_of_file(spec.origin or "")


def code_home(code: str) -> Path:
    """The folder, or the file, of the import package that "module:attribute" lives in.

    Raises: PluginMissing.
    """
    spec = _found(code)
    folders = sorted(spec.submodule_search_locations or ())
    return Path(folders[0] if folders else spec.origin or "")


def forget_digests() -> None:
    """Read source anew when it is next asked for: a process that lives long sees it change."""
    _digest_of.cache_clear()
    _digest_of_file.cache_clear()


def _found(code: str) -> ModuleSpec:
    top = code.partition(":")[0].partition(".")[0]
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        spec = None
    # One that was imported is still known when it has been removed.
    places = [] if spec is None else [*(spec.submodule_search_locations or ())] or [spec.origin or ""]
    if spec is None or not any(Path(place).exists() for place in places):
        raise PluginMissing(f"plugin_missing: no package {top} here, for {code}")
    return spec


@cache
def _digest_of(folders: tuple[str, ...]) -> str:
    total = hashlib.sha256()
    for folder in folders:
        for path in sorted(Path(folder).rglob("*")):
            if path.suffix in SUFFIXES and path.is_file():
                total.update(path.relative_to(folder).as_posix().encode() + b"\0")
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


@cache
def _digest_of_file(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
