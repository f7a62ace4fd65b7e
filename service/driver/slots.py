"""One Tune run whose trials are slots: as many as the cluster takes and the work needs."""

import logging
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.exceptions import RayError, RayTaskError
from ray.tune.execution.placement_groups import PlacementGroupFactory
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher
from ray.util import placement_group, placement_group_table, remove_placement_group
from ray.util.placement_group import PlacementGroup

from service.driver.deaths import Inquest
from service.driver.dispenser import Board
from service.driver.places import ReadyWorker, memory_kills_on
from service.driver.sharing import Share, SlotPlacement, share
from trainables.tune import Slot

logger = logging.getLogger(__name__)

LOOK_S = 0.1
SHARE_S = 1.0
HOLD_BACK_S = 2.5
JOB_ID_CHARS = 8
WHERE = 0.001
"""Of the resource that only one node has: it says where, and takes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How things stand, as far as starting slots goes: `drew` are the slots that have drawn work.

    While `resting` none is started: nodes were lost again and again.
    """

    share: Share
    waiting: int
    drew: frozenset[str]
    ended: bool
    resting: bool = False


class SlotSearcher(Searcher):  # type: ignore[misc]  # ray ships no types
    """Suggests a slot when there is work that no running or starting slot will take.

    After a slot has ended it holds back for a moment if others wait for its place: Ray tries waiting
    requests again only now and then, so a new request made at once would overtake all older ones.
    """

    def __init__(
        self,
        look: Callable[[], View],
        ready: "ReadySlots | None" = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._look = look
        self._ready = ready
        self._clock = clock
        self._live: set[str] = set()
        self._freed_at = -math.inf

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """A slot's configuration, None for not now, FINISHED when all is done.

        While there are workers that were loaded beforehand one of them becomes the slot, and no trial.
        """
        for slot_id in self._ready.ended() if self._ready is not None else ():
            self.on_trial_complete(slot_id)
        view = self._look()
        if view.ended:
            return None if self._live else str(Searcher.FINISHED)
        starting = len(self._live - view.drew)
        if view.resting or len(self._live) >= view.share.limit or view.waiting <= starting:
            return None
        just_freed = self._clock() - self._freed_at < HOLD_BACK_S
        if view.share.contended and just_freed and len(self._live) >= view.share.even:
            return None
        ready = self._ready.start() if self._ready is not None else None
        self._live.add(ready or trial_id)
        return {} if ready is None else None

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


class DeathNotice(FIFOScheduler):  # type: ignore[misc]
    """Tells that a slot died, with Ray's words, and whether its process lived and raised an error.

    A scheduler hears of it as a callback does. But for any callback Tune imports all that it comes with,
    MLflow among them: more than a second before the first slot.
    """

    def __init__(self, lost: Callable[[str, str, bool], None]) -> None:
        super().__init__()
        self._lost = lost

    def on_trial_error(self, _controller: Any, trial: Trial) -> None:
        """Called once for a slot that ended by an error or lost its process."""
        words = ""
        if trial.error_file and Path(trial.error_file).exists():
            words = Path(trial.error_file).read_text()
        self._lost(trial.trial_id, words, isinstance(trial.get_pickled_error(), RayTaskError))


class ReadySlots:
    """Slots in processes that were loaded beforehand: each serves for one quantum.

    They hold what other slots hold: a placement group on their node, for which they wait like them.
    """

    def __init__(
        self,
        workers: Sequence[ReadyWorker],
        resources: "Resources",
        config: Mapping[str, Any],
        lost: Callable[[str, str, bool], None],
    ) -> None:
        # The libraries of a process that is loaded have taken its number of threads for one CPU's.
        self._workers = list(workers) if (resources.cpus, resources.gpus) == (1, 0) else []
        self._resources = resources
        self._config = dict(config)
        self._lost = lost
        self._serving: dict[Any, tuple[str, ReadyWorker, PlacementGroup]] = {}

    def start(self) -> str | None:
        """One more; its id, or None when there are no more."""
        if not self._workers:
            return None
        worker = self._workers.pop()
        slot_id = f"ready{len(self._workers)}"
        place = placement_group([{**self._resources.amounts, worker.node: WHERE}])
        serving = worker.actor.serve.remote(slot_id, self._config, place)
        self._serving[serving] = slot_id, worker, place
        return slot_id

    def ended(self) -> list[str]:
        """Those that have ended since they were last asked for; deaths are told."""
        if not self._serving:
            return []
        over, _ = ray.wait(list(self._serving), num_returns=len(self._serving), timeout=0)
        return [self._end(serving) for serving in over]

    def _end(self, serving: Any) -> str:
        slot_id, worker, place = self._serving.pop(serving)
        try:
            ray.get(serving)
        except RayError as error:
            self._lost(slot_id, str(error), isinstance(error, RayTaskError))
        ray.kill(worker.actor)
        remove_placement_group(place)
        return slot_id


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
        >>> Resources(cpus=1, gpus=0.1).fit_on({"CPU": 64.0, "GPU": 1.0})
        10
        """
        limits = [math.inf]
        if self.cpus:
            limits.append(node.get("CPU", 0.0) // self.cpus)
        if 0 < self.gpus < 1:
            # A fraction never spans two devices.
            limits.append(node.get("GPU", 0.0) * math.floor(1 / self.gpus + 1e-9))
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
    nodes = alive_nodes()
    capacity = max(1, sum(resources.fit_on(node) for node in nodes))
    total = {name: sum(node.get(name, 0.0) for node in nodes) for name in resources.amounts}
    _, others = placements()
    return share(capacity=capacity, slot=resources.amounts, total=total, others=others)


def alive_nodes() -> list[dict[str, float]]:
    """The resources of every node there is."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]


def placements() -> tuple[list[SlotPlacement], list[SlotPlacement]]:
    """This job's placement groups that hold or await resources, and those of all others."""
    job = ray.get_runtime_context().get_job_id()
    groups = [
        SlotPlacement(
            # The last four bytes of a group's id are its job's id.
            job=group_id[-JOB_ID_CHARS:],
            amounts=_sum(info["bundles"].values()),
            waiting=info["state"] != "CREATED",
        )
        for group_id, info in placement_group_table().items()
        if info["state"] != "REMOVED"
    ]
    return [group for group in groups if group.job == job], [group for group in groups if group.job != job]


def _sum(bundles: Iterable[Mapping[str, float]]) -> dict[str, float]:
    total: dict[str, float] = defaultdict(float)
    for bundle in bundles:
        for name, amount in bundle.items():
            total[name] += amount
    return dict(total)


class Look:
    """The dispenser and the cluster as Tune's hooks see them, each asked only now and then."""

    def __init__(
        self,
        board: Board,
        resources: Resources,
        *,
        share: Callable[[Resources], Share] = share_of,
        memory_kills: Callable[[str], int | None] = memory_kills_on,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._board = board
        self._resources = resources
        self._share = share
        self._clock = clock
        self._inquest = Inquest(asked_again=board.ask_again, born=board.birth, memory_kills=memory_kills)
        self._seen_at = -math.inf
        self._shared_at = -math.inf
        self._view = View(
            share=Share(limit=0, even=0, contended=False), waiting=0, drew=frozenset(), ended=False
        )

    def __call__(self) -> View:
        """How things stand."""
        now = self._clock()
        if now - self._seen_at < LOOK_S:
            return self._view
        mine = self._view.share
        if now - self._shared_at >= SHARE_S:
            mine = self._share(self._resources)
            self._board.resize(mine.limit)
            self._shared_at = now
        news = self._board.standing()
        self._view = View(
            share=mine,
            waiting=news["waiting"],
            drew=frozenset(news["drew"]),
            ended=bool(news["finished"] or news["over"] or news["broken"] or news["desired"] != "run"),
            resting=news["rest_s"] > 0.0,
        )
        self._seen_at = now
        return self._view

    def lost(self, slot_id: str, words: str, raised: bool) -> None:
        """A slot died."""
        death, said = self._inquest(slot_id, words, raised=raised)
        released = self._board.lost(slot_id, death, said)
        self._seen_at = -math.inf
        logger.warning(
            "slot %s died (%s: %s): %d trials tried again, %d given up",
            *(slot_id, released["death"], said),
            *(len(released["retried"]), len(released["given_up"])),
        )


def run_slots(
    board: Board,
    resources: Resources,
    *,
    config: Mapping[str, Any],
    storage: Path,
    slot: type[Slot] = Slot,
    workers: Sequence[ReadyWorker] = (),
) -> None:
    """Run slots until the dispenser has nothing left. Blocks."""
    look = Look(board, resources)
    ready = ReadySlots(workers, resources, config, look.lost)
    tuner = tune.Tuner(
        tune.with_resources(slot, resources.bundle()),
        param_space=dict(config),
        tune_config=tune.TuneConfig(
            search_alg=SlotSearcher(look, ready),
            scheduler=DeathNotice(look.lost),
            num_samples=-1,
            reuse_actors=False,
        ),
        run_config=tune.RunConfig(
            name="slots",
            storage_path=str(storage),
            failure_config=tune.FailureConfig(max_failures=0),
            verbose=0,
        ),
    )
    tuner.fit()
