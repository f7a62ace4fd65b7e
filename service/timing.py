"""How loops tell the time, wait and run side by side: by this machine, or by what a simulation puts here."""

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol


class Flag(Protocol):
    """What loops need of a `threading.Event`."""

    def set(self) -> None:
        """Wake all who wait."""

    def is_set(self) -> bool:
        """Whether it was set."""

    def wait(self, timeout: float | None = None) -> bool:
        """Until it is set, or for so many seconds; whether it is set."""


class Thread(Protocol):
    """What loops need of a `threading.Thread`."""

    def start(self) -> None:
        """Begin."""

    def is_alive(self) -> bool:
        """Whether it has begun and has not ended."""

    def join(self, timeout: float | None = None) -> None:
        """Until it has ended, or for so many seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One process's time and threads. Units: seconds; `monotonic` counts from anywhere and never jumps."""

    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    flag: Callable[[], Flag] = threading.Event
    lock: Callable[[], AbstractContextManager[Any]] = threading.Lock
    """For what waits for others while it is held; a lock of memory alone needs no seam."""
    thread: Callable[..., Thread] = threading.Thread


REAL = Timing()
