"""Reads the measures that a trial's settings switch on."""

from collections.abc import Mapping
from functools import cache

from torch import nn

from ablations.errors import Json
from trainables.data.tensors import Tensors
from trainables.manifests.component import Component
from trainables.measures.passages import Passages
from trainables.resolve import resolve


class Measures:
    """The measures there are, by the name of the setting that switches each on."""

    def __init__(self, components: Mapping[str, Component]) -> None:
        self._components = components
        self._codes = cache(self._find_codes)

    def wanted(
        self,
        settings: Mapping[str, Json],
        *,
        each_epoch: bool = False,
        tests: bool = True,
        text: bool = False,
    ) -> bool:
        """Whether a trial has a measure switched on that is read at the end, or else after each epoch.

        Without `tests` those that look at the test split do not count; with `text` only those of text do.
        """
        return any(settings.get(name) is True for name in self._codes(each_epoch, tests, text))

    def read(
        self,
        module: nn.Module,
        data: Tensors | Passages,
        settings: Mapping[str, Json],
        *,
        each_epoch: bool = False,
        tests: bool = True,
    ) -> dict[str, float]:
        """All numbers of those measures.

        Raises: PluginMissing, and whatever a measure raises.
        """
        module.eval()
        found: dict[str, float] = {}
        for name, code in self._codes(each_epoch, tests, isinstance(data, Passages)).items():
            if settings.get(name) is True:
                found |= {key: float(value) for key, value in resolve(code)(module, data, settings).items()}
        return found

    def _find_codes(self, each_epoch: bool, tests: bool, text: bool) -> dict[str, str]:
        """Import strings by the name of the switch."""
        return {
            name: code
            for name, part in self._components.items()
            if (code := part.text_code if text else part.code)
            and part.each_epoch == each_epoch
            and (tests or not any(m.reads_test for m in part.metrics))
        }
