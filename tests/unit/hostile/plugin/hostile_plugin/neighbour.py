"""A training in good order, which draws on all that others can spoil and tells what it sees."""

import builtins
import decimal
import faulthandler
import gc
import json
import locale
import logging
import math
import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import threading
import time
import warnings
import zlib

import numpy as np
import torch
import torch.nn.functional as F


def compute(run, steps):
    """Three steps of descent of a small network with dropout, drawn from streams and from torch's own."""
    torch.manual_seed(run.seed)
    network = torch.nn.Sequential(torch.nn.Linear(5, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    x = torch.randn(11, 5, generator=run.stream("x"))
    y = torch.arange(11) % 3
    for step in steps:
        loss = F.cross_entropy(network(F.dropout(x, 0.2)), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        run.report(step, loss=loss.detach(), norm=sum(p.norm() for p in network.parameters()).detach())


def look_around(wait_s):
    """Numbers by name of all that it sees of its process after a while."""
    time.sleep(wait_s)
    return {**_numbers(), **_system(), **_interpreter()}


def _numbers():
    one, three, least = 1.0, 3.0, 1e-310
    return {
        "drawn": random.random(),
        "drawn_numpy": float(np.random.random()),
        "drawn_torch": float(torch.rand(1)),
        "item_bytes": torch.ones(1).element_size(),
        "device": _crc(torch.ones(1).device),
        "grads": torch.ones(1, requires_grad=True).mul(2).requires_grad,
        "inference": torch.ones(1).is_inference(),
        "threads_torch": torch.get_num_threads(),
        "deterministic": torch.get_deterministic_debug_mode(),
        "precision": _crc(torch.get_float32_matmul_precision()),
        "autocast": (torch.ones(2, 2) @ torch.ones(2, 2)).element_size(),
        "anomaly": torch.is_anomaly_enabled(),
        "onednn": torch._C._get_mkldnn_enabled(),
        "cudnn": torch.backends.cudnn.benchmark,
        "third": one / three,
        "least": least / three,
        "errors": _crc(np.geterr()),
        "error_call": np.geterrcall() is None,
        "relu": float(torch.relu(torch.tensor(-1.0))),
        "softmax": float(F.softmax(torch.arange(3.0), 0)[0]),
        "sum": float(np.sum(np.arange(3.0))),
        "tensor_add": float(torch.ones(1) + torch.ones(1)),
        "root": math.sqrt(2.0),
        "decimal": float(decimal.Decimal(1) / decimal.Decimal(3)),
    }


def _system():
    with tempfile.NamedTemporaryFile() as file:
        place = _crc(os.path.dirname(file.name))
    mask = os.umask(0o22)
    os.umask(mask)
    limits = [resource.getrlimit(number) for number in (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE)]
    return {
        "environment": _crc(sorted(item for item in os.environ.items() if item[0] != "ABLATE_WORKER")),
        "here": _crc(os.getcwd()),
        "mask": mask,
        "temporary": place,
        "limits": _crc(limits),
        "priority": os.getpriority(os.PRIO_PROCESS, 0),
        "processors": len(os.sched_getaffinity(0)),
        "handlers": _crc([_said(signal.getsignal(number)) for number in signal.Signals]),
        "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "timer": signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        "streams": _crc([os.fstat(number).st_ino for number in range(3)]),
        "zone": time.timezone,
        "locale": _crc(locale.setlocale(locale.LC_ALL)),
        "clock": time.time() > 1e9,
    }


def _interpreter():
    with warnings.catch_warnings(record=True) as seen:
        try:
            warnings.warn("a warning", UserWarning, stacklevel=1)
            kept = len(seen)
        except UserWarning:
            kept = -1
    shown = logging.getLogger("somebody").isEnabledFor(logging.WARNING)
    sys.stdout.write("out\n")
    sys.stdout.flush()
    return {
        "warned": kept,
        "filters": len(warnings.filters),
        "log": shown and len(logging.root.handlers) == 0,
        "out": sys.stdout.fileno() + 10 * sys.stderr.fileno(),
        "hooks": _crc([_said(hook) for hook in (sys.excepthook, threading.excepthook, sys.unraisablehook)]),
        "path": _crc(sys.path[:3]),
        "finders": len(sys.meta_path) + 100 * len(sys.path_hooks),
        "depth": sys.getrecursionlimit(),
        "digits": sys.get_int_max_str_digits(),
        "switch": sys.getswitchinterval(),
        "collector": gc.isenabled() + 10 * gc.get_threshold()[0] + len(gc.callbacks),
        "traced": (sys.gettrace() or sys.getprofile() or threading.gettrace()) is not None,
        "faults": faulthandler.is_enabled(),
        "start_method": _crc(multiprocessing.get_start_method(allow_none=True)),
        "numpy_is": sys.modules["numpy"] is np,
        "builtins": len([*map(str, builtins.sorted([3, 1]))]) + sum([1, 2]) + max(1, 2),
        "json": len(json.dumps([1, {"a": 2}])),
        "file": _readable(),
        "identity": id(print) == id(builtins.print),
    }


def _readable():
    with open(__file__) as file:
        return len(file.read()) > 0


def _said(handler):
    return getattr(handler, "__qualname__", repr(handler))


def _crc(value):
    return zlib.crc32(repr(value).encode())
