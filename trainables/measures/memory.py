"""The most memory a training holds."""

import resource
from pathlib import Path

import torch

MIB = 2**20
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
RESET_PEAK = "5"  # what Linux takes for: forget the largest resident size so far


class PeakMemory:
    """Watches from its making on; for a process that trains one trial at a time.

    On a GPU it is what tensors took of it. On a CPU it is the resident size of the whole process, with
    libraries and datasets, so differences between arms mean more than the number itself.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        if device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(device)
        else:
            try:
                CLEAR.write_text(RESET_PEAK)
            except OSError:
                pass  # not Linux, or not allowed: the peak is then that of the process since its start

    def mib(self) -> float:
        """The most so far, in MiB."""
        if self._device.startswith("cuda"):
            return torch.cuda.max_memory_allocated(self._device) / MIB
        try:
            lines = STATUS.read_text().splitlines()
        except OSError:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        kib = next(line for line in lines if line.startswith("VmHWM")).split()[1]
        return int(kib) / 1024
