"""The border between two trainings of one process: nothing that one did to the process reaches the next."""

import logging
import signal
import threading
from os import _exit, getpid
from types import FrameType
from typing import Any, Self

from trainables.leftovers import MORE_FILES, Leftovers, adopt_orphans
from trainables.surroundings.snapshot import Surroundings

logger = logging.getLogger(__name__)

ENDS = (signal.SIGTERM, signal.SIGINT)
SHOWN, SHOWN_CHARS = 5, 60


class Border:
    """Remembers the process as it is before the first training.

    While it is entered it also knows whether the process was told to end: what that raises is no fault of
    the training it comes up in. Entered or not, one that remembers nothing does nothing.
    """

    def __init__(self) -> None:
        self.spoiled = ""
        """Why this process is to train nothing more, if so."""
        self.broken = False
        """Whether even what is in training in this process now cannot be trusted."""
        self._surroundings: Surroundings | None = None
        self._leftovers: Leftovers | None = None
        self._handlers: dict[int, Any] = {}
        self._told = False
        self._pid = 0

    def __enter__(self) -> Self:
        adopt_orphans(True)
        if threading.current_thread() is threading.main_thread():
            self._handlers = {number: signal.getsignal(number) for number in ENDS}
            for number, handler in self._handlers.items():
                if callable(handler):
                    signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            if callable(handler):
                signal.signal(number, handler)
        if self._surroundings is not None:
            self._surroundings.close()
        self._surroundings = self._leftovers = None
        adopt_orphans(False)

    def remember(self) -> None:
        """From here on the process is to stay as it is now."""
        self._surroundings, self._leftovers, self._pid = Surroundings(), Leftovers(), getpid()

    def check_whose(self, error: BaseException) -> None:
        """Raise an error again that came up because the process was told to end."""
        if self._told and not isinstance(error, Exception):
            raise error

    def put_back(self) -> None:
        """Settings of the process as they were, whenever code of a training has handed over."""
        if self._surroundings is None:
            return
        if getpid() != self._pid:
            _exit(0)  # a child of the training that came back as if it were the worker
        changed, lost = self._surroundings.put_back()
        if changed:
            logger.info("put back what a training had changed: %s", _listed(changed))
        if lost:
            self.broken = True
            self._spoil(f"what a training changed cannot be put back: {_listed(lost)}")

    def clear(self) -> None:
        """End processes that were left, when no training is under way.

        Threads cannot be ended, nor files of somebody unknown be closed: then the process is spoiled.
        """
        if self._leftovers is None:
            return
        try:
            if num := self._leftovers.end_processes():
                logger.warning("ended %d processes that a training had left", num)
        except TimeoutError as error:
            self._spoil(str(error))
        if names := self._leftovers.threads(0.0 if self.spoiled else 0.5):
            self._spoil(f"a training has left threads that go on: {_listed(names)}")
        if (num := self._leftovers.num_files()) > MORE_FILES:
            self._spoil(f"trainings have left {num} files open")

    def _spoil(self, why: str) -> None:
        if not self.spoiled:
            logger.warning("this worker is renewed: %s", why)
        self.spoiled = self.spoiled or why

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self._told = True
        self._handlers[number](number, frame)


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(name[:SHOWN_CHARS] for name in names[:SHOWN]) + more
