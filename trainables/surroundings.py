"""What a training can change in its process beside its own results: as it was before, put back after.

Compared are the settings and flags that reach other trainings, and what is bound in the modules and classes
that all of them use; what modules were given in addition stays.
"""

import _signal
import asyncio
import builtins
import ctypes
import decimal
import faulthandler
import gc
import json
import locale
import logging
import math
import multiprocessing
import operator
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch.overrides import _get_current_function_mode_stack
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack, _pop_mode

_optimizer = sys.modules[torch.optim.Optimizer.__module__]
NAMESPACES: tuple[Any, ...] = (
    *(builtins, sys, os, time, math, random, json, signal, threading, warnings, logging, tempfile, gc),
    *(asyncio.events, np, np.random, torch, torch.nn, torch.nn.functional, torch.nn.modules.module),
    *(_optimizer, torch.Tensor, torch.nn.Module, torch.optim.Optimizer),
)
LIMITS = sorted({value for name, value in vars(resource).items() if name.startswith("RLIMIT_")})
TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
SIGNALS = [int(number) for number in signal.Signals if number not in (signal.SIGKILL, signal.SIGSTOP)]
STANDARD = (0, 1, 2)
_GLOBAL_HOOKS = [
    value
    for module in (torch.nn.modules.module, _optimizer)
    for name, value in vars(module).items()
    if name.startswith("_global_") and isinstance(value, dict)
]
_cpu: Any = torch._C
_libc = ctypes.CDLL(None)

# Each part: its name, how it is read, and how a value that was read is put back.
Part = tuple[str, Callable[[], Any], Callable[[Any], object]]


class Surroundings:
    """A process as it is when this is made."""

    def __init__(self) -> None:
        self._standard = {number: os.dup(number) for number in STANDARD if _is_open(number)}
        self._bound = [(space, dict(vars(space))) for space in NAMESPACES]
        self._modules = dict(sys.modules)
        self._parts = [(part, part[1]()) for part in (*_PARTS, self._files())]

    def put_back(self) -> tuple[list[str], list[str]]:
        """Names of what was different, and of that what could not be put back."""
        changed = self._bind()
        lost = []
        for (name, read, write), before in self._parts:
            if _same(read, before):
                continue
            changed.append(name)
            with suppress(Exception):
                write(before)
            if not _same(read, before):
                lost.append(name)
        return changed, lost

    def close(self) -> None:
        """Let go of what it holds."""
        for number in self._standard.values():
            os.close(number)

    def _bind(self) -> list[str]:
        """Bind names again as they were; those that differed."""
        changed = []
        for space, before in self._bound:
            now = vars(space)
            if len(now) == len(before) and all(map(operator.is_, now.values(), before.values())):
                continue
            for name, value in before.items():
                if now.get(name) is not value:
                    setattr(space, name, value)
                    changed.append(f"{space.__name__}.{name}")
            for name in _overriding(space, now.keys() - before.keys()):
                delattr(space, name)
                changed.append(f"{space.__name__}.{name}")
        if not all(map(operator.is_, sys.modules.values(), self._modules.values())):
            wrong = {name: m for name, m in self._modules.items() if sys.modules.get(name) is not m}
            sys.modules.update(wrong)
            changed += [f"sys.modules[{name}]" for name in wrong]
        return changed

    def _files(self) -> Part:
        """What the standard streams lead to."""

        def open_again(_before: object) -> None:
            for number, copy in self._standard.items():
                os.dup2(copy, number)

        return "standard streams", lambda: [_place(number) for number in STANDARD], open_again


def _same(read: Callable[[], Any], before: Any) -> bool:
    try:
        return bool(read() == before)
    except Exception:  # a working directory that is gone, say
        return False


def _overriding(space: Any, added: Sequence[str] | Any) -> list[str]:
    """Those names added to a class that hide what it inherits; what a module was given hides nothing."""
    if not added or not isinstance(space, type):
        return []
    return [name for name in added if any(name in vars(parent) for parent in space.__mro__[1:])]


def _is_open(number: int) -> bool:
    return _place(number) is not None


def _place(number: int) -> tuple[int, int] | None:
    try:
        stat = os.fstat(number)
    except OSError:
        return None
    return stat.st_dev, stat.st_ino


def _refill(target: Any) -> Callable[[Sequence[Any]], None]:
    """How a list gets its old content."""

    def write(before: Sequence[Any]) -> None:
        target[:] = before

    return write


def _put_path(before: Sequence[str]) -> None:
    """The old places first: what was added may be needed by code that was imported meanwhile."""
    sys.path[:] = [*before, *(place for place in sys.path if place not in before)]


def _put_environ(before: Mapping[str, str]) -> None:
    for name in os.environ.keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)
    time.tzset()


def _put_filters(before: Sequence[Any]) -> None:
    warnings.filters[:] = before  # type: ignore[index]
    warnings._filters_mutated()  # type: ignore[attr-defined]


def _handlers() -> list[Any]:
    return [_signal.getsignal(number) for number in SIGNALS]  # `signal` has a name for each, which takes long


def _put_handlers(before: Sequence[Any]) -> None:
    for number, handler in zip(SIGNALS, before, strict=True):
        if handler is not None and _signal.getsignal(number) is not handler:
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


def _watch_faults(on: bool) -> None:
    (faulthandler.enable if on else faulthandler.disable)()


def _put_start_method(before: str | None) -> None:
    multiprocessing.set_start_method(before, force=True)


def _rounding(one: float = 1.0, three: float = 3.0, least: float = 1e-310) -> tuple[float, ...]:
    """How this processor rounds now, and whether it still knows the smallest numbers."""
    return one / three, -one / three, least / three


def _put_rounding(_before: object) -> None:
    torch.set_flush_denormal(False)
    _libc.fesetround(0)


def _modes() -> list[Any]:
    return [*_get_current_function_mode_stack(), *_get_current_dispatch_mode_stack()]


def _leave_modes(before: Sequence[Any]) -> None:
    torch.set_default_device(None)
    while len(_get_current_dispatch_mode_stack()) and _get_current_dispatch_mode_stack()[-1] not in before:
        _pop_mode()
    while len(_get_current_function_mode_stack()) and _get_current_function_mode_stack()[-1] not in before:
        _cpu._pop_torch_function_stack()


def _numerics() -> tuple[Any, ...]:
    """All by which torch computes the same numbers differently."""
    cudnn = torch.backends.cudnn
    return (
        torch.get_num_threads(),
        torch.get_deterministic_debug_mode(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        torch.get_float32_matmul_precision(),
        (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        _cpu._get_mkldnn_enabled(),
    )


def _put_numerics(before: tuple[Any, ...]) -> None:
    threads, debug, fill, precision, cudnn, mkldnn = before
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(debug)
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision(precision)
    torch.backends.cudnn.set_flags(cudnn[0], cudnn[1], None, cudnn[2], cudnn[3])
    _cpu._set_mkldnn_enabled(mkldnn)


def _autograd() -> tuple[Any, ...]:
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_anomaly_enabled(),
        torch.is_anomaly_check_nan_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_autocast_cache_enabled(),
    )


def _put_autograd(before: tuple[Any, ...]) -> None:
    grad, _inference, anomaly, check, autocast, dtype, cache = before
    torch.set_grad_enabled(grad)
    torch.autograd.set_detect_anomaly(anomaly, check)
    torch.set_autocast_enabled("cpu", autocast)
    torch.set_autocast_dtype("cpu", dtype)
    torch.set_autocast_cache_enabled(cache)


def _hooks() -> list[dict[Any, Any]]:
    return [dict(hooks) for hooks in _GLOBAL_HOOKS]


def _put_hooks(before: Sequence[dict[Any, Any]]) -> None:
    for hooks, old in zip(_GLOBAL_HOOKS, before, strict=True):
        hooks.clear()
        hooks.update(old)


_PARTS: tuple[Part, ...] = (
    ("environment", lambda: dict(os.environ), _put_environ),
    ("working directory", os.getcwd, os.chdir),
    ("file mode mask", lambda: _mask(), os.umask),
    ("sys.path", lambda: [*sys.path], _put_path),
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
    ("faulthandler", faulthandler.is_enabled, _watch_faults),
    ("start method", lambda: multiprocessing.get_start_method(allow_none=True), _put_start_method),
    ("rounding", _rounding, _put_rounding),
    ("numpy's generator", np.random.get_bit_generator, np.random.set_bit_generator),
    ("numpy errors", lambda: (np.geterr(), np.geterrcall()), lambda before: _put_errors(*before)),
    ("torch modes", _modes, _leave_modes),
    ("default dtype", torch.get_default_dtype, torch.set_default_dtype),
    ("numerics", _numerics, _put_numerics),
    ("autograd", _autograd, _put_autograd),
    ("global hooks", _hooks, _put_hooks),
)


def _mask() -> int:
    now = os.umask(0o077)
    os.umask(now)
    return now


def _put_errors(kinds: Mapping[str, Any], call: Any) -> None:
    np.seterr(**kinds)
    np.seterrcall(call)
