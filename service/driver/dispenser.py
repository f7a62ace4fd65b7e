"""The dispenser: the study's one actor that hands out trials and speaks with the service."""

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from service.budgets import Budgets
from service.driver.client import Internal, InternalError
from service.driver.courier import BEAT_S, Courier, persist
from service.driver.deaths import Birth, Death, told
from service.driver.queue import Queue
from service.driver.setbacks import Setbacks
from service.protocol import Result, Task, Work, never_ran, received
from service.timing import REAL, Timing
from trainables.training.lease import Outcome, Report

NAME = "dispenser"
SETTINGS_BATCH = 500
NUM_THREADS = 16
ASK_AGAIN_S = 5.0


class Dispenser:
    """Hands out trials to slots, collects what they report, and delivers it to the service.

    Runs as an actor with a few threads: slots, the driver and the delivery loop call at once.
    Slots and it share no classes: what passes between them is JSON, and becomes what it means here.
    """

    def __init__(
        self,
        connect: Callable[[], Internal],
        budgets: Budgets | None = None,
        *,
        beat_s: float = BEAT_S,
        timing: Timing = REAL,
    ) -> None:
        budgets = budgets or Budgets()
        self._internal = connect()
        self._timing = timing
        self._num_slots = 1
        self._lock = threading.RLock()
        self._queue = Queue(budgets)
        self._setbacks = Setbacks(budgets, clock=timing.monotonic)
        self._courier = Courier(self._internal, beat_s=beat_s, timing=timing)
        self._results: list[Result] = []
        self._opened = self._closed = False
        self._drew: set[str] = set()
        self._slots: dict[str, Any] = {}
        self._heard: dict[str, float] = {}
        self._born: dict[str, Birth] = {}
        self._hung: dict[str, float] = {}
        self._gone: set[str] = set()
        self._sizes: dict[str, int] = {}
        self._steps = self._wasted = 0
        self._stopped = timing.flag()
        self._delivery = timing.thread(target=self._courier.run, args=(self._stopped,), daemon=True)

    # The driver's side.

    def open(self) -> Work:
        """The study and its trials; from here on heartbeats are sent. Waits for the service."""
        work = persist(self._internal.work, timing=self._timing)
        self._delivery.start()
        self._opened = True
        return work

    def add(self, tasks: Sequence[Task], recall: bool = False) -> int:
        """Fix the trials' settings with the service and queue them; how many it knew the result of.

        Those are not queued but are results at once; `recall` asks for their metrics too.
        """
        reused: set[str] = set()
        for start in range(0, len(tasks), SETTINGS_BATCH):
            batch = tasks[start : start + SETTINGS_BATCH]
            rows = [task.resolved() for task in batch]
            found = set(persist(partial(self._internal.settings, rows), timing=self._timing))
            reused |= found
            with self._lock:
                self._queue.add(task for task in batch if task.trial_id not in found)
        known = persist(self._internal.work, timing=self._timing).trials if reused and recall else ()
        metrics = {trial.id: trial.metrics for trial in known}
        with self._lock:
            self._results += [
                Result(trial_id=i, state="done", metrics=metrics.get(i), reused=True) for i in sorted(reused)
            ]
        return len(reused)

    def resize(self, num_slots: int) -> None:
        """Among how many slots the work is shared."""
        with self._lock:
            self._num_slots = num_slots

    def wait_for(self, words: str | None) -> None:
        """What trials wait for now, if they do; the service is told soon."""
        self._courier.wait_for(words)

    def close(self) -> None:
        """No more trials will be added."""
        with self._lock:
            self._closed = True

    def fail(self, reasons: Mapping[str, str]) -> None:
        """Record trials that cannot be run, each with its reason."""
        with self._lock:
            # The ledger takes results of leased trials only.
            self._courier.leased(list(reasons))
            self._end([never_ran(trial_id, reason) for trial_id, reason in reasons.items()])

    def news(self, since: int) -> dict[str, Any]:
        """Results from number `since` on, and how things stand."""
        with self._lock:
            silence = {slot_id: self._timing.monotonic() - at for slot_id, at in self._heard.items()}
            return {**self.standing(), "results": self._results[since:], "silence": silence}

    def standing(self) -> dict[str, Any]:
        """How much work there is, and whether this attempt goes on."""
        with self._lock:
            self._queue.drop(self._courier.unwanted)
            idle = not self._queue.num_waiting and not self._queue.num_held
            return {
                "waiting": self._queue.num_waiting,
                "running": self._queue.num_held,
                "drew": sorted(self._drew),
                "finished": self._closed and idle,
                "desired": self._courier.desired,
                "over": self._courier.over,
                "broken": self._trouble,
                "rest_s": self._setbacks.rest_s,
                "steps": self._steps,
                "wasted": self._wasted,
            }

    def finish(self, state: str, error: str | None, timeout_s: float) -> bool:
        """Deliver what is left and end the attempt; False if the service did not answer in time."""
        delivered = self._courier.flush(timeout_s)
        self._stopped.set()
        if self._courier.over is not None or not delivered:
            return False
        try:
            persist(lambda: self._internal.finish(state, error), timeout_s=timeout_s, timing=self._timing)
        except InternalError:
            return False
        return True

    def kill(self, slot_id: str) -> None:
        """End the process of a hung slot; its trials return to the queue when the driver hears of it."""
        with self._lock:
            slot = self._slots.get(slot_id)
            now = self._timing.monotonic()
            self._hung[slot_id] = now - self._heard.get(slot_id, now)
        if slot is not None:
            ray.kill(slot)

    def birth(self, slot_id: str) -> Birth | None:
        """Where a slot came up, if it did."""
        return self._born.get(slot_id)

    def ask_again(self, slot_id: str) -> str | None:
        """What Ray says by now about a slot that it called unavailable; None if it knows no more."""
        slot = self._slots.get(slot_id)
        try:
            if slot is not None:
                ray.get(slot.__ray_ready__.remote(), timeout=ASK_AGAIN_S)
        except ray.exceptions.ActorDiedError as error:
            return str(error)
        except ray.exceptions.RayError:
            pass
        return None

    def lost(self, slot_id: str, death: str, words: str) -> dict[str, Any]:
        """A slot died: its trials are tried again, or given up after too many deaths of this kind."""
        with self._lock:
            kind = Death(death)
            if slot_id in self._hung:
                kind, words = Death.HUNG, f"it said nothing for {self._hung[slot_id]:.0f} s"
            self._setbacks.died(kind, words, drew=slot_id in self._drew)
            slot = self._slots.get(slot_id)
            self._gone.add(slot_id)
            self._forget(slot_id)
            released = self._queue.release(slot_id, kind)
            self._end(
                [never_ran(trial_id, told(kind, num, words)) for trial_id, num in released.given_up.items()]
            )
        if kind is Death.NODE_LOST and slot is not None:
            # Out of reach is not dead: nobody waits for it any more, but it would keep its place.
            ray.kill(slot)
        return {"death": str(kind), "retried": list(released.retried), "given_up": list(released.given_up)}

    # The slots' side.

    def join(self, slot_id: str, slot: Any, node_id: str = "", memory_kills: int = 0) -> None:
        """A slot's process is up, on this node, whose kernel has killed so many processes for memory."""
        with self._lock:
            self._slots[slot_id] = slot
            self._born[slot_id] = Birth(node_id=node_id, memory_kills=memory_kills)
            self._heard[slot_id] = self._timing.monotonic()

    def draw(self, slot_id: str, room: int) -> dict[str, Any]:
        """Up to `room` leases, and whether more may come."""
        with self._lock:
            self._hear(slot_id)
            if slot_id in self._gone or self._stopping or self._trouble is not None:
                return {"leases": [], "more": False}
            tasks = self._queue.draw(slot_id, room, num_slots=self._num_slots)
            if tasks:
                self._drew.add(slot_id)
                self._setbacks.drew()
                self._courier.leased([task.trial_id for task in tasks])
            return {"leases": [task.lease.to_json() for task in tasks], "more": not self._closed}

    def report(self, slot_id: str, reports: Sequence[Mapping[str, Any]]) -> dict[str, str]:
        """How far trials are; the answer names those that must stop."""
        with self._lock:
            self._hear(slot_id)
            reported = [Report.from_json(report) for report in reports]
            self._courier.progressed(reported)
            if any([self._queue.advance(report.trial_id, report.step) for report in reported]):
                self._setbacks.gained()
            ids = [report.trial_id for report in reported]
            if self._courier.over is not None or self._courier.desired == "cancel":
                return dict.fromkeys(ids, "cancelled")
            # Of a paused study none is told to stop: ended early, it would count as cancelled.
            return {i: "cancelled" for i in ids if i in self._courier.unwanted}

    def commit(self, slot_id: str, outcomes: Sequence[Mapping[str, Any]]) -> None:
        """Take results; those of trials this slot does not hold any more are left out."""
        with self._lock:
            self._hear(slot_id)
            ended = [received(outcome) for outcome in outcomes]
            mine = set(self._queue.end(slot_id, [outcome.trial_id for outcome in ended]))
            if mine:
                self._setbacks.gained()
            self._end([outcome for outcome in ended if outcome.trial_id in mine])

    def sizes(self) -> dict[str, int]:
        """The fastest sizes of packs, as far as slots have measured them."""
        with self._lock:
            return dict(self._sizes)

    def learn(self, sizes: Mapping[str, int], steps: int, wasted: int) -> None:
        """What a slot has measured, and how many of its steps in packs were for nothing."""
        with self._lock:
            self._sizes.update(sizes)
            self._steps += steps
            self._wasted += wasted

    def leave(self, slot_id: str) -> None:
        """A slot ends in good order; what it still holds counts as lost."""
        with self._lock:
            if self._queue.held(slot_id):
                self.lost(slot_id, Death.WORKER_FAILED, "its worker ended without a result")
            self._forget(slot_id)

    @property
    def _stopping(self) -> bool:
        return self._courier.desired != "run" or self._courier.over is not None

    @property
    def _trouble(self) -> str | None:
        """Why this run cannot go on, if it cannot."""
        silent = self._opened and not self._delivery.is_alive()
        if (
            self._setbacks.broken is None
            and silent
            and self._courier.over is None
            and not self._stopped.is_set()
        ):
            return "nothing is delivered to the service any more: the thread that did has ended"
        return self._setbacks.broken

    def _end(self, outcomes: Sequence[Outcome]) -> None:
        self._courier.ended(outcomes)
        self._results += [Result.ended(outcome) for outcome in outcomes]

    def _hear(self, slot_id: str) -> None:
        self._heard[slot_id] = self._timing.monotonic()

    def _forget(self, slot_id: str) -> None:
        self._drew.discard(slot_id)
        self._slots.pop(slot_id, None)
        self._heard.pop(slot_id, None)
        self._born.pop(slot_id, None)
        self._hung.pop(slot_id, None)


class Board:
    """The dispenser as the driver calls it, wherever it runs."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor
        self._there: Any = None

    def is_up(self, within_s: float) -> bool:
        """Whether it has been made, which takes as long as it takes to get a study.

        Raises: RayActorError when it will never be.
        """
        if self._there is None:
            self._there = self._actor.__ray_ready__.remote()
        up, _ = ray.wait([self._there], timeout=within_s)
        if up:
            ray.get(self._there)
        return bool(up)

    def open(self) -> Work:
        """The study and its trials."""
        work: Work = self._call("open")
        return work

    def add(self, tasks: Sequence[Task], *, recall: bool) -> int:
        """Queue trials; how many of them are known already and became results at once."""
        return int(self._call("add", list(tasks), recall))

    def close(self) -> None:
        """No more trials will be added."""
        self._call("close")

    def fail(self, reasons: Mapping[str, str]) -> None:
        """Record trials that cannot be run."""
        self._call("fail", dict(reasons))

    def resize(self, num_slots: int) -> None:
        """Among how many slots the work is shared."""
        self._call("resize", num_slots)

    def wait_for(self, words: str | None) -> None:
        """What trials wait for now, if they do."""
        self._call("wait_for", words)

    def standing(self) -> dict[str, Any]:
        """How much work there is, and whether this attempt goes on."""
        return dict(self._call("standing"))

    def news(self, since: int) -> dict[str, Any]:
        """Results from number `since` on, and how things stand."""
        return dict(self._call("news", since))

    def kill(self, slot_id: str) -> None:
        """End a slot's process."""
        self._call("kill", slot_id)

    def birth(self, slot_id: str) -> Birth | None:
        """Where a slot came up, if it did."""
        found: Birth | None = self._call("birth", slot_id)
        return found

    def ask_again(self, slot_id: str) -> str | None:
        """What Ray says by now about a slot that it called unavailable."""
        words: str | None = self._call("ask_again", slot_id)
        return words

    def lost(self, slot_id: str, death: Death, words: str) -> dict[str, Any]:
        """A slot died; which of its trials are tried again and which are given up."""
        return dict(self._call("lost", slot_id, str(death), words))

    def finish(self, state: str, error: str | None, *, timeout_s: float) -> bool:
        """Deliver what is left and end the attempt."""
        return bool(self._call("finish", state, error, timeout_s))

    def _call(self, method: str, *arguments: Any) -> Any:
        return ray.get(getattr(self._actor, method).remote(*arguments))


def start(connect: Callable[[], Internal], budgets: Budgets | None = None) -> Board:
    """The study's dispenser, on this node and under its name in the driver's namespace; it takes no CPU."""
    here = NodeAffinitySchedulingStrategy(node_id=ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(Dispenser).options(
        name=NAME,
        num_cpus=0,
        max_concurrency=NUM_THREADS,
        scheduling_strategy=here,
    )
    return Board(actor.remote(connect, budgets))
