"""The Ray Tune side of training: a slot, drawing trials from the study's dispenser for one quantum."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import ray
from ray import tune

from trainables.training.lease import Lease, Outcome, Report, Source

IDLE_POLL_S = 0.1
IDLE_LIMIT_S = 5.0


class DispenserCalls(Protocol):
    """What a slot asks of the dispenser, by name; every payload is JSON."""

    def __call__(self, method: str, *arguments: Any) -> Any: ...


class DispenserSource:
    """A Source over the dispenser: draws until the quantum is over, then lets what runs finish.

    An empty answer with more work on its way (a tuning batch being scored) is asked again for a few
    seconds, since a new slot costs more than the wait.
    """

    def __init__(self, calls: DispenserCalls, slot_id: str, *, quantum_s: float) -> None:
        self._calls = calls
        self._slot_id = slot_id
        self._deadline = time.monotonic() + quantum_s
        self._running: set[str] = set()
        self.num_committed = 0

    def draw(self, room: int) -> Sequence[Lease]:
        """Up to `room` trials; empty when the quantum is over or nothing is left."""
        idle_until = time.monotonic() + IDLE_LIMIT_S
        while time.monotonic() < self._deadline:
            answer = self._calls("draw", self._slot_id, room)
            leases = [Lease.from_json(lease) for lease in answer["leases"]]
            self._running.update(lease.trial_id for lease in leases)
            done_waiting = self._running or not answer["more"] or time.monotonic() >= idle_until
            if leases or done_waiting:
                return leases
            time.sleep(IDLE_POLL_S)
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


class Slot(tune.Trainable):  # type: ignore[misc]  # ray ships no types
    """One Tune trial: a worker for one lease quantum. Its single step trains everything it draws."""

    def setup(self, config: dict[str, Any]) -> None:
        """Find the dispenser and say that this process is up."""
        self._dispenser = ray.get_actor(config["dispenser"], namespace=config["namespace"])
        self._call("join", self.trial_id, ray.get_runtime_context().current_actor)

    def step(self) -> dict[str, Any]:
        """Draw, train and commit until nothing is left or the quantum is over."""
        source = DispenserSource(self._call, self.trial_id, quantum_s=self.config["quantum_s"])
        self.train_from(source)
        self._call("leave", self.trial_id)
        return {"done": True, "num_trials": source.num_committed}

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

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: the state of a study is the ledger's."""

    def _call(self, method: str, *arguments: Any) -> Any:
        return ray.get(getattr(self._dispenser, method).remote(*arguments))
