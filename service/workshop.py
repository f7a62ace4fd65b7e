"""Work in processes of its own: each piece has a deadline and a bound on memory, and harms only itself."""

import gc
import multiprocessing
import resource
import signal
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any, ParamSpec, TypeVar

from service.errors import ServiceError

MEMORY_BYTES = 4 << 30
OUTLIVED_S = 5
PREPARED_S = 120.0
"""How long a process may take to start and to load what it needs; no work's deadline counts that."""
P = ParamSpec("P")
T = TypeVar("T")


class WorkOverdue(ServiceError):
    """A piece of work did not end in time and was killed."""

    status = 503
    kind = "work-overdue"
    title = "The work took too long"


class WorkDied(ServiceError):
    """The process of a piece of work ended under it."""

    status = 503
    kind = "work-died"
    title = "The work's process died"


class WorkshopFull(ServiceError):
    """As much work waits as may wait."""

    status = 503
    kind = "workshop-full"
    title = "Too much is being worked on; ask again"


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

    def is_alive(self) -> bool:
        """Whether its process is still there; it may have been killed while it was idle."""
        return self._process.is_alive()

    def kill(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.join()
        self._here.close()


class Workshop:
    """A few benches, started when they are needed; threads that want work done wait for a free one.

    `spare` benches are kept for urgent work, however much other work there is. At most `max_waiting` pieces
    of either kind wait; without it, all do. A new bench is let `prepare` before its first work.
    """

    def __init__(
        self,
        num_benches: int,
        *,
        spare: int = 0,
        max_waiting: int | None = None,
        memory_bytes: int = MEMORY_BYTES,
        prepare: Callable[[], None] | None = None,
    ) -> None:
        self._prepare = prepare
        self._memory_bytes = memory_bytes
        self._max_waiting = max_waiting
        self._num_waiting = Counter[bool]()
        self._idle: list[_Bench] = []
        self._lock = threading.Lock()
        self._all = threading.Semaphore(num_benches)
        self._ordinary = threading.Semaphore(num_benches - spare)

    def do(self, by_s: float, urgent: bool, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Have a function of a module called elsewhere; its answer and its exceptions come back.

        Raises: WorkOverdue, WorkDied, WorkshopFull.
        """
        with self._place(urgent):
            bench = self._bench()
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

    @contextmanager
    def _place(self, urgent: bool) -> Iterator[None]:
        """Wait until a bench may be taken, if that is allowed."""
        with self._lock:
            if self._max_waiting is not None and self._num_waiting[urgent] >= self._max_waiting:
                raise WorkshopFull(
                    f"{self._num_waiting[urgent]} requests wait already; ask again in a moment"
                )
            self._num_waiting[urgent] += 1
        with ExitStack() as held:
            try:
                if not urgent:
                    held.enter_context(self._ordinary)
                held.enter_context(self._all)
            finally:
                with self._lock:
                    self._num_waiting[urgent] -= 1
            yield

    def _bench(self) -> _Bench:
        """One that is idle, or a new one."""
        while True:
            with self._lock:
                bench = self._idle.pop() if self._idle else None
            if bench is None:
                break
            if bench.is_alive():
                return bench
            bench.kill()
        try:
            bench = _Bench(self._memory_bytes)
        except OSError as error:
            raise WorkDied(f"no process could be started: {error}") from None
        try:
            bench.do(self._prepare or _nothing, (), {}, PREPARED_S)
        except BaseException as error:
            bench.kill()
            raise WorkDied(f"a process that was started is not ready: {error}") from error
        return bench

    def close(self) -> None:
        """End the benches that are idle; the others die with this process."""
        with self._lock:
            while self._idle:
                self._idle.pop().kill()


def _nothing() -> None:
    """What a bench does to show that it has started."""


def _serve(line: Connection, memory_bytes: int) -> None:
    """The life of a bench: one piece of work after another, until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_DATA)
    bound = memory_bytes if most == resource.RLIM_INFINITY else min(memory_bytes, most)
    resource.setrlimit(resource.RLIMIT_DATA, (bound, most))
    # A plan keeps nearly all that it makes; looking for garbage meanwhile took as long as making it.
    gc.disable()
    while True:
        gc.collect()
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
        answer = failure = None


def _outcome(
    work: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Exception | None]:
    try:
        return work(*args, **kwargs), None
    except Exception as error:
        # What is sent loses its traceback, which whoever logs it will want to see.
        error.add_note(traceback.format_exc())
        return None, error
