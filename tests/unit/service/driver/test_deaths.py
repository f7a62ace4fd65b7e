"""Why a worker is gone, by what Ray 2.60 says word for word."""

import pytest

from service.driver.deaths import Birth, Death, Inquest, read_death

HEAD = "The actor died unexpectedly before finishing this task.\n\tclass_name: SleepingSlot\n"
GONE = (
    f"{HEAD}The actor is dead because its worker process has died. Worker exit type: SYSTEM_ERROR Worker "
    "exit detail: Worker unexpectedly exits with a connection error code 2. End of file. Some common causes "
    "include: (1) the process was killed by the OOM killer due to high memory usage, (2) ray stop --force "
    "was called, or (3) the worker crashed unexpectedly due to SIGSEGV or another unexpected error."
)
NODE = (
    f"{HEAD}The actor died because its node has died. Node Id: 5f3c\n"
    "\tthe actor's node was terminated unexpectedly: health check failed due to missing too many heartbeats"
)
UNAVAILABLE = "The actor 5f3c is unavailable: The actor is temporarily unavailable: RpcError: rpc_code: 14"
MEMORY = "Task was killed due to the node running low on memory.\nMemory on the node was 0.95 GB / 1.0 GB"
USER = 'ray::Slot.train() (pid=7)\nValueError: "its node has died", said the dataset'


@pytest.mark.parametrize(
    ("words", "raised", "death"),
    [
        (GONE, False, Death.PROCESS_DIED),
        (NODE, False, Death.NODE_LOST),
        (UNAVAILABLE, False, Death.NODE_LOST),
        (MEMORY, False, Death.OUT_OF_MEMORY),
        (USER, True, Death.WORKER_FAILED),
        ("", False, Death.WORKER_FAILED),
    ],
)
def test_ray_words(words: str, raised: bool, death: Death) -> None:
    assert read_death(words, raised=raised) is death


def inquest(*, again: str | None = None, before: int = 0, now: int | None = 0, born: bool = True) -> Inquest:
    birth = Birth(node_id="n", memory_kills=before) if born else None
    return Inquest(asked_again=lambda _: again, born=lambda _: birth, memory_kills=lambda _: now)


def test_a_worker_that_was_only_unavailable_is_judged_by_what_is_known_later() -> None:
    assert inquest()("s", UNAVAILABLE, raised=False)[0] is Death.NODE_LOST
    assert inquest(again=GONE)("s", UNAVAILABLE, raised=False)[0] is Death.PROCESS_DIED
    assert inquest(again=NODE)("s", UNAVAILABLE, raised=False)[0] is Death.NODE_LOST


def test_a_process_gone_while_the_kernel_killed_for_memory_was_killed_for_memory() -> None:
    death, words = inquest(before=3, now=4)("s", GONE, raised=False)
    assert death is Death.OUT_OF_MEMORY and "kernel" in words
    assert inquest(before=4, now=4)("s", GONE, raised=False)[0] is Death.PROCESS_DIED


def test_a_process_gone_from_a_node_that_answers_no_more_was_lost_with_it() -> None:
    assert inquest(now=None)("s", GONE, raised=False)[0] is Death.NODE_LOST


def test_a_worker_that_never_came_up_is_judged_by_words_alone() -> None:
    assert inquest(born=False, now=None)("s", GONE, raised=False)[0] is Death.PROCESS_DIED
