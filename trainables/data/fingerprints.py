"""The hash of a dataset by name, whatever kind of data it is; fetches it if need be."""

from pathlib import Path

from trainables.data.text import read_texts
from trainables.data.vision import prepare


def data_fingerprint(name: str, datasets_dir: Path, *, corpus: bool, code: str) -> str:
    """What goes into a trial's identity for its data; `code` is the import string of a plugin's dataset.

    Raises: DataUnavailable, PluginMissing.
    """
    if corpus:
        return read_texts(name, datasets_dir).fingerprint
    return prepare(name, datasets_dir, code=code).fingerprint
