"""What makes trainings comparable before they are run: the same data, and networks of one kind and size."""

from collections.abc import Mapping

from ablations.errors import Json
from ablations.identity import canonical
from ablations.manifest import Manifest

DATA, MODEL = "dataset", "model"


def data_of(settings: Mapping[str, Json]) -> str:
    """The data that is trained on, as a text that is equal where it is the same."""
    return canonical(settings.get(DATA))


def build_of(settings: Mapping[str, Json], manifest: Manifest) -> str:
    """The model and every whole number (depth, width, batch size) but the length of the training.

    Whole numbers are sizes and counts, and decide what a step costs; what fractions and switches add to it
    is passed over.
    """
    sizes = {setting.name for setting in manifest.settings if setting.kind == "int"} | {MODEL}
    return canonical({name: settings[name] for name in sizes - {manifest.steps_setting} if name in settings})
