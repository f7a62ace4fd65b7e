"""A simulated attempt: the product's driver, dispenser and courier, over simulated Tune and slots."""

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.exceptions import RayError
from ray.tune.search import Searcher

from ablations.design.design import Design
from service.driver.attempt import Driver, Exit, conduct
from service.driver.client import HttpInternal, InternalError, converse
from service.driver.dispenser import Board, Dispenser
from service.driver.settings import DriverSettings
from service.driver.sharing import Share
from service.driver.slots import Look, Resources, SlotSearcher
from service.protocol import LOST_EXIT, Task, Work
from tests.simulation.cluster import NODE_GONE, SimActor, SimJob, SimRay
from tests.simulation.kernel import Process
from trainables.slot import DispenserSource
from trainables.training.lease import Lease, Outcome, Report, State

NOWHERE = Path("/nonexistent/simulation")
RAISED = 1
DIED = "The actor is dead because its worker process has died."
WORDS = {RAISED: "RayError: raised", NODE_GONE: "The actor died because its node has died."}
"""What Ray says of a slot that ended with this code."""
HANGS_S = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How quick things are in one schedule; seconds."""

    beat_s: float = 2.0
    tune_s: float = 0.5
    step_s: float = 1.0
    most_import_s: float = 2.0
    pack: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """A slot began to train a trial."""

    study_id: str
    attempt: int
    trial_id: str
    at: float


def fate(settings: Mapping[str, Any], seed: int) -> str:
    """How a trial ends wherever it runs: done, failed or diverged; or its worker dies or hangs every time."""
    return str(settings.get("fate", "done")) if seed % 2 == 0 else "done"


def measured(settings: Mapping[str, Any], seed: int) -> float:
    """What a trial measures: the same wherever and however often it runs."""
    text = json.dumps([sorted(settings.items()), seed])
    return zlib.crc32(text.encode()) / 2**32


class SimPreparation:
    """Fingerprints of settings and seeds alone: all code, data and machines of a simulation are the same."""

    def task(self, trial_id: str, settings: Mapping[str, Any], seed: int, *, measuring: bool) -> Task:
        text = json.dumps([sorted(settings.items()), seed])
        lease = Lease(
            trial_id=trial_id,
            settings=dict(settings),
            seed=seed,
            fingerprint=hashlib.sha256(text.encode()).hexdigest(),
            tests=measuring,
        )
        return Task(lease=lease, metrics=("test_accuracy",) if measuring else ("val_accuracy",))


class SimBoard(Board):
    """The product's Board; its one way to the actor is the simulated network."""

    def __init__(self, actor: SimActor) -> None:
        self._sim = actor

    def _call(self, method: str, *arguments: Any) -> Any:
        return self._sim.call(method, *arguments)


class SimDispenser(Dispenser):
    """The product's Dispenser; it ends slots by the simulation's hand."""

    end_slot: Callable[[str], None]

    def kill(self, slot_id: str) -> None:
        super().kill(slot_id)
        self.end_slot(slot_id)


class SimDriver:
    """Everything of one attempt on the cluster: `run` is the program of its job."""

    def __init__(
        self,
        ray: SimRay,
        http: Any,
        design: Callable[[Mapping[str, Any]], Design],
        pace: Pace,
        trained: list[Trained],
    ) -> None:
        self._ray = ray
        self._kernel = ray.kernel
        self._http = http
        self._design = design
        self._pace = pace
        self._trained = trained

    def run(self, job: SimJob) -> None:
        """As `python -m service.driver JOB`."""
        kernel, process = self._kernel, job.process
        study_id, attempt = job.job.metadata["ablate_study"], int(job.job.metadata["ablate_attempt"])
        kernel.sleep(self._ray.rng.uniform(0.1, self._pace.most_import_s))
        settings = DriverSettings.from_env(job.job.env)
        timing = process.timing()
        try:
            internal = converse(self._http, settings.ticket, job.job.submission_id, timing)
        except InternalError:
            kernel.kill(process, LOST_EXIT)
        actor = self._start_dispenser(process, internal)
        board = SimBoard(actor)
        leave = Exit(board, NOWHERE, None, end=lambda code: kernel.kill(process, code), timing=timing)
        slots: dict[str, Process] = {}
        actor.instance.end_slot = lambda slot_id: self._end_slot(slots, slot_id)

        def heed(told: Callable[[], None]) -> None:
            job.told = told

        conduct(
            board,
            leave,
            settings,
            lambda _driver: self._run_slots(board, actor, process, slots, (study_id, attempt)),
            make=self._make,
            heed=heed,
            timing=timing,
        )

    def _make(self, board: Board, work: Work, settings: DriverSettings) -> Driver:
        return Driver(board, work, settings, self._design(work.study.spec), SimPreparation())  # type: ignore[arg-type]

    def _start_dispenser(self, owner: Process, internal: HttpInternal) -> SimActor:
        process = self._kernel.process(f"{owner.name} dispenser")
        actor = SimActor(self._ray.actors, process)
        actor.instance = SimDispenser(lambda: internal, beat_s=self._pace.beat_s, timing=process.timing())
        self._dies_with(process, owner)
        return actor

    def _dies_with(self, process: Process, owner: Process) -> None:
        """Ray ends what a dead process owned, a moment later."""
        after_s = self._ray.rng.uniform(0.0, 8.0)

        def mourn() -> None:
            reaper = self._kernel.process("reaper")
            reaper.spawn(lambda: self._kernel.kill(process), process.name, in_s=after_s)

        owner.mourners.append(mourn)

    def _end_slot(self, slots: Mapping[str, Process], slot_id: str) -> None:
        if slot_id in slots:
            self._kernel.kill(slots[slot_id])

    # What Tune does.

    def _run_slots(
        self,
        board: Board,
        actor: SimActor,
        process: Process,
        slots: dict[str, Process],
        who: tuple[str, int],
    ) -> None:
        """Tune's controller: starts what the product's searcher suggests and tells of ends."""
        kernel, rng = self._kernel, self._ray.rng
        clock = process.timing().monotonic
        look = Look(
            board,
            Resources(cpus=1, gpus=0),
            share=lambda _resources: self._share(),
            memory_kills=lambda _node_id: 0,
            clock=clock,
        )
        searcher = SlotSearcher(look, clock=clock)
        num = 0
        while True:
            for slot_id in [slot_id for slot_id, slot in slots.items() if not slot.alive]:
                slot = slots.pop(slot_id)
                died = slot.exit_code != 0
                if died:
                    look.lost(slot_id, WORDS.get(slot.exit_code or 0, DIED), slot.exit_code == RAISED)
                searcher.on_trial_complete(slot_id, error=died)
            while (suggested := searcher.suggest(f"s{num}")) not in (None, Searcher.FINISHED):
                slot_id, num = f"s{num}", num + 1
                slots[slot_id] = self._start_slot(process, actor, slot_id, who)
            if suggested == Searcher.FINISHED and not slots:
                return
            kernel.sleep(self._pace.tune_s * rng.uniform(0.5, 1.5))

    def _share(self) -> Share:
        return Share(limit=self._ray.num_nodes, even=self._ray.num_nodes, contended=False)

    def _start_slot(self, owner: Process, actor: SimActor, slot_id: str, who: tuple[str, int]) -> Process:
        process = self._kernel.process(f"{owner.name} {slot_id}")
        self._ray.slots[process] = self._ray.rng.randrange(self._ray.num_nodes)
        process.mourners.append(lambda: self._ray.slots.pop(process, None))
        self._dies_with(process, owner)
        process.spawn(lambda: self._slot(process, actor, slot_id, who), "slot")
        return process

    # What a slot does.

    def _slot(self, process: Process, actor: SimActor, slot_id: str, who: tuple[str, int]) -> None:
        kernel, rng = self._kernel, self._ray.rng

        def calls(method: str, *arguments: Any) -> Any:
            return actor.call(method, *arguments)

        kernel.sleep(rng.uniform(0.1, self._pace.most_import_s))
        try:
            calls("join", slot_id, None)
            timing = process.timing()
            source = DispenserSource(
                calls, slot_id, quantum_s=20.0, clock=timing.monotonic, sleep=timing.sleep
            )
            sizes = dict(calls("sizes"))
            while leases := source.draw(self._pace.pack):
                self._train(process, source, leases, who)
            calls("learn", sizes, 1, 0)
            calls("leave", slot_id)
        except RayError as error:
            kernel.say(f"{process.name}: {type(error).__name__}")
            kernel.kill(process, RAISED)
        kernel.kill(process, 0)

    def _train(self, process: Process, source: DispenserSource, leases: Any, who: tuple[str, int]) -> None:
        """A pack of trials, step by step; members end one by one."""
        kernel, rng = self._kernel, self._ray.rng
        left = {lease.trial_id: lease for lease in leases}
        for lease in leases:
            self._trained.append(
                Trained(study_id=who[0], attempt=who[1], trial_id=lease.trial_id, at=kernel.now)
            )
            kernel.say(f"{lease.trial_id} begins")
        for step in (1, 2):
            kernel.sleep(rng.uniform(0.2, 2.0) * self._pace.step_s)
            reports = [
                Report(
                    trial_id=i, step=step, metrics={"val_accuracy": measured(one.settings, one.seed) / step}
                )
                for i, one in left.items()
            ]
            for trial_id, word in source.report(reports).items():
                source.commit([outcome(left.pop(trial_id), word)])
            if any(fate(one.settings, one.seed) == "kills" for one in left.values()):
                kernel.kill(process, 3)
            if any(fate(one.settings, one.seed) == "hangs" for one in left.values()):
                kernel.sleep(HANGS_S)
            if not left:
                return
        ended = [outcome(one, fate(one.settings, one.seed)) for one in left.values()]
        for one in ended if rng.random() < 0.5 else [ended]:
            source.commit(one if isinstance(one, list) else [one])


def outcome(lease: Lease, state: str) -> Outcome:
    """How a trial ends."""
    value = measured(lease.settings, lease.seed)
    told: State = state  # type: ignore[assignment]
    return Outcome(
        trial_id=lease.trial_id,
        state=told,
        metrics={"test_accuracy": value, "val_accuracy": value / 2} if state in ("done", "diverged") else {},
        curve={"val_accuracy": [(1.0, value), (2.0, value / 2)]} if state == "done" else {},
        reason=None if state == "done" else f"it {state}",
        seconds=2.0,
    )
