"""A loop that keeps going: errors are logged and retried with growing pauses."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

logger = logging.getLogger(__name__)

LONGEST_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loop:
    """One thing done again and again. `work` answers whether there may be more at once."""

    name: str
    work: Callable[[], bool]
    pause_s: float

    def run(self, stopped: threading.Event) -> None:
        """Until stopped. An error of one round never ends the loop."""
        num_errors = 0
        while not stopped.is_set():
            more = False
            try:
                more = self.work()
                num_errors = 0
            except Exception:
                num_errors += 1
                logger.exception("%s failed (%d in a row)", self.name, num_errors)
            if not more:
                stopped.wait(min(self.pause_s * 2**num_errors, LONGEST_PAUSE_S))


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
