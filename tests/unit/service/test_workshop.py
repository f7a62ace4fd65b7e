"""Work in processes of its own: late, greedy, dying and failing pieces harm only themselves."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.workshop import WorkDied, WorkOverdue, Workshop, WorkshopFull


def double(number: int) -> int:
    return 2 * number


def whoami() -> int:
    return os.getpid()


def spin() -> None:
    while True:
        pass


def grow() -> int:
    return len(bytearray(3 << 30))


def vanish() -> None:
    os._exit(3)


def complain(word: str) -> None:
    raise ValueError(word)


@pytest.fixture
def workshop() -> Iterator[Workshop]:
    made = Workshop(2, spare=1, memory_bytes=1 << 30)
    yield made
    made.close()


def test_work_is_done_elsewhere_and_its_process_kept(workshop: Workshop) -> None:
    assert workshop.do(60, True, double, 21) == 42
    first = workshop.do(60, True, whoami)
    assert first != os.getpid() and workshop.do(60, False, whoami) == first


def test_what_harms_ends_alone(workshop: Workshop) -> None:
    first = workshop.do(60, True, whoami)
    with pytest.raises(WorkOverdue, match="within 1 s"):
        workshop.do(1, True, spin)
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)
    with pytest.raises(WorkDied, match="code 3"):
        workshop.do(60, True, vanish)
    with pytest.raises(MemoryError):
        workshop.do(60, True, grow)
    with pytest.raises(ValueError, match="loud"):
        workshop.do(60, True, complain, "loud")
    assert workshop.do(60, True, double, 1) == 2


def test_urgent_work_does_not_wait_for_other_work(workshop: Workshop) -> None:
    workshop.do(60, True, whoami)
    others = [threading.Thread(target=_spin_in, args=(workshop,)) for _ in range(2)]
    for other in others:
        other.start()
    time.sleep(0.5)
    began = time.monotonic()
    assert workshop.do(60, True, double, 2) == 4
    assert time.monotonic() - began < 8
    for other in others:
        other.join()


def _spin_in(workshop: Workshop, by_s: float = 8) -> None:
    with pytest.raises(WorkOverdue):
        workshop.do(by_s, False, spin)


def test_no_more_waits_than_may() -> None:
    workshop = Workshop(1, max_waiting=1, memory_bytes=1 << 30)
    workshop.do(60, True, whoami)
    others = [threading.Thread(target=_spin_in, args=(workshop, 4)) for _ in range(2)]
    for other in others:
        other.start()
        time.sleep(0.3)
    with pytest.raises(WorkshopFull, match="1 requests wait"):
        workshop.do(60, False, double, 2)
    for other in others:
        other.join()
    workshop.close()


def test_a_bench_that_was_killed_while_it_was_idle_is_replaced(workshop: Workshop) -> None:
    first = workshop.do(60, True, whoami)
    os.kill(first, signal.SIGKILL)
    while _is_there(first):
        time.sleep(0.01)
    assert workshop.do(60, True, whoami) != first


def test_what_failed_elsewhere_says_where(workshop: Workshop) -> None:
    with pytest.raises(ValueError) as raised:
        workshop.do(60, True, complain, "loud")
    assert any("in complain" in note for note in raised.value.__notes__)


def _is_there(pid: int) -> bool:
    """Whether the process still runs; one that has ended may still wait to be read."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
