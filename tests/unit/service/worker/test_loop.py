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
