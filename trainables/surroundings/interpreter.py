"""Parts of a process that belong to Python and the system."""

import decimal
import faulthandler
import gc
import locale
import logging
import multiprocessing
import os
import resource
import signal
import sys
import threading
import time
import warnings
from _signal import getsignal  # type: ignore[import-not-found]  # that of `signal` looks up a name for each
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainables.surroundings.part import Part

LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
SIGNALS = [int(number) for number in signal.Signals if number not in (signal.SIGKILL, signal.SIGSTOP)]


def _refill(target: Any) -> Callable[[Sequence[Any]], None]:
    """How a list gets its old content."""

    def write(before: Sequence[Any]) -> None:
        target[:] = before

    return write


def path_part() -> Part:
    """Where modules are looked for first; what was added behind, code that was imported since may need."""
    num = len(sys.path)

    def put(before: Sequence[str]) -> None:
        sys.path[:] = [*before, *(place for place in sys.path if place not in before)]

    return "sys.path", lambda: sys.path[:num], put


def _put_environ(before: Mapping[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    time.tzset()


def _put_filters(before: Sequence[Any]) -> None:
    warnings.filters[:] = before  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _handlers() -> list[Any]:
    return [getsignal(number) for number in SIGNALS]


def _put_handlers(before: Sequence[Any]) -> None:
    for number, handler in zip(SIGNALS, before, strict=True):
        if handler is not None and getsignal(number) is not handler:
            signal.signal(number, handler)


def _timers() -> list[bool]:
    return [any(signal.getitimer(timer)) for timer in TIMERS]


def _stop_timers(_before: object) -> None:
    for timer in TIMERS:
        signal.setitimer(timer, 0)


def _put_limits(before: Sequence[tuple[int, int]]) -> None:
    for limit, value in zip(LIMITS, before, strict=True):
        if resource.getrlimit(limit) != value:
            resource.setrlimit(limit, value)


def _root_log() -> tuple[Any, ...]:
    root = logging.root
    return root.level, root.disabled, root.manager.disable, [*root.handlers], [*root.filters]


def _put_root_log(before: tuple[Any, ...]) -> None:
    root = logging.root
    level, root.disabled, root.manager.disable, root.handlers[:], root.filters[:] = before
    root.setLevel(level)  # forgets what loggers know of levels


def _decimal() -> tuple[Any, ...]:
    now = decimal.getcontext()
    return now.prec, now.rounding, now.Emin, now.Emax, now.capitals, now.clamp, dict(now.traps)


def _put_decimal(before: tuple[Any, ...]) -> None:
    prec, rounding, emin, emax, capitals, clamp, traps = before
    told = decimal.Context(prec, rounding, emin, emax, capitals, clamp)
    told.traps = traps
    decimal.setcontext(told)


def _collector() -> tuple[Any, ...]:
    return gc.isenabled(), gc.get_threshold(), gc.get_debug(), [*gc.callbacks]


def _put_collector(before: tuple[Any, ...]) -> None:
    enabled, threshold, debug, gc.callbacks[:] = before
    gc.set_threshold(*threshold)
    gc.set_debug(debug)
    (gc.enable if enabled else gc.disable)()


def _interpreter() -> tuple[Any, ...]:
    return sys.getrecursionlimit(), sys.getswitchinterval(), sys.get_int_max_str_digits()


def _put_interpreter(before: tuple[Any, ...]) -> None:
    recursion, switch, digits = before
    sys.setrecursionlimit(recursion)
    sys.setswitchinterval(switch)
    sys.set_int_max_str_digits(digits)


def _traces() -> tuple[Any, ...]:
    return sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()


def _put_traces(before: tuple[Any, ...]) -> None:
    for put, value in zip(
        (sys.settrace, sys.setprofile, threading.settrace, threading.setprofile), before, strict=True
    ):
        put(value)


def _faults() -> bool:
    """Whether faults are told; a dump, or an end, that somebody has asked for later is called off."""
    faulthandler.cancel_dump_traceback_later()
    return faulthandler.is_enabled()


def _watch_faults(on: bool) -> None:
    (faulthandler.enable if on else faulthandler.disable)()


def _put_start_method(before: str | None) -> None:
    multiprocessing.set_start_method(before, force=True)


def _mask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def _closed() -> list[bool]:
    """Which streams of output are closed: nothing opens one again."""
    return [bool(getattr(stream, "closed", False)) for stream in (sys.stdout, sys.stderr)]


PARTS: tuple[Part, ...] = (
    ("environment", lambda: dict(os.environ), _put_environ),
    ("working directory", os.getcwd, os.chdir),
    ("file mode mask", _mask, os.umask),
    ("sys.meta_path", lambda: [*sys.meta_path], _refill(sys.meta_path)),
    ("sys.path_hooks", lambda: [*sys.path_hooks], _refill(sys.path_hooks)),
    ("warnings", lambda: [*warnings.filters], _put_filters),
    ("root logger", _root_log, _put_root_log),
    ("signal handlers", _handlers, _put_handlers),
    (
        "blocked signals",
        lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        lambda before: signal.pthread_sigmask(signal.SIG_SETMASK, before),
    ),
    ("timers", _timers, _stop_timers),
    ("limits", lambda: [resource.getrlimit(limit) for limit in LIMITS], _put_limits),
    (
        "priority",
        lambda: os.getpriority(os.PRIO_PROCESS, 0),
        lambda before: os.setpriority(os.PRIO_PROCESS, 0, before),
    ),
    (
        "processors",
        lambda: os.sched_getaffinity(0),
        lambda before: os.sched_setaffinity(0, before),
    ),
    (
        "locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda before: locale.setlocale(locale.LC_ALL, before),
    ),
    ("decimal", _decimal, _put_decimal),
    ("garbage collector", _collector, _put_collector),
    ("interpreter", _interpreter, _put_interpreter),
    ("trace and profile", _traces, _put_traces),
    ("faulthandler", _faults, _watch_faults),
    ("start method", lambda: multiprocessing.get_start_method(allow_none=True), _put_start_method),
    ("closed streams", _closed, lambda _before: None),
)
