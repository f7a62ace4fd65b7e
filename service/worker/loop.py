"""A loop that keeps going: errors are logged and retried with growing pauses."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from service.timing import Flag

logger = logging.getLogger(__name__)

LONGEST_PAUSE_S = 30.0
LOOK_S = 0.05
MOST_DOUBLINGS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One thing done again and again. `work` answers whether there may be more at once.

    `version` is another number when there may be something new to do: a pause ends early then, but that of
    an error. None where nobody can tell.
    """

    name: str
    work: Callable[[], bool]
    pause_s: float
    version: Callable[[], int | None] = lambda: None

    def run(self, stopped: Flag) -> None:
        """Until stopped. An error of one round never ends the loop."""
        num_errors = 0
        while not stopped.is_set():
            more = False
            before = self.version()
            try:
                more = self.work()
                num_errors = 0
            except Exception:
                num_errors += 1
                logger.exception("%s failed (%d in a row)", self.name, num_errors)
            if not more:
                pause_s = min(self.pause_s * 2.0 ** min(num_errors, MOST_DOUBLINGS), LONGEST_PAUSE_S)
                self._pause(stopped, None if num_errors else before, pause_s)

    def _pause(self, stopped: Flag, before: int | None, pause_s: float) -> None:
        if before is None:
            stopped.wait(pause_s)
            return
        while pause_s > 0 and not stopped.wait(min(LOOK_S, pause_s)) and self.version() == before:
            pause_s -= LOOK_S


def run_all(loops: list[Loop], stopped: threading.Event, *, patience_s: float) -> None:
    """Run loops side by side until stopped, then give each a moment to finish its round."""
    threads = [
        threading.Thread(target=loop.run, args=(stopped,), name=loop.name, daemon=True) for loop in loops
    ]
    for thread in threads:
        thread.start()
    stopped.wait()
    for thread in threads:
        thread.join(patience_s)
