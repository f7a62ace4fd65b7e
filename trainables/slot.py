"""What a slot does, whoever starts it: draw trials from the dispenser for a quantum, and train them."""

import importlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

import ray

from ablations.errors import Json
from trainables.digests import code_digest
from trainables.errors import TrainableError
from trainables.kernel import memory_kills
from trainables.leftovers import end_strays, end_with_main_thread, mark
from trainables.training.lease import Lease, Outcome, Report, Source

LOADED = ("trainables.packs.trainer", "trainables.recipes.mlp")
"""What most slots import, torch with it; no plugin's code."""
IDLE_POLL_S = 0.1
IDLE_LIMIT_S = 5.0
PLACE_S = 1.0


class DispenserCalls(Protocol):
    """What a slot asks of the dispenser, by name; every payload is JSON."""

    def __call__(self, method: str, *arguments: Any) -> Any: ...


class DispenserSource:
    """A Source over the dispenser: draws until the quantum is over, then lets what runs finish.

    An empty answer with more work on its way (a tuning batch being scored) is asked again for a few
    seconds, since a new slot costs more than the wait.
    """

    def __init__(
        self,
        calls: DispenserCalls,
        slot_id: str,
        *,
        quantum_s: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._calls = calls
        self._slot_id = slot_id
        self._clock = clock
        self._sleep = sleep
        self._deadline = clock() + quantum_s
        self._running: set[str] = set()
        self.num_committed = 0

    def draw(self, room: int) -> Sequence[Lease]:
        """Up to `room` trials; empty when the quantum is over or nothing is left."""
        idle_until = self._clock() + IDLE_LIMIT_S
        while self._clock() < self._deadline:
            answer = self._calls("draw", self._slot_id, room)
            leases = [Lease.from_json(lease) for lease in answer["leases"]]
            self._running.update(lease.trial_id for lease in leases)
            done_waiting = self._running or not answer["more"] or self._clock() >= idle_until
            if leases or done_waiting:
                return leases
            self._sleep(IDLE_POLL_S)
        return []

    def report(self, reports: Sequence[Report]) -> Mapping[str, str]:
        """Tell how far trials are; the answer names those that must stop, and why."""
        stops: Mapping[str, str] = self._calls("report", self._slot_id, [r.to_json() for r in reports])
        return stops

    def commit(self, outcomes: Sequence[Outcome]) -> None:
        """Hand in finished trials."""
        self._calls("commit", self._slot_id, [outcome.to_json() for outcome in outcomes])
        self._running.difference_update(outcome.trial_id for outcome in outcomes)
        self.num_committed += len(outcomes)


class Drawing:
    """The work of one slot, under its id and with its configuration."""

    trial_id: str
    config: Mapping[str, Any]

    def join(self) -> None:
        """Find the dispenser and say that this process is up; end what others before it have left here."""
        end_strays()
        mark()
        self._dispenser = ray.get_actor(self.config["dispenser"], namespace=self.config["namespace"])
        here = ray.get_runtime_context()
        self._call("join", self.trial_id, here.current_actor, here.get_node_id(), memory_kills())

    def work(self) -> int:
        """Draw, train and commit until nothing is left or the quantum is over; how many trials."""
        source = DispenserSource(self._call, self.trial_id, quantum_s=self.config["quantum_s"])
        self.train_from(source)
        self._call("leave", self.trial_id)
        return source.num_committed

    def train_from(self, source: Source) -> None:
        """Train all that the source gives, in packs of sizes that the study's slots learn from each other.

        Torch is imported here, on the worker.
        """
        from trainables.packs.trainer import run_trainer
        from trainables.training.checkpoint import EVERY_S, Checkpoints

        folder, every_s = self.config.get("checkpoints"), self.config.get("checkpoint_every_s", EVERY_S)
        sizes = dict(self._call("sizes"))
        tally = run_trainer(
            source,
            trainable=self.config["trainable"],
            device=self.config["device"],
            threads=self.config["threads"],
            datasets_dir=Path(self.config["datasets_dir"]),
            pack=self.config["pack"],
            sizes=sizes,
            checkpoints=Checkpoints(folder=Path(folder), every_s=every_s) if folder else None,
        )
        self._call("learn", sizes, tally.steps, tally.wasted)
        if tally.spoiled:
            end_with_main_thread()

    def _call(self, method: str, *arguments: Any) -> Any:
        return ray.get(getattr(self._dispenser, method).remote(*arguments))


class ReadySlot(Drawing):
    """A process that has loaded what slots import before there is a study. It is one slot in its life."""

    def load(self, datasets_dir: Path) -> tuple[dict[str, Json], list[str]]:
        """Load it: the numerical environment of this process on its CPU, and the files that it has loaded."""
        for name in LOADED:
            code_digest(name)  # known from before its import on
            importlib.import_module(name)
        from trainables.data.vision import DIGITS, load
        from trainables.training.numerics import environment, set_numerics

        set_numerics("cpu", 1)
        with suppress(TrainableError):  # a study that needs them is told
            load(DIGITS, datasets_dir)
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        return environment(), [file for file in files if file]

    def serve(self, slot_id: str, config: Mapping[str, Any], place: Any) -> int:
        """Work as this slot as soon as its place is free: a placement group, which holds what it uses."""
        self.trial_id, self.config = slot_id, config
        while not place.wait(timeout_seconds=PLACE_S):
            pass
        self.join()
        return self.work()
