"""Slots over several nodes of different sizes, with logical GPUs, and the crash of one of them."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.integration.nodes import Nodes, Run, nodes
from tests.integration.test_slots import trials, wait_for

SAID_S = 5.0
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


def until(run: Run, ready: Callable[[Mapping[str, Any]], bool], within_s: float) -> float:
    """How long it takes until this is known."""
    began = time.monotonic()
    while not ready(run.known()):
        assert time.monotonic() < began + within_s and run.process.poll() is None, run.log.read_text()[-4000:]
        time.sleep(0.05)
    return time.monotonic() - began


def test_what_no_node_has_is_said_and_runs_when_a_node_has_it() -> None:
    with nodes([{"CPU": 2}]) as running:
        run = running.drive("needy", trials(4, sleep_s=0.05), gpus=1)
        until(run, lambda known: "waits_for" in known, 120.0)  # the driver is there
        within_s = until(run, lambda known: known["waits_for"] is not None, SAID_S)
        assert run.known()["waits_for"] == "1 GPU: no node of the cluster has one", within_s
        running.add({"CPU": 1, "GPU": 1})
        known = run.wait()
    assert set(known["states"].values()) == {"done"} and known["waits_for"] is None


def test_that_others_have_it_is_said() -> None:
    with nodes([{"CPU": 2}]) as running:
        first = running.drive("first", trials(6, sleep_s=4.0), cpus=2)
        until(first, lambda known: known.get("num_leases", 0) > 0, 120.0)
        second = running.drive("second", trials(2, sleep_s=0.05), cpus=2, quantum_s=1.0)
        until(second, lambda known: known.get("waits_for") is not None, 120.0)
        assert second.known()["waits_for"] == "2 CPUs: 1 other study has 2 of 2 CPUs"
        assert first.wait()["waits_for"] is None
        assert set(second.wait()["states"].values()) == {"done"}
