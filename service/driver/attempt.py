"""One attempt at a study, as its driver goes about it."""

import logging
import shutil
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from ray.exceptions import RayActorError

from ablations.design.design import Design
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from ablations.study.spec import StudySpec
from service.driver.client import Stale
from service.driver.dispenser import NAME, Board
from service.driver.feed import Feed, Step
from service.driver.needs import Needs
from service.driver.places import ReadyWorker, Workers
from service.driver.preparation import Preparation
from service.driver.settings import DriverSettings
from service.driver.slots import Resources, run_slots
from service.driver.watchdog import Watchdog, exit_now
from service.protocol import LOST_EXIT, Result, Task, Work
from service.timing import REAL, Timing
from trainables.catalogue import load_catalogue
from trainables.errors import TrainableError

logger = logging.getLogger("ablate.driver")

FINISH_S = 10.0
OUTSIDE = {"interrupted": "cancelled"}
"""What the service calls an end; here it matters whether the study goes on and needs its checkpoints."""


class Driver:
    """One attempt: gets the work, feeds the dispenser, runs slots, and ends the attempt once."""

    def __init__(
        self,
        board: Board,
        work: Work,
        settings: DriverSettings,
        design: Design,
        preparation: Preparation,
        workers: Sequence[ReadyWorker] = (),
    ) -> None:
        self._board = board
        self._settings = settings
        self._design = design
        self._preparation = preparation
        self._workers = workers
        self._checkpoints = checkpoints_of(settings.checkpoints_of(work.study.id), work.study.generation)
        self._rows = {row.id: row for row in work.trials}
        self._feed = Feed(design, work.trials)
        self._num_ended = 0

    @classmethod
    def make_on_ray(cls, workers: Workers, board: Board, work: Work, settings: DriverSettings) -> Self:
        """The driver of this work on the cluster that this process is connected to."""
        study = parse_study(dict(work.study.spec))
        Needs(board, Resources(cpus=study.resources.cpus, gpus=study.resources.gpus)).start()
        place = workers.place(_device(study), study.resources.cpus, study.resources.gpus)
        catalogue = load_catalogue(settings.datasets_dir)
        design = compile_design(study, catalogue.manifest(study.trainable))
        preparation = Preparation(catalogue, design, datasets_dir=settings.datasets_dir, place=place)
        return cls(board, work, settings, design, preparation, workers.ready)

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
        kept = self._checkpoints
        resources = self._design.study.resources
        config = {
            "dispenser": NAME,
            "namespace": namespace,
            "trainable": self._design.manifest.name,
            "device": _device(self._design.study),
            "threads": resources.cpus,
            "datasets_dir": str(self._settings.datasets_dir),
            "checkpoints": None if kept is None else str(kept),
            "pack": self._design.pack,
            "quantum_s": self._settings.quantum_s,
        }
        slot = Resources(cpus=resources.cpus, gpus=resources.gpus)
        run_slots(self._board, slot, config=config, storage=storage, workers=self._workers)
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


def checkpoints_of(folder: Path | None, generation: int) -> Path | None:
    """Where trials are kept that do not go on from what was saved before the study was run anew."""
    return folder / f"anew-{generation}" if folder is not None and generation else folder


def _device(study: StudySpec) -> str:
    return "cuda" if study.resources.gpus else "cpu"


class Exit:
    """The one way out: tells the service how the attempt ended, then ends the process."""

    def __init__(
        self,
        board: Board,
        storage: Path,
        checkpoints: Path | None = None,
        *,
        end: Callable[[int], None] = exit_now,
        timing: Timing = REAL,
    ) -> None:
        self._board = board
        self._storage = storage
        self.checkpoints = checkpoints
        """Where the study's unfinished trials are kept, as soon as it is known."""
        self._end = end
        self._lock = timing.lock()

    def __call__(self, state: str, error: str | None) -> None:
        """Does not return. Whoever calls second waits for the first to end the process."""
        with self._lock:
            code = 1 if state == "failed" else 0
            try:
                self._tell(state, error)
            except RayActorError as lost:
                # No fault of the study's: the exit code alone can say so.
                logger.warning("the dispenser is lost: %s", lost)
                code = LOST_EXIT
            except Exception:
                logger.exception("the service could not be told that this attempt ended")
            finally:
                logger.info("driver ends: %s%s", state, f" ({error})" if error else "")
                shutil.rmtree(self._storage, ignore_errors=True)
                self._end(code)

    def _tell(self, state: str, error: str | None) -> None:
        if state == "over":
            logger.warning("this attempt is over: %s", error)
        elif not self._board.finish(OUTSIDE.get(state, state), error, timeout_s=FINISH_S):
            logger.warning("the service did not hear that this attempt ended")
        elif state in ("done", "cancelled") and self.checkpoints is not None:
            # Trials that no worker held when the study was cancelled have left theirs.
            shutil.rmtree(self.checkpoints, ignore_errors=True)


def conduct(
    board: Board,
    leave: Exit,
    settings: DriverSettings,
    run: Callable[[Driver], None],
    *,
    make: Callable[[Board, Work, DriverSettings], Driver],
    heed: Callable[[Callable[[], None]], None] | None = None,
    timing: Timing = REAL,
) -> None:
    """Drive the attempt to its end and leave; whatever goes wrong on the way, the service is told."""
    try:
        _drive(board, leave, settings, run, make=make, heed=heed or heed_signals, timing=timing)
    except Exception as error:
        stale = isinstance(getattr(error, "cause", error), Stale)
        if not stale:
            logger.exception("the driver failed")
        leave("over" if stale else "failed", f"{type(error).__name__}: {error}")


def _drive(
    board: Board,
    leave: Exit,
    settings: DriverSettings,
    run: Callable[[Driver], None],
    *,
    make: Callable[[Board, Work, DriverSettings], Driver],
    heed: Callable[[Callable[[], None]], None],
    timing: Timing,
) -> None:
    """Everything between being connected and leaving."""
    work = board.open()
    leave.checkpoints = settings.checkpoints_of(work.study.id)
    logger.info("study %s (%s): %d trials", work.study.id, work.study.name, len(work.trials))
    driver = make(board, work, settings)
    stall_s = settings.budgets.stall_s
    watchdog = Watchdog(board, take=driver.take, leave=leave, stall_s=stall_s, timing=timing)
    heed(watchdog.signalled.set)
    logger.info("is planned")
    driver.begin()
    logger.info("first trials are fixed")
    watchdog.start()
    run(driver)
    watchdog.ended.set()
    watchdog.join()
    leave(*(watchdog.look() or ("done", None)))


def heed_signals(told: Callable[[], None]) -> None:
    """Have this called when the process is told to end."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: told())
