"""One attempt at one study, as a Ray job.

`python -m service.driver JOB`, or `python -m service.driver standby JOB` for one that is given its study when
everything is loaded.
"""

import logging
import sys
import tempfile
from functools import partial
from pathlib import Path

import ray

from service.driver import dispenser
from service.driver.client import connect
from service.driver.places import Workers
from service.driver.settings import enter


def main() -> None:
    """Run the attempt of the job named on the command line, once it has one."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Tune misses the result files that it was told not to write.
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    settings = enter()
    *mode, job = sys.argv[1:]
    ray.init(namespace=job, log_to_driver=False, logging_level=logging.WARNING)
    board = dispenser.start(partial(connect, settings.internal_url, settings.ticket, job), settings.budgets)
    workers = Workers(settings.environ, settings.datasets_dir, settings.num_workers)
    workers.load()
    # Slow to import, Tune most of all; dispenser and workers start meanwhile.
    from service.driver.attempt import Driver, Exit, conduct
    from service.driver.standby import stand_by

    if mode == ["standby"]:
        stand_by(board, workers, settings.datasets_dir)
    storage = Path(tempfile.mkdtemp(prefix="ablate-"))
    conduct(
        board,
        Exit(board, storage),
        settings,
        lambda driver: driver.run(job, storage),
        make=partial(Driver.make_on_ray, workers),
    )


if __name__ == "__main__":
    main()
