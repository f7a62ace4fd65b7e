"""The hash of a dataset by name, whatever kind of data it is; fetches it if need be."""

from pathlib import Path

from trainables.catalogue import load_catalogue
from trainables.data.text import read_texts
from trainables.data.vision import prepare


def data_fingerprint(name: str, datasets_dir: Path) -> str:
    """What goes into a trial's identity for its data.

    Raises: DataUnavailable, PluginMissing.
    """
    catalogue = load_catalogue(datasets_dir)
    if name in catalogue.corpora and name not in catalogue.datasets:
        return read_texts(name, datasets_dir).fingerprint
    return prepare(name, datasets_dir).fingerprint
