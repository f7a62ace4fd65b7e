"""One virtual clock and one seeded scheduler: all processes take their steps here, one at a time.

A task is a greenlet: the product's own blocking code runs in it as it is, and gives way wherever it waits.
Which task goes on next follows from the clock and the seed alone, so a seed is a schedule.
"""

import heapq
import zlib
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from functools import partial
from random import Random
from typing import Any

from greenlet import getcurrent, greenlet

from service.timing import Timing

WALL_AT_START = 1_800_000_000.0
LOOK_S = 3.0


class Killed(BaseException):
    """The process that this task belongs to has ended."""


class Endless(Exception):
    """A simulation took far more steps than any should."""


class Process:
    """What dies as a whole: a name, its tasks, and whom to tell of its end."""

    def __init__(self, kernel: "Kernel", name: str) -> None:
        self.kernel = kernel
        self.name = name
        self.alive = True
        self.exit_code: int | None = None
        self.stopped_until = 0.0
        self.fuse: int | None = None
        """After so many more steps the process is killed."""
        self.tasks: dict[Task, None] = {}
        self.mourners: list[Callable[[], None]] = []

    def spawn(self, work: Callable[[], object], name: str, *, in_s: float = 0.0) -> "Task":
        """Begin a task of this process."""
        return self.kernel.spawn(self, work, name, in_s=in_s)

    def timing(self) -> Timing:
        """This process's time and threads, for the product's classes."""
        kernel = self.kernel
        return Timing(
            monotonic=lambda: kernel.now,
            sleep=kernel.sleep,
            flag=lambda: Flag(kernel),
            lock=lambda: Lock(kernel),
            thread=lambda target, args=(), name="thread", **_kw: Thread(self, target, args, name),
        )


class Task:
    """One thread of a process."""

    __slots__ = ("process", "name", "greenlet", "epoch", "done", "ended")

    def __init__(self, process: Process, name: str) -> None:
        self.process = process
        self.name = name
        self.epoch = 0
        self.done = False
        self.ended: list[Flag] = []


class Kernel:
    """The clock and the scheduler."""

    def __init__(self, seed: int, *, max_steps: int = 400_000) -> None:
        self.rng = Random(f"{seed} kernel")
        self.now = 0.0
        self.wall_offset = WALL_AT_START
        self.num_steps = 0
        self.max_steps = max_steps
        self.digest = 0
        self.trace: list[str] | None = None
        self.uncaught: list[str] = []
        self._heap: list[tuple[float, float, int, Task, int]] = []
        self._count = 0
        self._graveyard: list[Task] = []
        self._current: Task | None = None
        self._hub = getcurrent()
        self._processes: list[Process] = []

    # Processes and tasks.

    def process(self, name: str) -> Process:
        """A new process."""
        made = Process(self, name)
        self._processes.append(made)
        return made

    def spawn(self, process: Process, work: Callable[[], object], name: str, *, in_s: float = 0.0) -> Task:
        """Begin a task."""
        task = Task(process, name)
        task.greenlet = greenlet(lambda: self._live(task, work), self._hub)
        process.tasks[task] = None
        self._wake(task, self.now + in_s)
        return task

    def kill(self, process: Process, exit_code: int = -9) -> None:
        """End a process; if it is the caller's own, this does not return."""
        if process.alive:
            process.alive = False
            process.exit_code = exit_code
            mine = self._current
            self._graveyard += [task for task in process.tasks if task is not mine]
            for mourner in process.mourners:
                mourner()
        if self._current is not None and self._current.process is process:
            raise Killed

    def say(self, word: str) -> None:
        """Note something in the trace: it is part of what a replay must repeat."""
        self.digest = zlib.crc32(f"{self.now:.6f} {word}".encode(), self.digest)
        if self.trace is not None:
            self.trace.append(f"{self.num_steps:7d} {self.now:10.4f} {word}")

    # What tasks call.

    def sleep(self, seconds: float) -> None:
        """Give way for so long."""
        task = self._me()
        self._wake(task, self.now + max(0.0, seconds))
        self._give_way(task)

    def wall(self) -> float:
        """The wall clock, in seconds since 1970; unlike `now` it may jump."""
        return self.now + self.wall_offset

    # The scheduler.

    def run(self, until: Callable[[], bool] | None = None, *, by: float) -> bool:
        """Take steps until the clock reaches `by`; whether `until`, asked now and then, was true."""
        next_look = self.now
        while True:
            self._bury()
            if until is not None and self.now >= next_look:
                if until():
                    return True
                next_look = self.now + LOOK_S
            if not self._heap or self._heap[0][0] > by:
                self.now = max(self.now, by) if self._heap else self.now
                return until() if until is not None else True
            self._step()

    def finish(self, task: Task) -> None:
        """Take steps until a task has ended."""
        while not task.done:
            self._bury()
            self._step()

    def end(self) -> None:
        """Kill every process, so that no greenlet is left."""
        for process in self._processes:
            process.mourners.clear()
            self.kill(process)
        self._bury()

    def _step(self) -> None:
        at, _, _, task, epoch = heapq.heappop(self._heap)
        if task.done or task.epoch != epoch:
            return
        process = task.process
        if process.stopped_until > at:
            task.epoch += 1
            self._push(task, process.stopped_until)
            return
        self.now = max(self.now, at)
        if process.fuse is not None:
            process.fuse -= 1
            if process.fuse < 0:
                self.say(f"{process.name} dies here")
                self.kill(process)
                return
        self.num_steps += 1
        if self.num_steps > self.max_steps:
            raise Endless(f"more than {self.max_steps} steps by {self.now:.0f} s")
        self.say(f"{process.name}/{task.name}")
        task.epoch += 1
        self._switch(task, task.greenlet.switch)

    def _switch(self, task: Task, enter: Callable[[], object]) -> None:
        self._current = task
        try:
            enter()
        finally:
            self._current = None

    def _bury(self) -> None:
        while self._graveyard:
            task = self._graveyard.pop()
            if not task.done:
                if task.greenlet:
                    self._switch(task, partial(task.greenlet.throw, Killed))
                self._finish(task)

    def _live(self, task: Task, work: Callable[[], object]) -> None:
        try:
            if task.process.alive:
                work()
        except Killed:
            pass
        except Exception as error:
            self.uncaught.append(f"{task.process.name}/{task.name}: {type(error).__name__}: {error}")
            self.say(self.uncaught[-1])
        finally:
            self._finish(task)

    def _finish(self, task: Task) -> None:
        task.done = True
        task.process.tasks.pop(task, None)
        for flag in task.ended:
            flag.set()
        task.ended.clear()

    def _me(self) -> Task:
        task = self._current
        assert task is not None, "only a task can wait"
        if not task.process.alive:
            raise Killed
        return task

    def _give_way(self, task: Task) -> None:
        self._hub.switch()
        if not task.process.alive:
            raise Killed

    def _wake(self, task: Task, at: float) -> None:
        task.epoch += 1
        self._push(task, at)

    def _push(self, task: Task, at: float) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at, self.rng.random(), self._count, task, task.epoch))


class Flag:
    """As `threading.Event`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._set = False
        self._waiting: list[Task] = []

    def set(self) -> None:
        self._set = True
        for task in self._waiting:
            if not task.done:
                self._kernel._wake(task, self._kernel.now)
        self._waiting.clear()

    def is_set(self) -> bool:
        return self._set

    def wait(self, timeout: float | None = None) -> bool:
        kernel = self._kernel
        task = kernel._me()
        if not self._set:
            self._waiting.append(task)
            if timeout is not None:
                kernel._wake(task, kernel.now + timeout)
            kernel._give_way(task)
            if task in self._waiting:
                self._waiting.remove(task)
        return self._set


class Lock:
    """As `threading.Lock`, for `with`."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._owner: Task | None = None
        self._waiting: list[Task] = []

    def __enter__(self) -> bool:
        task = self._kernel._me()
        while self._owner is not None:
            self._waiting.append(task)
            self._kernel._give_way(task)
        self._owner = task
        return True

    def __exit__(self, *_error: object) -> None:
        self._owner = None
        waiting, self._waiting = self._waiting, []
        for task in waiting:
            if not task.done:
                self._kernel._wake(task, self._kernel.now)


class Thread:
    """As `threading.Thread`."""

    def __init__(
        self, process: Process, target: Callable[..., object], args: tuple[Any, ...], name: str
    ) -> None:
        self._process = process
        self._work = lambda: target(*args)
        self._name = name
        self._task: Task | None = None

    def start(self) -> None:
        self._task = self._process.spawn(self._work, self._name)

    def is_alive(self) -> bool:
        return self._task is not None and not self._task.done

    def join(self, timeout: float | None = None) -> None:
        if self._task is not None and not self._task.done:
            flag = Flag(self._process.kernel)
            self._task.ended.append(flag)
            flag.wait(timeout)


class Hands(Executor):
    """As a `ThreadPoolExecutor` with enough threads."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def submit(self, work: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return self._process.spawn(lambda: work(*args, **kwargs), "hand")

    def map(self, work: Callable[..., Any], *items: Iterable[Any], **_options: Any) -> Iterator[Any]:
        calls = list(zip(*items, strict=True))
        found: dict[int, Any] = {}

        def do(place: int, call: tuple[Any, ...]) -> None:
            found[place] = work(*call)

        threads = [Thread(self._process, do, (place, call), "hand") for place, call in enumerate(calls)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return iter([found[place] for place in range(len(calls))])

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nothing: tasks end with their process."""
