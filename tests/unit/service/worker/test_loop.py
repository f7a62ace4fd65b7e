"""Loops of the worker: an error is retried, and troubles nobody else."""

import threading

from service.worker.loop import Loop, run_all


def test_an_error_of_one_loop_is_retried_and_does_not_stop_another() -> None:
    stopped = threading.Event()
    failures: list[int] = []
    rounds: list[int] = []

    def fail() -> bool:
        failures.append(1)
        raise ValueError("the test says so")

    def work() -> bool:
        rounds.append(1)
        if len(rounds) >= 5 and len(failures) >= 2:
            stopped.set()
        return False

    loops = [Loop(name="bad", work=fail, pause_s=0.01), Loop(name="good", work=work, pause_s=0.01)]
    run_all(loops, stopped, patience_s=5.0)
    assert len(failures) >= 2 and len(rounds) >= 5


def test_while_there_is_more_to_do_a_loop_does_not_pause() -> None:
    stopped = threading.Event()
    rounds: list[int] = []

    def work() -> bool:
        rounds.append(1)
        if len(rounds) == 3:
            stopped.set()
        return True

    Loop(name="busy", work=work, pause_s=3600.0).run(stopped)
    assert len(rounds) == 3


def test_a_pause_ends_when_there_is_something_new_but_not_after_an_error() -> None:
    stopped, rounds, version = threading.Event(), list[int](), 0

    def work() -> bool:
        nonlocal version
        rounds.append(1)
        version += 1  # as somebody else's commit would meanwhile
        if len(rounds) == 3:
            stopped.set()
        return False

    Loop(name="watching", work=work, pause_s=3600.0, version=lambda: version).run(stopped)
    assert len(rounds) == 3

    def fail() -> bool:
        nonlocal version
        version += 1
        raise ValueError("the test says so")

    outage = Outage(waits=3)
    Loop(name="bad", work=fail, pause_s=0.25, version=lambda: version).run(outage)
    assert outage.longest_s == 2.0


class Outage:
    """A flag that is set after many waits, none of which takes time."""

    def __init__(self, waits: int) -> None:
        self.waits = waits
        self.longest_s = 0.0

    def set(self) -> None:
        self.waits = 0

    def is_set(self) -> bool:
        return self.waits <= 0

    def wait(self, timeout: float | None = None) -> bool:
        self.waits -= 1
        self.longest_s = max(self.longest_s, timeout or 0.0)
        return self.is_set()


def test_however_long_an_outage_lasts_the_loop_goes_on() -> None:
    def fail() -> bool:
        raise ValueError("the test says so")

    outage = Outage(waits=1200)
    Loop(name="bad", work=fail, pause_s=0.25).run(outage)
    assert outage.is_set() and outage.longest_s == 30.0
