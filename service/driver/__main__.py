"""`python -m service.driver STUDY_ID ATTEMPT`: one attempt at one study, as a Ray job."""

import logging
import os
import sys
import tempfile
from functools import partial
from pathlib import Path

import ray

from service.driver import dispenser
from service.driver.client import Stale, connect

logger = logging.getLogger("ablate.driver")

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


def main() -> None:
    """Run the attempt named on the command line."""
    study_id, attempt = sys.argv[1], int(sys.argv[2])
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Tune misses the result files that it was told not to write.
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    os.environ.update(SWITCHES)
    namespace = f"ablate-{study_id}-a{attempt}"
    ray.init(namespace=namespace, log_to_driver=False, logging_level=logging.WARNING)
    url, token = os.environ["ABLATE_INTERNAL_URL"], os.environ["ABLATE_ATTEMPT_TOKEN"]
    board = dispenser.start(partial(connect, url, token, study_id, attempt))
    # Slow to import, Tune most of all; the dispenser starts meanwhile.
    from service.driver.attempt import Exit, drive

    storage = Path(tempfile.mkdtemp(prefix="ablate-"))
    leave = Exit(board, storage)
    try:
        drive(board, leave, namespace, storage)
    except Exception as error:
        stale = isinstance(getattr(error, "cause", error), Stale)
        if not stale:
            logger.exception("the driver failed")
        leave("over" if stale else "failed", f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
