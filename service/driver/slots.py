"""One Tune run whose trials are slots: as many as the cluster takes and the work needs."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.experiment import Trial
from ray.tune.search import Searcher

from service.driver.dispenser import Board
from trainables.tune import Slot

logger = logging.getLogger(__name__)

REASON_CHARS = 300
COUNT_S = 5.0

SWITCHES = {
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_DISABLE_STRICT_METRIC_CHECKING": "1",
    "TUNE_FORCE_TRIAL_CLEANUP_S": "5",
    "TUNE_GLOBAL_CHECKPOINT_S": "100000",
    "TUNE_MAX_PENDING_TRIALS_PG": "64",
    "TUNE_PRINT_ALL_TRIAL_ERRORS": "0",
    "TUNE_WARN_THRESHOLD_S": "5",
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
}
"""Environment of the driver: no logger files, no snapshots (the ledger is the truth), no long waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How things stand, as far as starting slots goes: `drew` are the slots that have drawn work."""

    capacity: int
    waiting: int
    drew: frozenset[str]
    ended: bool


class SlotSearcher(Searcher):  # type: ignore[misc]  # ray ships no types
    """Suggests a slot when there is work that no running or starting slot will take."""

    def __init__(self, look: Callable[[], View]) -> None:
        super().__init__()
        self._look = look
        self._live: set[str] = set()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """A slot's configuration, None for not now, FINISHED when all is done."""
        view = self._look()
        if view.ended:
            return None if self._live else str(Searcher.FINISHED)
        starting = len(self._live - view.drew)
        if len(self._live) >= view.capacity or view.waiting <= starting:
            return None
        self._live.add(trial_id)
        return {}

    def on_trial_complete(self, trial_id: str, *_result: Any, **_error: Any) -> None:
        """A slot ended, well or not."""
        self._live.discard(trial_id)

    def save(self, checkpoint_path: str) -> None:
        """Tune insists on a file; there is nothing to keep."""
        Path(checkpoint_path).touch()

    def restore(self, checkpoint_path: str) -> None:
        """Never: a new attempt starts from the ledger."""
        raise NotImplementedError("a study is resumed from the ledger, not from Tune")


class DeathNotice(tune.Callback):  # type: ignore[misc]
    """Tells the dispenser that a slot died, so that its trials are given to others."""

    def __init__(self, lost: Callable[[str, str], None]) -> None:
        self._lost = lost

    def on_trial_error(self, *, trial: Trial, **_info: Any) -> None:
        """Called once for a slot that ended by an error or lost its process."""
        self._lost(trial.trial_id, _reason(trial))


def _reason(trial: Trial) -> str:
    """Why a slot died, in one line: the end of what Ray wrote down."""
    if not trial.error_file or not Path(trial.error_file).exists():
        return "no reason known"
    lines = [line.strip() for line in Path(trial.error_file).read_text().splitlines() if line.strip()]
    return lines[-1][:REASON_CHARS] if lines else "no reason known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What one slot occupies."""

    cpus: float
    gpus: float

    def on(self, node: Mapping[str, float]) -> int:
        """How many slots a node with these resources takes.

        >>> Resources(cpus=2, gpus=0).on({"CPU": 5.0})
        2
        >>> Resources(cpus=1, gpus=0.3).on({"CPU": 64.0, "GPU": 2.0})
        6
        """
        limits = [math.inf]
        if self.cpus:
            limits.append(node.get("CPU", 0.0) // self.cpus)
        if 0 < self.gpus < 1:
            # A fraction never spans two devices.
            limits.append(node.get("GPU", 0.0) * (1 // self.gpus))
        elif self.gpus:
            limits.append(node.get("GPU", 0.0) // self.gpus)
        fewest = min(limits)
        return 0 if math.isinf(fewest) else int(fewest)

    def bundle(self) -> PlacementGroupFactory:
        """The request to Tune."""
        amounts = {"CPU": self.cpus, "GPU": self.gpus}
        return PlacementGroupFactory([{name: amount for name, amount in amounts.items() if amount}])


def capacity(resources: Resources) -> int:
    """How many slots the cluster takes when nobody else uses it; at least one, which then waits."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return max(1, sum(resources.on(node) for node in nodes))


class Look:
    """The dispenser and the cluster as Tune's hooks see them, asked at most every tenth of a second."""

    def __init__(self, board: Board, resources: Resources, *, age_s: float = 0.1) -> None:
        self._board = board
        self._resources = resources
        self._age_s = age_s
        self._seen_at = -math.inf
        self._counted_at = -math.inf
        self._view = View(capacity=0, waiting=0, drew=frozenset(), ended=False)

    def __call__(self) -> View:
        """How things stand."""
        now = time.monotonic()
        if now - self._seen_at < self._age_s:
            return self._view
        num_slots = self._view.capacity
        if now - self._counted_at >= COUNT_S:
            num_slots = capacity(self._resources)
            self._board.resize(num_slots)
            self._counted_at = now
        news = self._board.standing()
        self._view = View(
            capacity=num_slots,
            waiting=news["waiting"],
            drew=frozenset(news["drew"]),
            ended=bool(news["finished"] or news["over"] or news["broken"] or news["desired"] != "run"),
        )
        self._seen_at = now
        return self._view

    def lost(self, slot_id: str, reason: str) -> None:
        """A slot died."""
        released = self._board.lost(slot_id, reason)
        self._seen_at = -math.inf
        retried, given_up = len(released["retried"]), len(released["given_up"])
        logger.warning(
            "slot %s died (%s): %d trials tried again, %d given up", slot_id, reason, retried, given_up
        )


def run_slots(
    board: Board,
    resources: Resources,
    *,
    config: Mapping[str, Any],
    storage: Path,
    slot: type[Slot] = Slot,
) -> None:
    """Run slots until the dispenser has nothing left. Blocks."""
    look = Look(board, resources)
    tuner = tune.Tuner(
        tune.with_resources(slot, resources.bundle()),
        param_space=dict(config),
        tune_config=tune.TuneConfig(search_alg=SlotSearcher(look), num_samples=-1, reuse_actors=False),
        run_config=tune.RunConfig(
            name="slots",
            storage_path=str(storage),
            failure_config=tune.FailureConfig(max_failures=0),
            callbacks=[DeathNotice(look.lost)],
            verbose=0,
        ),
    )
    tuner.fit()
