"""How many trials to train together on this device: measured for a few steps, not guessed."""

import math
import os
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

SIZES = (1, 2, 4, 8, 16)
NUM_STEPS = 2
# Measured with one more step to warm up, at three sizes at most.
STEPS_MEASURED = 3 * (NUM_STEPS + 1)
# The part of their own training that trials may spend on measuring.
SHARE = 0.025
# A pack this much faster than one by one is taken without looking at sizes in between.
CLEAR = 1.15
# What a step allocates beside the buffers that stay.
PASSING = 1.5
# Beyond the sizes that were measured, by how much the largest may be raised when it was the fastest.
STRETCH = 4


def num_measured(num: int, steps: float) -> int:
    """With how many of `num` trials to measure, each `steps` long, to spend no more than a fair share on it.

    >>> num_measured(16, 560), num_measured(16, 28), num_measured(2, 28)
    (16, 1, 0)
    """
    return min(num, math.floor(SHARE * num * steps / STEPS_MEASURED))


def fastest_size(num: int, seconds: Callable[[int], float]) -> int:
    """The size at which `num` trials take the least time; `seconds` trains a few steps of all in packs of it.

    Every size trains all of them, in as many packs as it takes, so that none is judged by easier members.
    """
    taken = {size: seconds(size) for size in dict.fromkeys((num, 1))}
    if num > 2 and taken[1] < CLEAR * taken[num]:
        middle = 2 if num <= 4 else 4
        taken[middle] = seconds(middle)
    return min(taken, key=lambda size: taken[size])


def stretched(size: int, *, measured: int, largest: int) -> int:
    """The size to train at: where the largest that was measured was the fastest, a larger one still.

    >>> stretched(4, measured=4, largest=16), stretched(4, measured=16, largest=16)
    (16, 4)
    """
    return min(STRETCH * size, largest) if 1 < size == measured else min(size, largest)


def largest_size(member_bytes: int, budget_bytes: int) -> int:
    """The largest size whose members, of so many bytes each, fit into a budget."""
    return max((size for size in SIZES if PASSING * size * member_bytes <= budget_bytes), default=1)


def memory_budget(device: str, threads: int) -> int:
    """Bytes that a worker may fill: half of what its threads' share of the machine, or its GPU, has free."""
    if device.startswith("cuda"):
        return torch.cuda.mem_get_info(device)[0] // 2
    share = min(1.0, threads / (os.cpu_count() or 1))
    return int(share * _available_bytes() / 2)


def _available_bytes() -> int:
    """Memory that can be had without swapping."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def tensor_bytes(*roots: object) -> int:
    """Bytes of all memory behind the tensors that these objects of ours hold, each counted once."""
    storages: dict[int, int] = {}
    seen: set[int] = set()
    queue = list(roots)
    while queue:
        item = queue.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Tensor):
            storage = item.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
        elif isinstance(item, dict):
            queue += item.values()
        elif isinstance(item, list | tuple):
            queue += item
        elif type(item).__module__.startswith("trainables."):
            names = getattr(type(item), "__slots__", None) or vars(item)
            queue += [getattr(item, name) for name in names]
    return sum(storages.values())
