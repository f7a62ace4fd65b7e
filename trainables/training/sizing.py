"""How many trials to train together on this device: measured for a few steps, not guessed."""

import time
from collections.abc import Callable, Sequence

from trainables.training.layout import Layout
from trainables.training.member import Member
from trainables.training.pack import Pack

SIZES = (1, 2, 4, 8, 16)
NUM_STEPS = 3
BUDGET_S = 3.0
MEMORY_BYTES = 2**30


def largest_size(layout: Layout, *, depth: int, rows: int) -> int:
    """The largest size worth trying, by the memory that members of this depth need."""
    # Weights, gradients and two moments; before, after and inside every activation.
    floats = 4 * layout.length(depth) + 3 * depth * rows * layout.width + rows * layout.inputs
    fitting = [size for size in SIZES if size * 4 * floats <= MEMORY_BYTES]
    return max(fitting, default=1)


def fastest_size(
    num: int, seconds: Callable[[int], float], *, clock: Callable[[], float] = time.perf_counter
) -> int:
    """The size at which `num` trials take the least time; `seconds` trains a few steps of all in packs of it.

    Every size trains all of them, in as many packs as it takes, so that none is judged by easier members.
    """
    started = clock()
    taken: dict[int, float] = {}
    for size in sorted({min(size, num) for size in SIZES}):
        taken[size] = seconds(size)
        if clock() - started > BUDGET_S:
            break
    return min(taken, key=lambda size: taken[size])


def time_packs(make_pack: Callable[[], Pack], members: Sequence[Member], size: int) -> float:
    """Seconds for a few steps of these new members, which are of no use afterwards."""
    total = 0.0
    for start in range(0, len(members), size):
        pack = make_pack()
        pack.place(members[start : start + size])
        total += pack.time_steps(NUM_STEPS)
    return total
