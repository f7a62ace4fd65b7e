"""How many slots a study may ask for while other studies use the same cluster."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Amounts = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotPlacement:
    """One placement group: a running or waiting slot of some job."""

    job: str
    amounts: Amounts
    waiting: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What a study may take: `limit` slots at most, `even` of them whatever others want.

    `contended` says that somebody else waits for what a slot of this study uses.
    """

    limit: int
    even: int
    contended: bool


def share(*, capacity: int, slot: Amounts, total: Amounts, others: Iterable[SlotPlacement]) -> Share:
    """An even part of the cluster, or more: all that other studies do not ask for.

    `capacity` is how many of our slots the empty cluster takes, `total` all its resources.

    >>> share(capacity=8, slot={"CPU": 1}, total={"CPU": 8}, others=[]).limit
    8
    >>> one = Group(job="b", amounts={"CPU": 1}, waiting=True)
    >>> share(capacity=8, slot={"CPU": 1}, total={"CPU": 8}, others=[one]).limit
    7
    >>> share(capacity=8, slot={"CPU": 1}, total={"CPU": 8}, others=[one] * 8).limit
    4
    """
    rivals = [group for group in others if any(group.amounts.get(name, 0.0) for name in slot)]
    num_jobs = 1 + len({group.job for group in rivals})
    taken = {name: sum(group.amounts.get(name, 0.0) for group in rivals) for name in slot}
    left = min(
        (int((total.get(name, 0.0) - taken[name]) // amount) for name, amount in slot.items()),
        default=capacity,
    )
    return Share(
        limit=max(1, math.ceil(capacity / num_jobs), min(left, capacity)),
        even=capacity // num_jobs,
        contended=any(group.waiting for group in rivals),
    )
