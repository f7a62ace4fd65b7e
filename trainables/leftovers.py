"""Processes and threads that a training has left in its worker; those of before are never touched."""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
SETTLE_S, POLL_S = 0.5, 0.01
END_S = 5.0
MORE_FILES = 64
LAST_WORDS_S = 2.0
HARMLESS = ("tqdm.", "ray.")
"""Threads of these modules serve whole processes, and are started when they are first needed."""
OWNER = "ABLATE_WORKER"
"""The variable by which what a worker has started knows whose it is: its process and when that began."""
_ADOPT = 36  # PR_SET_CHILD_SUBREAPER: who lost its parent becomes a child of this process
_PARENT, _BEGAN = 1, 19  # fields of /proc/PID/stat, after the name


def adopt_orphans(on: bool) -> None:
    """Whether all that descends from this process stays its own to end, where the system knows of that."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_ADOPT, int(on), 0, 0, 0)


def mark() -> None:
    """Let all that this process starts from here on be known as its own."""
    os.environ[OWNER] = f"{os.getpid()}.{_status(os.getpid())[_BEGAN]}"


def end_strays() -> int:
    """Kill what workers of this machine have started that are gone by now; how many.

    A process with a session of its own is beyond what ends with its worker.
    """
    num = 0
    for folder in filter(str.isdecimal, os.listdir(PROC)):
        owner, _, began = _variable(folder).partition(".")
        if began and _status(int(owner))[_BEGAN] != began:
            with suppress(OSError):
                os.kill(int(folder), signal.SIGKILL)
                num += 1
    return num


class Leftovers:
    """What there is in this process when this is made; all else is left over."""

    def __init__(self) -> None:
        self._children = set(_children())
        self._threads = set(sys._current_frames())
        self._num_files = _num_files()

    def end_processes(self, within_s: float = END_S) -> int:
        """Kill processes that were started since then, and theirs; how many.

        Raises: TimeoutError when there are always more, or one cannot be killed.
        """
        killed: set[int] = set()
        deadline = time.monotonic() + within_s
        while left := [pid for pid in _children() if pid not in self._children]:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(left)} processes cannot be ended, {left[0]} for one")
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in left:
                with suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            # What they had started is ours now, and is found by the next look.
            if killed.issuperset(left):
                time.sleep(POLL_S)
            killed.update(left)
        return len(killed)

    def threads(self, settle_s: float = SETTLE_S) -> list[str]:
        """Names of threads that were started since then and do not end within this time."""
        deadline = time.monotonic() + settle_s
        while (left := self._running()) and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return left

    def num_files(self) -> int:
        """How many more files are open than were then."""
        return _num_files() - self._num_files

    def _running(self) -> list[str]:
        """Threads beside those of before; frames tell of those too that `threading` knows nothing of."""
        new = sys._current_frames().keys() - self._threads - {threading.get_ident()}
        if not new:
            return []
        known = {thread.ident: thread for thread in threading.enumerate()}
        own = {number: known.get(number) for number in new}
        return [
            f"thread {number}" if thread is None else thread.name
            for number, thread in own.items()
            if thread is None or not type(thread).__module__.startswith(HARMLESS)
        ]


def end_with_main_thread(within_s: float = LAST_WORDS_S) -> None:
    """Have this process end soon after its main thread, whatever other threads are still at."""

    def end() -> None:
        threading.main_thread().join()
        time.sleep(within_s)
        os._exit(0)

    threading.Thread(target=end, name="end with main thread", daemon=True).start()


def _children() -> Iterator[int]:
    """Processes whose parent this one is."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return  # none, as nearly always
    me = str(os.getpid())
    for folder in os.listdir(PROC):
        if folder.isdecimal() and _status(int(folder))[_PARENT] == me:
            yield int(folder)


def _status(pid: int) -> list[str]:
    """What the system says of a process after its name; of one that is gone, nothing."""
    try:
        status = (PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:
        return [""] * (_BEGAN + 1)
    # The name, in brackets, may hold anything.
    return status.rpartition(")")[2].split()


def _variable(pid: str) -> str:
    """Whose a process is, as its environment says; "" where it says nothing or may not be read."""
    with suppress(OSError):
        for entry in (PROC / pid / "environ").read_bytes().split(b"\0"):
            name, _, value = entry.decode(errors="replace").partition("=")
            if name == OWNER and value.partition(".")[0].isdecimal():
                return value
    return ""


def _num_files() -> int:
    with suppress(OSError):
        return len(os.listdir(PROC / "self" / "fd"))
    return 0
