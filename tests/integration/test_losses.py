"""What the loss of nodes, a kill for memory, a dying process and a hang cost on real Ray, and whom."""

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ablations.results.failures import classify
from tests.integration.nodes import Nodes, Run, nodes
from tests.integration.test_slots import trials

pytestmark = [pytest.mark.integration, pytest.mark.slow]
MIB = 2**20
MEMORY = Path("/sys/fs/cgroup/memory")


@pytest.fixture(scope="module")
def two_cpus() -> Iterator[Nodes]:
    with nodes([{"CPU": 2}]) as running:
        yield running


@pytest.fixture
def small_memory() -> Iterator[Path]:
    """A memory cgroup of 400 MiB, in which the kernel kills what takes more."""
    group = MEMORY / f"ablate-test-{secrets.token_hex(4)}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"needs root and the memory controller of cgroup v1: {error}")
    (group / "memory.limit_in_bytes").write_text(str(400 * MIB))
    yield group
    group.rmdir()


def until(true: Callable[[], bool], run: Run, timeout_s: float = 240.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline and run.process.poll() is None, run.log.read_text()[-4000:]
        time.sleep(0.05)


def test_a_node_that_vanishes_while_its_workers_start_costs_nothing() -> None:
    with nodes([{"CPU": 1}, {"CPU": 6, "GPU": 6}, {"CPU": 1, "GPU": 1}]) as running:
        run = running.drive("start", trials(12, sleep_s=0.1), gpus=1, waits=True)
        # More workers than may fail to start in a row.
        until(lambda: len(list(running.folder.glob("starting-*"))) == 7, run)
        running.remove(0)
        until(lambda: run.log.read_text().count(" died (") == 6, run)
        (running.folder / "go").touch()
        known = run.wait(240.0)
        assert set(known["states"].values()) == {"done"} and len(known["metrics"]) == 12
        assert "node_lost" in run.log.read_text()


def test_a_trial_whose_nodes_vanish_again_and_again_is_run_all_the_same() -> None:
    with nodes([{"CPU": 1}, {"CPU": 1, "GPU": 1}]) as running:
        run = running.drive("again", {"t": {"sleep_s": 5.0}}, gpus=1)
        for number in range(4):
            until(lambda num=number: len(list(running.folder.glob("begun-t-*"))) > num, run)
            running.remove(number)
            running.add({"CPU": 1, "GPU": 1})
        known = run.wait(180.0)
    assert known["states"] == {"t": "done"}


def test_a_trial_that_ends_its_process_fails_alone_and_says_so(two_cpus: Nodes) -> None:
    work = {**trials(6, sleep_s=0.05), "bad": {"dies": True}}
    known = two_cpus.drive("dies", work, pack=4).wait(180.0)
    assert known["states"].pop("bad") == "failed"
    assert set(known["states"].values()) == {"done"}
    failure = classify("failed", known["reasons"]["bad"])
    assert failure is not None and failure.name == "process_died", known["reasons"]["bad"]


def test_a_trial_that_hangs_is_ended_alone_and_says_so(two_cpus: Nodes) -> None:
    work = {**trials(5, sleep_s=0.05), "bad": {"hangs": True}}
    budgets = {"stall_s": 3.0, "max_hangs": 1}
    known = two_cpus.drive("hangs", work, pack=3, budgets=budgets).wait(180.0)
    assert known["states"].pop("bad") == "failed"
    assert set(known["states"].values()) == {"done"}
    failure = classify("failed", known["reasons"]["bad"])
    assert failure is not None and failure.name == "hung", known["reasons"]["bad"]


def test_a_trial_that_the_kernel_kills_for_memory_says_so(two_cpus: Nodes, small_memory: Path) -> None:
    """The kernel's own killer, in a control group whose memory the trial uses up."""
    work = {
        **trials(4, sleep_s=0.05),
        "bad": {"cgroup": str(small_memory), "takes_bytes": 800 * MIB},
    }
    known = two_cpus.drive("memory", work, pack=3, budgets={"max_memory_deaths": 1}).wait(180.0)
    assert known["states"].pop("bad") == "failed"
    assert set(known["states"].values()) == {"done"}
    failure = classify("failed", known["reasons"]["bad"])
    assert failure is not None and failure.name == "out_of_memory", known["reasons"]["bad"]
