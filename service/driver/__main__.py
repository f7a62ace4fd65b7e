"""One attempt at one study, as a Ray job.

`python -m service.driver STUDY_ID ATTEMPT`, or `python -m service.driver standby ID` for one that asks for
its study when everything is loaded.
"""

import logging
import sys
import tempfile
from functools import partial
from pathlib import Path

import ray

from service.driver import dispenser
from service.driver.client import connect, connect_when_given
from service.driver.places import Workers
from service.driver.settings import enter


def main() -> None:
    """Run the attempt named on the command line, or the one that is given."""
    logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    # Tune misses the result files that it was told not to write.
    logging.getLogger("ray.tune").setLevel(logging.ERROR)
    settings = enter()
    study_id, number = sys.argv[1:]
    standing = study_id == "standby"
    namespace = number if standing else f"ablate-{study_id}-a{number}"
    there = (settings.internal_url, settings.token)
    ray.init(namespace=namespace, log_to_driver=False, logging_level=logging.WARNING)
    board = dispenser.start(
        partial(connect_when_given, *there, number)
        if standing
        else partial(connect, *there, study_id, int(number)),
        settings.budgets,
    )
    workers = Workers(settings.environ, settings.datasets_dir, settings.num_workers)
    workers.load()
    # Slow to import, Tune most of all; dispenser and workers start meanwhile.
    from service.driver.attempt import Driver, Exit, conduct
    from service.driver.standby import stand_by

    if standing:
        stand_by(board, workers, settings.datasets_dir)
    storage = Path(tempfile.mkdtemp(prefix="ablate-"))
    conduct(
        board,
        Exit(board, storage),
        settings,
        lambda driver: driver.run(namespace, storage),
        make=partial(Driver.make_on_ray, workers),
    )


if __name__ == "__main__":
    main()
