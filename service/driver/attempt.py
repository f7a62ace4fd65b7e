"""One attempt at a study, as its driver goes about it."""

import logging
import shutil
import signal
import threading
from collections.abc import Sequence
from pathlib import Path

import ray

from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from ablations.study.spec import StudySpec
from service.driver.dispenser import NAME, Board
from service.driver.feed import Feed, Step
from service.driver.places import ask
from service.driver.preparation import Preparation
from service.driver.settings import DriverSettings
from service.driver.slots import Resources, run_slots
from service.driver.watchdog import Watchdog, exit_now
from service.protocol import Result, Task, Work
from trainables.catalogue import load_catalogue
from trainables.errors import TrainableError

logger = logging.getLogger("ablate.driver")

FINISH_S = 10.0
OUTSIDE = {"interrupted": "cancelled"}
"""What the service calls an end; here it matters whether the study goes on and needs its checkpoints."""


class Driver:
    """One attempt: gets the work, feeds the dispenser, runs slots, and ends the attempt once."""

    def __init__(self, board: Board, work: Work, settings: DriverSettings) -> None:
        self._board = board
        self._settings = settings
        study = parse_study(dict(work.study.spec))
        self._resources = study.resources
        self._device = _device(study)
        probe = ask(self._device, study.resources.cpus, study.resources.gpus, settings.environ)
        catalogue = load_catalogue(settings.datasets_dir)
        self._design = compile_design(study, catalogue.manifest(study.trainable))
        self._rows = {row.id: row for row in work.trials}
        self._feed = Feed(self._design, work.trials)
        self._preparation = Preparation(
            catalogue, self._design, datasets_dir=settings.datasets_dir, place=lambda: ray.get(probe)
        )
        self._num_ended = 0

    def begin(self) -> None:
        """Hand the first trials to the dispenser."""
        self._do(self._feed.start())

    def take(self, results: Sequence[Result]) -> None:
        """Tell results, one line each, and hand out what they make possible."""
        for result in results:
            self._num_ended += 1
            logger.info("%s", self._line(result))
        self._do(self._feed.take(results))

    def run(self, namespace: str, storage: Path) -> None:
        """Run slots until all trials have ended. Blocks."""
        kept = self._settings.checkpoints_dir
        config = {
            "dispenser": NAME,
            "namespace": namespace,
            "trainable": self._design.manifest.name,
            "device": self._device,
            "threads": self._resources.cpus,
            "datasets_dir": str(self._settings.datasets_dir),
            "checkpoints": None if kept is None else str(kept),
            "pack": self._design.pack,
            "quantum_s": self._settings.quantum_s,
        }
        slot = Resources(cpus=self._resources.cpus, gpus=self._resources.gpus)
        run_slots(self._board, slot, config=config, storage=storage)
        end = self._board.standing()
        if end["steps"]:
            share = end["wasted"] / end["steps"]
            logger.info("%d steps in packs, %.1f %% of them for nothing", end["steps"], 100 * share)

    def _do(self, step: Step) -> None:
        tasks: list[Task] = []
        hopeless = dict(step.hopeless)
        for trial in step.ready:
            row = self._rows[trial.trial_id]
            measuring = row.phase == "measuring"
            try:
                tasks.append(
                    self._preparation.task(trial.trial_id, trial.settings, row.seed, measuring=measuring)
                )
            except TrainableError as error:
                hopeless[trial.trial_id] = str(error)
        if tasks:
            self._board.add(tasks, recall=self._design.study.tuning is not None)
        if hopeless:
            self._board.fail(hopeless)
        if self._feed.exhausted:
            self._board.close()

    def _line(self, result: Result) -> str:
        row = self._rows[result.trial_id]
        candidate = "" if row.candidate is None else f" candidate={row.candidate}"
        seconds = "" if result.seconds is None else f" {result.seconds:.1f} s"
        metrics = "".join(
            f" {name}={value:.4g}"
            for name, value in (result.metrics or {}).items()
            if isinstance(value, int | float)
        )
        reason = f" ({result.reason})" if result.reason else ""
        how = "reused" if result.reused else result.state
        name = f"{row.phase} {row.arm}{candidate} seed={row.seed}"
        return f"{how} [{self._num_ended}] {name}{seconds}{metrics}{reason}"


def _device(study: StudySpec) -> str:
    return "cuda" if study.resources.gpus else "cpu"


class Exit:
    """The one way out: tells the service how the attempt ended, then ends the process."""

    def __init__(self, board: Board, storage: Path, checkpoints: Path | None) -> None:
        self._board = board
        self._storage = storage
        self._checkpoints = checkpoints
        self._lock = threading.Lock()

    def __call__(self, state: str, error: str | None) -> None:
        """Does not return. Whoever calls second waits for the first to end the process."""
        with self._lock:
            try:
                self._tell(state, error)
            except Exception:
                # Above all a dispenser that is dead: nobody is left who could be told.
                logger.exception("the service could not be told that this attempt ended")
            finally:
                logger.info("driver ends: %s%s", state, f" ({error})" if error else "")
                shutil.rmtree(self._storage, ignore_errors=True)
                exit_now(1 if state == "failed" else 0)

    def _tell(self, state: str, error: str | None) -> None:
        if state == "over":
            logger.warning("this attempt is over: %s", error)
        elif not self._board.finish(OUTSIDE.get(state, state), error, timeout_s=FINISH_S):
            logger.warning("the service did not hear that this attempt ended")
        elif state in ("done", "cancelled") and self._checkpoints is not None:
            # Trials that no worker held when the study was cancelled have left theirs.
            shutil.rmtree(self._checkpoints, ignore_errors=True)


def drive(board: Board, leave: Exit, settings: DriverSettings, namespace: str, storage: Path) -> None:
    """Everything between being connected and leaving."""
    work = board.open()
    logger.info("study %s (%s): %d trials", work.study.id, work.study.name, len(work.trials))
    driver = Driver(board, work, settings)
    watchdog = Watchdog(board, take=driver.take, leave=leave)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: watchdog.signalled.set())
    driver.begin()
    watchdog.start()
    driver.run(namespace, storage)
    watchdog.ended.set()
    watchdog.join()
    leave(*(watchdog.look() or ("done", None)))
