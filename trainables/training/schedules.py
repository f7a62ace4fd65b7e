"""Learning-rate schedules as factors on the peak rate, by step."""

import math
from collections.abc import Callable
from typing import Literal

Schedule = Literal["constant", "cosine", "one_cycle"]
Factor = Callable[[int], float]

# One-cycle: the share of steps that climb, the start and the end relative to the peak.
CLIMB, START, END = 0.3, 1 / 25, 1 / 25_000


def factor(schedule: Schedule, *, num_steps: int, warmup: int = 0) -> Factor:
    """The factor of step 0, 1, ...: `warmup` steps climb linearly, the rest follow the schedule.

    Source: cosine after Loshchilov and Hutter, arXiv 1608.03983, without restarts, down to 0; one-cycle
    after Smith and Topin, arXiv 1708.07120, with cosine slopes. One-cycle has a climb of its own.

    >>> f = factor("cosine", num_steps=10, warmup=2)
    >>> [round(f(step), 3) for step in (0, 1, 2, 6, 9)]
    [0.5, 1.0, 1.0, 0.5, 0.038]
    """
    if schedule == "one_cycle":
        return lambda step: _one_cycle(step / max(1, num_steps - 1))

    def share_at(step: int) -> float:
        if step < warmup:
            return (step + 1) / warmup
        if schedule == "constant":
            return 1.0
        return _half_cosine((step - warmup) / max(1, num_steps - warmup), 1.0, 0.0)

    return share_at


def _one_cycle(share: float) -> float:
    if share < CLIMB:
        return _half_cosine(share / CLIMB, START, 1.0)
    return _half_cosine((share - CLIMB) / (1 - CLIMB), 1.0, END)


def _half_cosine(share: float, start: float, end: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(1.0, share))) / 2
