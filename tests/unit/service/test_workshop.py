"""Work in processes of its own: late, greedy, dying and failing pieces harm only themselves."""

import os
import threading
import time
from collections.abc import Iterator

import pytest

from service.workshop import WorkDied, WorkOverdue, Workshop


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


def _spin_in(workshop: Workshop) -> None:
    with pytest.raises(WorkOverdue):
        workshop.do(8, False, spin)
