"""A driver that stands by: everything is loaded, and then it waits for its study."""

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from ray.exceptions import RayError

from service.driver.dispenser import Board
from service.driver.places import Workers
from service.driver.watchdog import exit_now
from service.protocol import LOST_EXIT
from trainables.data.vision import DIGITS, load
from trainables.digests import SUFFIXES, code_digest
from trainables.errors import TrainableError
from trainables.tune import Slot

logger = logging.getLogger("ablate.driver")

LOOK_S = 30.0
SITES = ("site-packages", "dist-packages")
Stamp = tuple[int, int, int]


def stand_by(
    board: Board,
    workers: Workers,
    datasets_dir: Path,
    *,
    look_s: float = LOOK_S,
    end: Callable[[int], None] = exit_now,
) -> None:
    """Return when there is a study to run with the code that is on disk now.

    A driver that has anything else loaded ends, with its workers: another one is started in its place, and
    a study that was given to it meanwhile is so at once.
    """
    try:
        loaded = stamps(files_of(sys.modules) | own_files())
        code_digest(Slot.__module__)  # of the code that is stamped
        with suppress(TrainableError):  # a study that needs them is told
            load(DIGITS, datasets_dir)
        loaded |= stamps(workers.files())
        logger.info("has loaded %d files and waits for a study", len(loaded))
        given = False
        while not given:
            given = board.is_up(look_s)
            if changed := differing(loaded, stamps(loaded)):
                logger.warning("ends: %s and %d more files have changed", changed[0], len(changed) - 1)
                return end(LOST_EXIT)
    except RayError as error:
        logger.warning("ends: %s", str(error).splitlines()[-1:] or type(error).__name__)
        return end(LOST_EXIT)
    logger.info("has a study")


def files_of(modules: Mapping[str, object]) -> set[str]:
    """Where these modules were loaded from."""
    return {str(file) for module in list(modules.values()) if (file := getattr(module, "__file__", None))}


def own_files() -> set[str]:
    """All of our own packages' code, loaded or not, and the folders in which packages are installed."""
    roots = [Path(str(sys.modules[name].__file__)).parent for name in ("ablations", "trainables", "service")]
    code = {str(path) for root in roots for path in root.rglob("*") if path.suffix in SUFFIXES}
    return code | {path for path in sys.path if Path(path).name in SITES}


def stamps(files: Iterable[str]) -> dict[str, Stamp | None]:
    """What tells one version of a file from another; None for one that is not here."""
    return {file: _stamp(file) for file in files}


def differing(before: Mapping[str, Stamp | None], now: Mapping[str, Stamp | None]) -> list[str]:
    """The files that are not what they were."""
    return sorted(file for file, stamp in before.items() if now[file] != stamp)


def _stamp(file: str) -> Stamp | None:
    try:
        stat = Path(file).stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size, stat.st_ino
