"""Which trials wait, which slot holds which, and what happens when a slot dies."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.protocol import Task

MAX_DEATHS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What became of a dead slot's trials: tried again, or given up after too many deaths."""

    retried: tuple[str, ...]
    given_up: tuple[str, ...]


class Queue:
    """Trials in order. A trial whose slot died comes first again and then runs alone.

    Alone, because in a pack nobody knows which member took the worker down: run together again, one
    bad trial would use up its neighbours' tries.
    """

    def __init__(self, *, max_deaths: int = MAX_DEATHS) -> None:
        self._max_deaths = max_deaths
        self._tasks: dict[str, Task] = {}
        self._position: dict[str, int] = {}
        self._waiting: deque[str] = deque()
        self._holder: dict[str, str] = {}
        self._held: dict[str, set[str]] = {}
        self._deaths: dict[str, int] = {}

    @property
    def num_waiting(self) -> int:
        """Trials nobody holds."""
        return len(self._waiting)

    @property
    def num_held(self) -> int:
        """Trials in some slot."""
        return len(self._holder)

    def held(self, slot_id: str) -> frozenset[str]:
        """The trials this slot has."""
        return frozenset(self._held.get(slot_id, ()))

    def add(self, tasks: Iterable[Task]) -> None:
        """Put trials at the end."""
        for task in tasks:
            if task.trial_id not in self._tasks:
                self._position[task.trial_id] = len(self._tasks)
                self._tasks[task.trial_id] = task
                self._waiting.append(task.trial_id)

    def draw(self, slot_id: str, room: int, *, num_slots: int) -> list[Task]:
        """Give a slot up to `room` trials, but never more in all than its share of what remains.

        What other slots hold counts as remaining, and what this one holds counts as drawn: who draws again
        and again must not leave its peers without work at the end of a study.
        """
        held = self._held.setdefault(slot_id, set())
        if any(self._deaths.get(trial_id) for trial_id in held):
            return []
        remaining = len(self._waiting) + len(self._holder)
        room = min(room, math.ceil(remaining / max(1, num_slots)) - len(held))
        drawn: list[str] = []
        passed: list[str] = []
        while self._waiting and len(drawn) < room:
            trial_id = self._waiting.popleft()
            if not self._deaths.get(trial_id):
                drawn.append(trial_id)
            elif held or drawn:
                passed.append(trial_id)
            else:
                drawn.append(trial_id)
                break
        self._waiting.extendleft(reversed(passed))
        held.update(drawn)
        self._holder.update(dict.fromkeys(drawn, slot_id))
        return [self._tasks[trial_id] for trial_id in drawn]

    def end(self, slot_id: str, trial_ids: Sequence[str]) -> list[str]:
        """Take trials off this slot as ended; answers those it really held."""
        mine = [trial_id for trial_id in trial_ids if self._holder.get(trial_id) == slot_id]
        for trial_id in mine:
            del self._holder[trial_id]
            self._held[slot_id].discard(trial_id)
        return mine

    def release(self, slot_id: str) -> Released:
        """A slot is gone: its unfinished trials come first again, or are given up."""
        retried: list[str] = []
        given_up: list[str] = []
        held = self._held.pop(slot_id, set())
        for trial_id in sorted(held, key=self._position.__getitem__):
            del self._holder[trial_id]
            self._deaths[trial_id] = self._deaths.get(trial_id, 0) + 1
            (given_up if self._deaths[trial_id] >= self._max_deaths else retried).append(trial_id)
        self._waiting.extendleft(reversed(retried))
        return Released(retried=tuple(retried), given_up=tuple(given_up))

    def drop(self, trial_ids: Iterable[str]) -> list[str]:
        """Forget waiting trials; answers those that were waiting."""
        unwanted = set(trial_ids)
        if not unwanted:
            return []
        dropped = [trial_id for trial_id in self._waiting if trial_id in unwanted]
        self._waiting = deque(trial_id for trial_id in self._waiting if trial_id not in unwanted)
        return dropped
