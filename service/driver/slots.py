"""One Tune run whose trials are slots: as many as the cluster takes and the work needs."""

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.experiment import Trial
from ray.tune.search import Searcher
from ray.util import placement_group_table

from service.driver.dispenser import Board
from service.driver.sharing import Share, SlotPlacement, share
from trainables.tune import Slot

logger = logging.getLogger(__name__)

REASON_CHARS = 300
LOOK_S = 0.1
SHARE_S = 1.0
HOLD_BACK_S = 2.5
JOB_ID_CHARS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How things stand, as far as starting slots goes: `drew` are the slots that have drawn work."""

    share: Share
    waiting: int
    drew: frozenset[str]
    ended: bool


class SlotSearcher(Searcher):  # type: ignore[misc]  # ray ships no types
    """Suggests a slot when there is work that no running or starting slot will take.

    After a slot has ended it holds back for a moment if others wait for its place: Ray tries waiting
    requests again only now and then, so a new request made at once would overtake all older ones.
    """

    def __init__(self, look: Callable[[], View], *, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._look = look
        self._clock = clock
        self._live: set[str] = set()
        self._freed_at = -math.inf

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """A slot's configuration, None for not now, FINISHED when all is done."""
        view = self._look()
        if view.ended:
            return None if self._live else str(Searcher.FINISHED)
        starting = len(self._live - view.drew)
        if len(self._live) >= view.share.limit or view.waiting <= starting:
            return None
        just_freed = self._clock() - self._freed_at < HOLD_BACK_S
        if view.share.contended and just_freed and len(self._live) >= view.share.even:
            return None
        self._live.add(trial_id)
        return {}

    def on_trial_complete(self, trial_id: str, *_result: Any, **_error: Any) -> None:
        """A slot ended, well or not."""
        self._live.discard(trial_id)
        self._freed_at = self._clock()

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

    def fit_on(self, node: Mapping[str, float]) -> int:
        """How many slots a node with these resources takes.

        >>> Resources(cpus=2, gpus=0).fit_on({"CPU": 5.0})
        2
        >>> Resources(cpus=1, gpus=0.3).fit_on({"CPU": 64.0, "GPU": 2.0})
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

    @property
    def amounts(self) -> dict[str, float]:
        """By Ray's names."""
        return {name: amount for name, amount in (("CPU", self.cpus), ("GPU", self.gpus)) if amount}

    def bundle(self) -> PlacementGroupFactory:
        """The request to Tune."""
        return PlacementGroupFactory([self.amounts])


def share_of(resources: Resources) -> Share:
    """This job's share of the cluster as it is now: at least one slot, which then waits."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    capacity = max(1, sum(resources.fit_on(node) for node in nodes))
    total = {name: sum(node.get(name, 0.0) for node in nodes) for name in resources.amounts}
    job = ray.get_runtime_context().get_job_id()
    others = [group for group in _groups() if group.job != job]
    return share(capacity=capacity, slot=resources.amounts, total=total, others=others)


def _groups() -> list[SlotPlacement]:
    """Every job's placement groups that hold or await resources."""
    return [
        SlotPlacement(
            # The last four bytes of a group's id are its job's id.
            job=group_id[-JOB_ID_CHARS:],
            amounts=_sum(info["bundles"].values()),
            waiting=info["state"] != "CREATED",
        )
        for group_id, info in placement_group_table().items()
        if info["state"] != "REMOVED"
    ]


def _sum(bundles: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for bundle in bundles:
        for name, amount in bundle.items():
            total[name] += amount
    return dict(total)


class Look:
    """The dispenser and the cluster as Tune's hooks see them, each asked only now and then."""

    def __init__(self, board: Board, resources: Resources) -> None:
        self._board = board
        self._resources = resources
        self._seen_at = -math.inf
        self._shared_at = -math.inf
        self._view = View(
            share=Share(limit=0, even=0, contended=False), waiting=0, drew=frozenset(), ended=False
        )

    def __call__(self) -> View:
        """How things stand."""
        now = time.monotonic()
        if now - self._seen_at < LOOK_S:
            return self._view
        mine = self._view.share
        if now - self._shared_at >= SHARE_S:
            mine = share_of(self._resources)
            self._board.resize(mine.limit)
            self._shared_at = now
        news = self._board.standing()
        self._view = View(
            share=mine,
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
