"""One schedule: the service's processes, its users and its misfortunes, from a seed to what came of it."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import httpx

from ablations.results.results import TrialRecord
from service.budgets import Budgets
from service.cluster import RayCluster
from service.ledger import arrivals, attempts, outbox, studies, trials
from service.ledger.attempts import Attempt
from service.ledger.studies import StudyRow
from service.settings import Settings
from service.worker.__main__ import make_loops
from service.worker.leadership import Leadership
from service.worker.mlflow.publisher import Publisher
from service.worker.reconciler import Reconciler
from service.worker.reports.build import Built, error_of, final_state
from service.worker.reports.making import Judged, Maker
from service.worker.reports.schedule import ReportBuilder
from tests.promises.checker import check
from tests.promises.found import FoundStudy, Promises
from tests.promises.reading import read, settled
from tests.simulation.api import PROJECT, ApiHttp, SimApi
from tests.simulation.cluster import Lies, RayHttp, SimRay
from tests.simulation.conditions import Conditions, Request, draw_conditions
from tests.simulation.driver import SimDriver, Trained, fate, measured
from tests.simulation.kernel import Endless, Flag, Hands, Kernel, Process
from tests.simulation.memory_ledger import Database, LedgerTrouble, LedgerView, remembered
from tests.simulation.misfortune import Misfortune
from tests.simulation.network import Network
from tests.simulation.shown import FakeShown
from tests.simulation.studies import CATALOGUE, design_of, study_of
from tests.simulation.tracking import FarTracker, SimMlflow

NOWHERE = Path("/nonexistent/simulation")
WITHIN_S = 800.0
"""After the last fault everything has ended within so many virtual seconds."""
USER_TIMEOUT_S = 10.0
STALL_S = 15.0
LATEST_S = 40.0
"""No request to MLflow is on its way for longer: 15 s late, and 20 s later once more."""
SLOW = {"leadership": 2.0, "arrivals": 1.0}
"""How many times as long as the product's these loops pause; the others as a schedule says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of a seed: what was violated, and what a replay must repeat."""

    seed: int
    violations: tuple[str, ...]
    num_steps: int
    digest: int
    virtual_s: float
    trace: tuple[str, ...] = ()


class DigestMaker(Maker):
    """Reads as the product's Maker does and decides as it does; builds a digest in the place of a report."""

    def __init__(self, ledger: LedgerView, process: Process, rng: Random) -> None:
        super().__init__(ledger, CATALOGUE.manifest)  # type: ignore[arg-type]
        self._process = process
        self._rng = rng

    def judge(self, study: StudyRow) -> Judged:
        records, past, effects = self._digested(study, interim=study.state == "cancelled")
        state = study.state if study.state == "cancelled" else final_state(records)
        error = error_of(records, past) if state == "failed" else None
        return Judged(effects=effects, state=state, error=error)

    def make(self, study: StudyRow, *, final: bool) -> Built:
        _, _, effects = self._digested(study, interim=not final)
        return Built(effects=effects, formats={"json": json.dumps(effects)}, report=None)  # type: ignore[arg-type]

    def _digested(
        self, study: StudyRow, *, interim: bool
    ) -> tuple[list[TrialRecord], list[Attempt], dict[str, Any]]:
        with self._ledger.read() as tx:
            records = [TrialRecord.from_json(record) for record in trials.each_record(tx, study.id)]
            past = attempts.all_of(tx, study.id)
        self._process.kernel.sleep(self._rng.uniform(0.05, 3.0))
        effects = {"interim": interim, "contrasts": [], "exploratory": [], "digest": digest_of(records)}
        return records, past, effects

    def draw(self, _report: object) -> tuple[()]:
        return ()


def digest_of(records: Sequence[TrialRecord]) -> list[Any]:
    """What a report is built of."""
    return [[r.arm_id, r.seed, r.state, dict(r.metrics)] for r in records]


@cache
def database() -> Database:
    """This process's one connection."""
    return Database()


class World:
    """All processes of one schedule."""

    def __init__(self, seed: int, conditions: Conditions) -> None:
        self.seed, self.conditions = seed, conditions
        self.kernel = kernel = Kernel(seed)
        self.rng = Random(f"{seed} world")
        self.ledger = database().fresh(kernel.wall)
        self.trouble = LedgerTrouble(kernel, seed)
        self.trouble.commit_unknown = conditions.commit_unknown
        self.trouble.locked = conditions.locked
        self.network = Network(kernel, seed, conditions.weather)
        self.actors = Network(kernel, seed + 1, conditions.actor_weather)
        self.to_mlflow = Network(kernel, seed + 2, conditions.mlflow_weather)
        self.settings = Settings(
            data_dir=NOWHERE,
            database_url="sqlite:///unused",
            internal_url="http://api",
            public_url="http://api",
            mlflow_url="http://mlflow",
            secret="s",
            lease_s=conditions.lease_s,
            standbys=0,
            budgets=Budgets(stall_s=STALL_S),
        )
        self.trained: list[Trained] = []
        self.promises = Promises()
        self.api = SimApi(kernel, self.network, self.settings, self.view, CATALOGUE)
        self.mlflow = SimMlflow(kernel, self.to_mlflow)
        self.driver: SimDriver
        self.ray = SimRay(
            kernel, seed, self.network, self.actors, lambda job: self.driver.run(job), conditions.lies
        )
        self.driver = SimDriver(self.ray, ApiHttp(self.api), design_of, conditions.pace, self.trained)
        self.workers: list[Process] = []
        self.leaderships: dict[int, Leadership] = {}
        self.users = kernel.process("user")
        self.study_ids: dict[int, str] = {}
        self._keys = count()
        for number in range(conditions.num_workers):
            self.workers.append(self.start_worker(number))

    def view(self) -> LedgerView:
        """The ledger as a process sees it."""
        return LedgerView(self.ledger, self.trouble)

    def start_worker(self, number: int) -> Process:
        """As `python -m service.worker`."""
        kernel = self.kernel
        process = kernel.process(f"worker{number}")
        clock = process.timing().monotonic
        view: Any = self.view()
        cluster = RayCluster(RayHttp(self.ray))  # type: ignore[arg-type]
        reconciler = Reconciler(
            self.settings, view, lambda: cluster, api_answers=self._api_answers, clock=clock
        )
        builder = ReportBuilder(
            view,
            CATALOGUE.manifest,
            maker=DigestMaker(view, process, self.rng),
            hands=Hands(process),
            clock=clock,
        )
        leadership = self.leaderships[number] = Leadership(view, clock=clock)
        publisher = Publisher(
            self.settings,
            view,
            plan=lambda _study: b"{}",
            leads=partial(self._leads, number, leadership),
            tracker=FarTracker(self.mlflow),
            manifests=CATALOGUE,
            hands=Hands(process),
            clock=clock,
        )
        stopped = Flag(kernel)
        for loop in make_loops(view, reconciler, builder, leadership, publisher):
            slow = SLOW.get(loop.name, self.conditions.slowness)
            paced = replace(loop, pause_s=loop.pause_s * slow)
            process.spawn(lambda paced=paced: paced.run(stopped), loop.name, in_s=self.rng.uniform(0, 2))
        return process

    def _leads(self, number: int, leadership: Leadership) -> bool:
        """As the publisher asks; what two leaders do is mended later, so that they are two is noted here."""
        leads = leadership.leads()
        others = [other for at, other in self.leaderships.items() if at != number and self.workers[at].alive]
        if leads and "clock" not in self.conditions.faults and any(other.leads() for other in others):
            self.kernel.uncaught.append("two workers lead at once")
        return leads

    def _api_answers(self) -> bool:
        http = ApiHttp(self.api, timeout_s=2.0)
        try:
            return bool(http.request("GET", "/healthz").is_success)
        except httpx.TransportError:
            return False

    # What users do.

    def begin(self) -> None:
        """Users come, and so does misfortune."""
        for number, form in enumerate(self.conditions.forms):
            at_s = self.rng.uniform(0, 3)
            self.users.spawn(lambda n=number, f=form: self._submit(n, f), "submit", in_s=at_s)
        for request in self.conditions.requests:
            for _ in range(request.times):
                self.users.spawn(lambda r=request: self._request(r), request.verb, in_s=request.at_s)
        fate_ = self.kernel.process("fate")
        if self.conditions.faults:
            fate_.spawn(Misfortune(self).run, "faults")

    def _submit(self, number: int, form: str) -> None:
        """Under one key until it is accepted."""
        body = json.dumps(study_of(form)).encode()
        key = f"key-{number}"
        self.promises.makes(key)
        while True:
            answer = self._post("/v1/studies", body, {"Idempotency-Key": key})
            if answer is not None and answer[0] == 202:
                self.study_ids[number] = answer[1]["id"]
                self.promises.accepted(answer[1]["id"], key)
                return
            self.kernel.sleep(self.rng.uniform(0.5, 3.0))

    def _request(self, request: Request) -> None:
        while request.study not in self.study_ids:
            self.kernel.sleep(1.0)
        study_id = self.study_ids[request.study]
        body, key = b"", f"{request.verb}-{next(self._keys)}"
        if request.verb == "extend":
            body = json.dumps({"seeds": self.rng.choice((3, 4))}).encode()
            self.promises.makes(key)
        for _ in range(8):
            asked = self.promises.ask(study_id, request.verb, key)
            answer = self._post(f"/v1/studies/{study_id}/{request.verb}", body, {"Idempotency-Key": key})
            if answer is None or answer[0] >= 500:
                self.kernel.sleep(self.rng.uniform(0.5, 3.0))
                continue
            self.promises.answered(asked, answer[0])
            if request.verb == "extend" and answer[0] == 202:
                self.promises.accepted(answer[1]["id"], key)
            if answer[0] != 409 or self.rng.random() < 0.5:
                return
            # Not now; perhaps later.
            self.kernel.sleep(self.rng.uniform(2.0, 10.0))

    def _post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, Any] | None:
        http = ApiHttp(self.api, timeout_s=USER_TIMEOUT_S)
        try:
            answer = http.request("POST", path, content=body, headers=headers)
        except httpx.TransportError:
            return None
        return answer.status_code, answer.json()

    # The end.

    def calm(self) -> None:
        """Faults stop; who is gone comes back."""
        self.trouble.calm()
        for network in (self.network, self.actors, self.to_mlflow):
            network.calm()
        self.ray.lies = Lies()
        for process in self.kernel._processes:
            process.fuse = None
            process.stopped_until = min(process.stopped_until, self.kernel.now)
        if self.conditions.ends_resumed:
            self.users.spawn(self._resume_all, "resume")

    def _resume_all(self) -> None:
        while self.users.tasks.keys() - {t for t in self.users.tasks if t.name == "resume"}:
            self.kernel.sleep(2.0)
        for study_id in self.promises.study_ids:
            self._request_now(study_id)

    def _request_now(self, study_id: str) -> None:
        asked = self.promises.ask(study_id, "resume")
        answer = self._post(f"/v1/studies/{study_id}/resume", b"", {})
        self.promises.answered(asked, answer[0] if answer else 503)

    def check_quiet(self) -> list[str]:
        """Where nothing happened to anybody, nothing was tried twice and every trial ended as it should."""
        wrong = []
        with self.ledger.read() as tx:
            for study_id in self.promises.study_ids:
                if (num := attempts.count(tx, study_id)) > 1:
                    wrong.append(f"quiet: {num} attempts")
                for row in trials.page(tx, study_id, limit=500):
                    state = fate(row.settings, row.seed)
                    if row.state != ("failed" if state in ("kills", "hangs") else state):
                        wrong.append(f"quiet: {row.id[:6]} is {row.state} and not {state}: {row.reason}")
        return wrong

    def settled(self) -> bool:
        """Whether nothing more is going to happen."""
        if self.users.tasks or self.network.num_on_way:
            return False
        if any(job.alive for job in self.ray.all_processes) or self.to_mlflow.num_on_way:
            return False
        with self.ledger.read() as tx:
            return settled(tx, PROJECT)


def run_seed(seed: int, *, traced: bool = False, conditions: Conditions | None = None) -> Ran:
    """One schedule from its seed to the checker's word."""
    conditions = conditions or draw_conditions(seed)
    with ExitStack() as stack:
        stack.enter_context(_deterministic(seed, conditions))
        world = World(seed, conditions)
        stack.enter_context(remembered(database(), world.trouble.reading))
        kernel = world.kernel
        if traced:
            kernel.trace = []
        ended, trouble = False, []
        try:
            world.begin()
            kernel.run(by=conditions.calm_at_s)
            world.calm()
            ended = kernel.run(world.settled, by=kernel.now + WITHIN_S)
        except Endless as error:
            trouble = [f"liveness: {error}"]
        if not ended and not trouble:
            trouble = [
                f"liveness: not everything has ended {WITHIN_S:.0f} virtual seconds after the last fault"
            ]
        with world.ledger.read() as tx:
            began = ((one.study_id, one.attempt, one.trial_id) for one in world.trained)
            found = read(tx, FakeShown(world.mlflow.stored), project=PROJECT, began=began)
        checked = check(
            found, world.promises, ended=ended, expected=expected if ended else None, answers=check_digest
        )
        quiet = world.check_quiet() if conditions.quiet and ended else []
        violations = (*trouble, *checked, *kernel.uncaught, *quiet)
        kernel.end()
    return Ran(
        seed=seed,
        violations=violations,
        num_steps=kernel.num_steps,
        digest=kernel.digest,
        virtual_s=kernel.now,
        trace=tuple(kernel.trace or ()),
    )


def expected(settings: Mapping[str, Any], seed: int) -> tuple[str, float | None]:
    """The state and the result that a trial has if nothing keeps it from ending."""
    state = fate(settings, seed)
    return state, measured(settings, seed) if state in ("done", "diverged") else None


def check_digest(one: FoundStudy) -> Iterator[str]:
    """The last build was made of the results that are there."""
    if one.answer is not None and one.answer.effects.get("digest") != digest_of(one.records):
        yield "build: the last report was made of other results"


@contextmanager
def _deterministic(seed: int, conditions: Conditions) -> Iterator[None]:
    """What the product takes from the machine and a schedule may not: ids, and the speed of slices."""
    numbers = count()
    saved = studies.new_id, arrivals.SLICE, arrivals.LEAST, arrivals.SLICE_S, arrivals.PAUSE_S
    check_after_s, outbox.CHECK_AFTER_S = outbox.CHECK_AFTER_S, LATEST_S
    studies.new_id = lambda: f"{seed % 2**40:012x}{next(numbers):012x}"
    arrivals.SLICE_S, arrivals.PAUSE_S = 1e9, 0.0
    if conditions.small_slices:
        arrivals.SLICE, arrivals.LEAST = 3, 3
    quiet = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        studies.new_id, arrivals.SLICE, arrivals.LEAST, arrivals.SLICE_S, arrivals.PAUSE_S = saved
        outbox.CHECK_AFTER_S = check_after_s
        logging.disable(quiet)
