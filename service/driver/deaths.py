"""How a worker died: told apart by Ray's words, the node's state and the kernel's count of kills."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

WORDS_CHARS = 300
LOST_WORDS = (
    "its node has died",
    "node was terminated",
    "node it was running on is dead",
    "temporarily unavailable",
    "preempt",
    "local raylet died",
    "NodeDiedError",
)
MEMORY_WORDS = (
    "NODE_OUT_OF_MEMORY",
    "running low on memory",
    "memory pressure (OOM)",
    "exceeded threshold of",
    "based on the killing policy",
    "OutOfMemoryError",
)
DIED_WORDS = ("worker process has died", "Worker unexpectedly exits", "actor died unexpectedly")
UNAVAILABLE = "temporarily unavailable"


class Death(StrEnum):
    """Why a worker is gone; each has a budget of its own. The names are those of classes of failure."""

    NODE_LOST = "node_lost"
    OUT_OF_MEMORY = "out_of_memory"
    PROCESS_DIED = "process_died"
    HUNG = "hung"
    WORKER_FAILED = "worker_failed"


def read_death(words: str, *, raised: bool) -> Death:
    """What Ray's words say; `raised` where the worker lives and told of an error of its own.

    Ray's general words about a process that is gone also speak of memory: only what it says of its own
    kills counts as such.
    """
    if raised:
        return Death.WORKER_FAILED
    if any(part in words for part in LOST_WORDS):
        return Death.NODE_LOST
    if any(part in words for part in MEMORY_WORDS):
        return Death.OUT_OF_MEMORY
    if any(part in words for part in DIED_WORDS):
        return Death.PROCESS_DIED
    return Death.WORKER_FAILED


def told(death: Death, num: int, words: str) -> str:
    """Why a trial is given up: the class and a sentence."""
    times = "once" if num == 1 else f"{num} times"
    happened = {
        Death.NODE_LOST: f"its node or worker was lost {times}, with nothing gained in between",
        Death.OUT_OF_MEMORY: f"its worker was killed for memory {times} while this trial was alone in it",
        Death.PROCESS_DIED: f"its worker's process died {times} while this trial was alone in it",
        Death.HUNG: f"it hung {times} while it was alone in its worker",
        Death.WORKER_FAILED: f"its worker failed {times} outside the trial's own code",
    }[death]
    return f"{death}: {happened}; last: {words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Birth:
    """Where a worker came up, and how many processes that machine's kernel had killed for memory by then."""

    node_id: str
    memory_kills: int


class Inquest:
    """Finds out why a worker is gone.

    `asked_again` gives Ray's words about a worker that it called unavailable, if it knows more by now;
    `memory_kills` counts the kernel's kills on a node, None if the node cannot be asked.
    """

    def __init__(
        self,
        *,
        asked_again: Callable[[str], str | None],
        born: Callable[[str], Birth | None],
        memory_kills: Callable[[str], int | None],
    ) -> None:
        self._asked_again = asked_again
        self._born = born
        self._memory_kills = memory_kills

    def __call__(self, slot_id: str, words: str, *, raised: bool) -> tuple[Death, str]:
        """Why it is gone, and the words that say so."""
        if UNAVAILABLE in words and not raised:
            words = self._asked_again(slot_id) or words
        death = read_death(words, raised=raised)
        said = last_line(words)
        birth = self._born(slot_id) if death is Death.PROCESS_DIED else None
        if birth is None:
            return death, said
        kills = self._memory_kills(birth.node_id)
        if kills is None:
            return Death.NODE_LOST, f"its node answers no more; {said}"
        if kills > birth.memory_kills:
            return Death.OUT_OF_MEMORY, f"the kernel of its machine killed for memory meanwhile; {said}"
        return death, said


def last_line(words: str) -> str:
    """The end of what Ray wrote down, in one line."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[-1][:WORDS_CHARS] if lines else "no reason known"
