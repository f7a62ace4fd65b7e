"""Watches over a run from beside it: tells results, feeds trials, ends what hangs, and leaves when told."""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from service.protocol import Result
from service.timing import REAL, Timing

logger = logging.getLogger(__name__)

ROUND_S = 0.25
GRACE_S = 5.0


class Watched(Protocol):
    """The dispenser, as the watchdog sees it."""

    def news(self, since: int) -> Mapping[str, Any]:
        """Results from number `since` on, and how things stand."""
        ...

    def kill(self, slot_id: str) -> None:
        """End a slot's process."""
        ...


class Watchdog:
    """A loop of its own, since Tune's run blocks the main thread and sees only trials that report.

    `take` gets new results and hands out what they make possible. `leave` ends the process; it is
    called when the run must not go on (the study was cancelled, the attempt is over, a signal came)
    and the slots have had a moment to end by themselves.
    """

    def __init__(
        self,
        board: Watched,
        *,
        take: Callable[[Sequence[Result]], None],
        leave: Callable[[str, str | None], None],
        stall_s: float,
        grace_s: float = GRACE_S,
        timing: Timing = REAL,
    ) -> None:
        self._thread = timing.thread(target=self.run, name="watchdog", daemon=True)
        self._board = board
        self._take = take
        self._leave = leave
        self._stall_s = stall_s
        self._grace_s = grace_s
        self._clock = timing.monotonic
        self._seen = 0
        self._leaving_since: float | None = None
        self.ended = timing.flag()
        self.signalled = timing.flag()

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def join(self, timeout: float | None = None) -> None:
        """Until it has ended."""
        self._thread.join(timeout)

    def run(self) -> None:
        """Until `ended`; an error here ends the process, for nobody else would notice."""
        try:
            while not self.ended.wait(ROUND_S):
                verdict = self.look()
                if verdict is not None and self.patience_is_over(verdict):
                    self._leave(*verdict)
        except Exception as error:
            logger.exception("the watchdog failed")
            self._leave("failed", f"{type(error).__name__}: {error}")

    def look(self) -> tuple[str, str | None] | None:
        """One round; how the attempt is to end, if it is to end before its work is done."""
        news = self._board.news(self._seen)
        self._seen += len(news["results"])
        if news["results"]:
            self._take(news["results"])
        for slot_id, silent_s in news["silence"].items():
            if silent_s > self._stall_s:
                logger.error("slot %s has been silent for %.0f s and is ended", slot_id, silent_s)
                self._board.kill(slot_id)
        return self._verdict(news)

    def patience_is_over(self, verdict: tuple[str, str | None]) -> bool:
        """Whether the slots have had their moment to end by themselves."""
        if self._leaving_since is None:
            self._leaving_since = self._clock()
            logger.warning("leaving: %s", verdict[1])
        return self.signalled.is_set() or self._clock() - self._leaving_since >= self._grace_s

    def _verdict(self, news: Mapping[str, Any]) -> tuple[str, str | None] | None:
        if news["over"] is not None:
            return "over", str(news["over"])
        if news["desired"] == "cancel":
            return "cancelled", "the study was cancelled"
        if news["desired"] == "pause":
            return "interrupted", "the study is paused"
        if self.signalled.is_set():
            return "interrupted", "the driver was told to stop"
        if news["broken"] is not None:
            return "failed", str(news["broken"])
        return None


def exit_now(code: int) -> None:
    """End the process without waiting for threads: Tune's run may be in the middle of anything."""
    logging.shutdown()
    os._exit(code)
