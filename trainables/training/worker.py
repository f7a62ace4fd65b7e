"""What all trials of one worker share: what can be named, its data on the device once, its count of steps."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from torch import Tensor

from trainables.activations.bases import BASES, Base
from trainables.activations.plugins import find_base
from trainables.catalogue import Catalogue
from trainables.data.splits import Dataset
from trainables.data.tensors import Tensors, to_device
from trainables.data.vision import load
from trainables.training.border import Border
from trainables.training.checkpoint import Checkpoints
from trainables.training.measuring import Measures
from trainables.training.tally import StepTally


@dataclass(kw_only=True)
class Worker:
    """Holds the parts that trials ask for and hands them down; keeps the dataset that was asked for last."""

    catalogue: Catalogue
    device: str
    datasets_dir: Path
    checkpoints: Checkpoints | None = None
    border: Border = field(default_factory=Border)
    tally: StepTally = field(default_factory=StepTally)
    _tensors: Tensors | None = None
    _marks: list[object] = field(default_factory=list)

    def tensors(self, name: str) -> Tensors:
        """A dataset, standardised on the device. Nobody may change it.

        Raises: DataUnavailable.
        """
        if self._tensors is None or self._tensors.source.name != name:
            self._tensors = to_device(self.load(name), self.device)
            self._marks = _marks(self._tensors)
        return self._tensors

    def mend_data(self) -> bool:
        """Have the shared data as they were if somebody changed them in place; whether somebody did."""
        if self._tensors is None or _marks(self._tensors) == self._marks:
            return False
        fresh = to_device(self._tensors.source, self.device)
        for tensor, good in zip(_parts(self._tensors), _parts(fresh), strict=True):
            tensor.requires_grad_(False)
            tensor.data = good
        self._marks = _marks(self._tensors)
        return True

    def load(self, name: str) -> Dataset:
        """A dataset with its splits.

        Raises: DataUnavailable, PluginMissing.
        """
        return load(name, self.datasets_dir, code=self.catalogue.code("dataset", name))

    def base(self, name: str) -> Base:
        """A base function, ours or a plugin's.

        Raises: PluginMissing if neither is here.
        """
        return BASES[name] if name in BASES else find_base(name, self.catalogue.code("activation", name))

    @cached_property
    def measures(self) -> Measures:
        """The measures that trials can switch on."""
        return Measures(self.catalogue.measures)


def _parts(data: Tensors) -> list[Tensor]:
    splits = (data.train, data.val, data.test)
    return [*(split.x for split in splits), *(split.y for split in splits), data.one_hot]


def _marks(data: Tensors) -> list[object]:
    """What differs after a change in place, as far as torch counts them."""
    return [(part._version, part.data_ptr(), part.requires_grad, part.shape) for part in _parts(data)]
