"""Slots over several nodes of different sizes, with logical GPUs, and the crash of one of them."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.integration.nodes import Nodes, nodes
from tests.integration.test_slots import trials, wait_for

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def uneven() -> Iterator[Nodes]:
    """Four places for a trial with a GPU, and the last node cannot use one of its GPUs for want of a CPU."""
    with nodes([{"CPU": 1}, {"CPU": 2, "GPU": 1}, {"CPU": 1, "GPU": 2}, {"CPU": 4, "GPU": 2}]) as running:
        yield running


def most_at_once(metrics: Mapping[str, Mapping[str, Any]]) -> int:
    """How many trials ran at the same time at most."""
    moments = [(m["began"], 1) for m in metrics.values()] + [(m["ended"], -1) for m in metrics.values()]
    running = most = 0
    for _, change in sorted(moments):
        running += change
        most = max(most, running)
    return most


def test_whole_gpus_on_nodes_of_different_sizes(uneven: Nodes) -> None:
    known = uneven.drive("gpus", trials(40, sleep_s=0.4), gpus=1).wait()
    assert set(known["states"].values()) == {"done"}
    assert most_at_once(known["metrics"]) == 4


def test_fractions_of_a_gpu_share_it(uneven: Nodes) -> None:
    known = uneven.drive("fractions", trials(48, sleep_s=0.4), gpus=0.5).wait()
    assert set(known["states"].values()) == {"done"}
    # Two on the first GPU, one for the single CPU beside two GPUs, four on the last node's.
    assert most_at_once(known["metrics"]) == 7


def test_a_crashed_node_loses_no_trial(uneven: Nodes) -> None:
    run = uneven.drive("crash", trials(60, sleep_s=0.4), gpus=1)
    wait_for(run, 8)
    uneven.remove(2)
    known = run.wait(180.0)
    assert set(known["states"].values()) == {"done"} and len(known["metrics"]) == 60
