"""Import strings of manifests, resolved where code is run and nowhere else."""

import importlib
from typing import Any

from trainables.errors import PluginMissing


def resolve(code: str) -> Any:
    """The object that "module:attribute" names.

    Raises: PluginMissing if it cannot be imported here.
    """
    module, _, attribute = code.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise PluginMissing(f"plugin_missing: {code}: {error}") from error
