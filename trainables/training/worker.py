"""What all trials of one worker share: its data, on the device once, and the count of its steps."""

from pathlib import Path

from trainables.data.tensors import Tensors, to_device
from trainables.data.vision import load
from trainables.training.checkpoint import Checkpoints
from trainables.training.tally import StepTally


class Shelf:
    """Keeps the dataset that was asked for last."""

    def __init__(self, device: str, datasets_dir: Path, checkpoints: Checkpoints | None = None) -> None:
        self.device, self.datasets_dir, self.checkpoints = device, datasets_dir, checkpoints
        self.tally = StepTally()
        self._tensors: Tensors | None = None

    def tensors(self, name: str) -> Tensors:
        """A dataset, standardised on the device. Nobody may change it.

        Raises: DataUnavailable.
        """
        if self._tensors is None or self._tensors.source.name != name:
            self._tensors = to_device(load(name, self.datasets_dir), self.device)
        return self._tensors
