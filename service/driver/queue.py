"""Which trials wait, which slot holds which, and what happens when a slot dies."""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from service.budgets import Budgets
from service.driver.deaths import Death
from service.protocol import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """What became of a dead slot's trials: tried again, or given up after so many deaths of that kind."""

    retried: tuple[str, ...]
    given_up: Mapping[str, int]


class Queue:
    """Trials in order. What a dead slot held comes first again.

    Where the slot may have died of a trial, each that it held is a suspect and runs alone from then on:
    only a death with one trial in the slot counts against that trial. The loss of a node makes nobody a
    suspect; it counts until a trial gets further than it ever was.
    """

    def __init__(self, budgets: Budgets) -> None:
        self._budgets = {
            Death.NODE_LOST: budgets.max_losses,
            Death.OUT_OF_MEMORY: budgets.max_memory_deaths,
            Death.PROCESS_DIED: budgets.max_deaths,
            Death.WORKER_FAILED: budgets.max_deaths,
            Death.HUNG: budgets.max_hangs,
        }
        self._tasks: dict[str, Task] = {}
        self._position: dict[str, int] = {}
        self._waiting: deque[str] = deque()
        self._holder: dict[str, str] = {}
        self._held: dict[str, set[str]] = {}
        self._suspects: set[str] = set()
        self._deaths: dict[str, Counter[Death]] = defaultdict(Counter)
        self._furthest: dict[str, float] = {}

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
        if held & self._suspects:
            return []
        remaining = len(self._waiting) + len(self._holder)
        room = min(room, math.ceil(remaining / max(1, num_slots)) - len(held))
        drawn: list[str] = []
        passed: list[str] = []
        while self._waiting and len(drawn) < room:
            trial_id = self._waiting.popleft()
            if trial_id not in self._suspects:
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

    def advance(self, trial_id: str, step: float) -> bool:
        """A trial is at this step; whether it has never been that far before."""
        if step <= self._furthest.get(trial_id, -math.inf):
            return False
        self._furthest[trial_id] = step
        self._deaths[trial_id][Death.NODE_LOST] = 0
        return True

    def release(self, slot_id: str, death: Death) -> Released:
        """A slot is gone: its unfinished trials come first again, or are given up."""
        held = sorted(self._held.pop(slot_id, set()), key=self._position.__getitem__)
        for trial_id in held:
            del self._holder[trial_id]
        guilty = held if death is Death.NODE_LOST or len(held) == 1 else []
        if death is not Death.NODE_LOST:
            self._suspects.update(held)
        for trial_id in guilty:
            self._deaths[trial_id][death] += 1
        counts = {trial_id: self._deaths[trial_id][death] for trial_id in guilty}
        given_up = {trial_id: num for trial_id, num in counts.items() if num >= self._budgets[death]}
        retried = [trial_id for trial_id in held if trial_id not in given_up]
        self._waiting.extendleft(reversed(retried))
        return Released(retried=tuple(retried), given_up=given_up)

    def drop(self, trial_ids: Iterable[str]) -> list[str]:
        """Forget waiting trials; answers those that were waiting."""
        unwanted = set(trial_ids)
        if not unwanted:
            return []
        dropped = [trial_id for trial_id in self._waiting if trial_id in unwanted]
        self._waiting = deque(trial_id for trial_id in self._waiting if trial_id not in unwanted)
        return dropped
