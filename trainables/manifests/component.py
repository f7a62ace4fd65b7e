"""What a plugin declares about one part: an activation, a model, a dataset or a measure. No torch here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ablations.errors import Json
from ablations.manifest import Metric, Setting

Kind = Literal["activation", "model", "dataset", "measure", "corpus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One named part that packaged trainables can use.

    `code` is an import string "module:attribute", resolved on workers only:
    an activation is a function from a tensor to a tensor of its shape, without parameters;
    a dataset is a function without arguments to a mapping with x_train, y_train, x_test, y_test;
    a model is a function of (in_shape, num_classes, activate, settings) to a torch module;
    a measure is a function of (module, data, settings) to a mapping from metric names to numbers; `text_code`
    is the same for language models, which lack the measure where it is "".
    `settings` and `metrics` are added to the trainables that use such parts. A measure is read at the end
    or, with `each_epoch`, before training and after every epoch, and then stands on the curve.
    `file` is the user's own that holds a dataset.
    """

    kind: Kind
    name: str
    code: str = ""
    text_code: str = ""
    each_epoch: bool = False
    file: Path | None = None
    summary: str = ""
    settings: tuple[Setting, ...] = ()
    metrics: tuple[Metric, ...] = ()

    def to_json(self) -> dict[str, Json]:
        """The component as the catalogue shows it."""
        return {
            "kind": self.kind,
            "name": self.name,
            "summary": self.summary,
            "settings": {setting.name: setting.json_schema() for setting in self.settings},
            "metrics": [metric.to_json() for metric in self.metrics],
        }
