"""`python -m service.driver STUDY_ID ATTEMPT`: one attempt at one study, as a Ray job."""

import logging
import sys
import tempfile
from functools import partial
from pathlib import Path

import ray

from service.driver import dispenser
from service.driver.client import Stale, connect
from service.driver.settings import enter

logger = logging.getLogger("ablate.driver")


def main() -> None:
    """Run the attempt named on the command line."""
    study_id, attempt = sys.argv[1], int(sys.argv[2])
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Tune misses the result files that it was told not to write.
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    settings = enter()
    namespace = f"ablate-{study_id}-a{attempt}"
    ray.init(namespace=namespace, log_to_driver=False, logging_level=logging.WARNING)
    board = dispenser.start(partial(connect, settings.internal_url, settings.token, study_id, attempt))
    # Slow to import, Tune most of all; the dispenser starts meanwhile.
    from service.driver.attempt import Exit, drive

    storage = Path(tempfile.mkdtemp(prefix="ablate-"))
    leave = Exit(board, storage, settings.checkpoints_dir)
    try:
        drive(board, leave, settings, namespace, storage)
    except Exception as error:
        stale = isinstance(getattr(error, "cause", error), Stale)
        if not stale:
            logger.exception("the driver failed")
        leave("over" if stale else "failed", f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
