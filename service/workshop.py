"""Work in processes of its own: each piece has a deadline and a bound on memory, and harms only itself."""

import logging
import multiprocessing
import resource
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, ParamSpec, TypeVar

from service.errors import ServiceError

logger = logging.getLogger(__name__)

MEMORY_BYTES = 4 << 30
OUTLIVED_S = 5
P = ParamSpec("P")
T = TypeVar("T")


class WorkOverdue(ServiceError):
    """A piece of work did not end in time and was killed."""

    status = 503
    kind = "work-overdue"
    title = "The work took too long"


class WorkDied(ServiceError):
    """The process of a piece of work ended under it."""

    kind = "work-died"
    title = "The work's process died"


class _Bench:
    """One child process that does one piece of work at a time."""

    def __init__(self, memory_bytes: int) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._here, there = spawn.Pipe()
        self._process: SpawnProcess = spawn.Process(target=_serve, args=(there, memory_bytes), daemon=True)
        self._process.start()
        there.close()

    def do(self, work: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], by_s: float) -> Any:
        """What the work answers or raises.

        Raises: WorkOverdue, WorkDied; the bench is of no use then.
        """
        try:
            self._here.send((work, args, kwargs, by_s))
            if not self._here.poll(by_s):
                raise WorkOverdue(f"it did not end within {by_s:g} s")
            return self._here.recv()
        except (EOFError, OSError):
            self._process.join(OUTLIVED_S)
            raise WorkDied(f"its process ended with code {self._process.exitcode}") from None

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self._here.close()


class Workshop:
    """A few benches, started when they are needed; threads that want work done wait for a free one.

    `spare` benches are kept for urgent work, however much other work there is.
    """

    def __init__(self, num_benches: int, *, spare: int = 0, memory_bytes: int = MEMORY_BYTES) -> None:
        self._memory_bytes = memory_bytes
        self._idle: list[_Bench] = []
        self._lock = threading.Lock()
        self._all = threading.Semaphore(num_benches)
        self._ordinary = threading.Semaphore(num_benches - spare)

    def do(self, by_s: float, urgent: bool, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Have a function of a module called elsewhere; its answer and its exceptions come back.

        Raises: WorkOverdue, WorkDied.
        """
        if not urgent:
            with self._ordinary:
                return self._do(by_s, work, args, kwargs)
        return self._do(by_s, work, args, kwargs)

    def _do(self, by_s: float, work: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]) -> T:
        with self._all:
            with self._lock:
                bench = self._idle.pop() if self._idle else None
            bench = bench or _Bench(self._memory_bytes)
            try:
                answer, error = bench.do(work, args, kwargs, by_s)
            except BaseException:
                bench.kill()
                raise
            with self._lock:
                self._idle.append(bench)
        if error is not None:
            raise error
        made: T = answer
        return made

    def close(self) -> None:
        """End the benches that are idle; the others die with this process."""
        with self._lock:
            while self._idle:
                self._idle.pop().kill()


def _serve(line: Connection, memory_bytes: int) -> None:
    """The life of a bench: one piece of work after another, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    bound = memory_bytes if most == resource.RLIM_INFINITY else min(memory_bytes, most)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, most))
    while True:
        try:
            work, args, kwargs, by_s = line.recv()
        except EOFError:
            return
        # By the kernel's hand: it ends also what outlives the process that would have killed it.
        signal.alarm(int(by_s) + OUTLIVED_S)
        answer, failure = _outcome(work, args, kwargs)
        signal.alarm(0)
        try:
            line.send((answer, failure))
        except Exception as error:
            line.send((None, WorkDied(f"its answer cannot be sent: {type(error).__name__}: {error}"[:500])))


def _outcome(
    work: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Exception | None]:
    began = time.monotonic()
    try:
        return work(*args, **kwargs), None
    except Exception as error:
        logger.exception("%s failed after %.1f s", work.__qualname__, time.monotonic() - began)
        return None, error
