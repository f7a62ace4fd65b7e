"""Shares of a cluster: all of it alone, an even part among greedy studies, the rest of modest ones."""

import pytest

from service.driver.sharing import SlotPlacement, share

CPU = {"CPU": 1.0}


def groups(job: str, num: int, *, waiting: bool = False, **amounts: float) -> list[SlotPlacement]:
    return [SlotPlacement(job=job, amounts=amounts or CPU, waiting=waiting)] * num


@pytest.mark.parametrize(
    ("capacity", "others", "limit", "even", "contended"),
    [
        (8, [], 8, 8, False),
        (8, groups("b", 1), 7, 4, False),
        (8, groups("b", 8, waiting=True), 4, 4, True),
        (8, groups("b", 4) + groups("c", 4), 3, 2, False),
        (2, groups("b", 1, waiting=True), 1, 1, True),
        (3, groups("b", 2, waiting=True), 2, 1, True),
        (1, groups("b", 1) + groups("c", 1, waiting=True), 1, 0, True),
    ],
)
def test_shares(capacity: int, others: list[SlotPlacement], limit: int, even: int, contended: bool) -> None:
    mine = share(capacity=capacity, slot=CPU, total={"CPU": float(capacity)}, others=others)
    assert (mine.limit, mine.even, mine.contended) == (limit, even, contended)


def test_what_others_use_besides_our_resources_does_not_matter() -> None:
    others = groups("b", 6, waiting=True, GPU=1.0)
    mine = share(capacity=8, slot=CPU, total={"CPU": 8.0, "GPU": 8.0}, others=others)
    assert (mine.limit, mine.contended) == (8, False)


def test_a_modest_use_of_cpus_leaves_gpus_to_us() -> None:
    slot, total = {"CPU": 1.0, "GPU": 1.0}, {"CPU": 64.0, "GPU": 4.0}
    assert share(capacity=4, slot=slot, total=total, others=groups("b", 8)).limit == 4


def test_shapes_of_different_sizes_are_compared_by_amount() -> None:
    assert share(capacity=16, slot=CPU, total={"CPU": 16.0}, others=groups("b", 1, CPU=4.0)).limit == 12
