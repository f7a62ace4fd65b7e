"""Trainings that change settings of their process and go on: it is to be as before for the next."""

import asyncio
import atexit
import ctypes
import decimal
import faulthandler
import gc
import locale
import logging
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

import numpy as np
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from hostile_plugin.table import add, case

libc = ctypes.CDLL(None)
FE_UPWARD = 0x800


class Mode(TorchFunctionMode):
    def __torch_function__(self, func, types, args=(), kwargs=None):
        return torch.zeros(1)


class Dispatch(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise RuntimeError("dispatched")


class Loud(logging.Handler):
    def emit(self, _record):
        raise SystemExit("logged")


class Finder:
    def find_spec(self, *_args):
        raise ImportError("found")


class Quiet:
    """A stream that is none."""

    def write(self, _text):
        raise ValueError("quiet")


def _ignore(*_):
    raise SystemExit("a handler of theirs")


def _handle(number):
    return lambda _run: signal.signal(number, _ignore)


def _hold(limit, value):
    def does(_run):
        _soft, hard = resource.getrlimit(limit)
        resource.setrlimit(limit, (value, hard))

    return does


for _number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGALRM, signal.SIGUSR1, signal.SIGHUP):
    add(f"handles {_number.name}", _handle(_number), "done")

_CHANGES = {
    "ignores SIGTERM": lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
    "ignores SIGCHLD": lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
    "ignores SIGPIPE no more": lambda: signal.signal(signal.SIGPIPE, signal.SIG_DFL),
    "blocks all signals": lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()),
    "sets an alarm": lambda: signal.setitimer(signal.ITIMER_REAL, 0.2),
    "sets an alarm with a handler": lambda: (
        signal.signal(signal.SIGALRM, _ignore),
        signal.setitimer(signal.ITIMER_REAL, 0.2, 0.01),
    ),
    "sets a variable": lambda: os.environ.update(OMP_NUM_THREADS="77", HOSTILE="1"),
    "clears the environment": lambda: os.environ.clear(),
    "takes the environment away": lambda: setattr(os, "environ", {}),
    "changes the zone": lambda: (os.environ.update(TZ="Asia/Tokyo"), time.tzset()),
    "goes elsewhere": lambda: os.chdir("/"),
    "goes where nothing is": lambda: (place := tempfile.mkdtemp(), os.chdir(place), os.rmdir(place)),
    "masks all modes": lambda: os.umask(0o777),
    "replaces stdout": lambda: setattr(sys, "stdout", Quiet()),
    "replaces stderr": lambda: setattr(sys, "stderr", None),
    "closes the file of stdout": lambda: os.close(1),
    "leads stdout elsewhere": lambda: os.dup2(os.open(os.devnull, os.O_RDWR), 2),
    "hooks errors": lambda: setattr(sys, "excepthook", _ignore),
    "hooks errors of threads": lambda: setattr(threading, "excepthook", _ignore),
    "hooks what nobody raises": lambda: setattr(sys, "unraisablehook", _ignore),
    "puts itself first on the path": lambda: sys.path.insert(0, "/nowhere"),
    "empties the path": lambda: sys.path.clear(),
    "finds modules": lambda: sys.meta_path.insert(0, Finder()),
    "finds no modules": lambda: sys.meta_path.clear(),
    "forgets numpy": lambda: sys.modules.pop("numpy"),
    "takes the place of numpy": lambda: sys.modules.update(numpy=random),
    "turns warnings into errors": lambda: warnings.simplefilter("error"),
    "silences warnings": lambda: warnings.simplefilter("ignore"),
    "silences logs": lambda: logging.disable(logging.CRITICAL),
    "silences the root logger": lambda: logging.root.setLevel(logging.CRITICAL),
    "adds a loud handler": lambda: logging.root.addHandler(Loud()),
    "configures logging": lambda: logging.basicConfig(level=1, force=True),
    "keeps to one processor": lambda: os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}),
    "speaks C": lambda: locale.setlocale(locale.LC_ALL, "C.UTF-8"),
    "counts to three digits": lambda: setattr(decimal.getcontext(), "prec", 3),
    "rounds decimals up": lambda: decimal.setcontext(decimal.Context(4, decimal.ROUND_UP)),
    "collects no garbage": lambda: gc.disable(),
    "collects garbage always": lambda: gc.set_threshold(1),
    "watches the collector": lambda: gc.callbacks.append(lambda *_: None),
    "recurses little": lambda: sys.setrecursionlimit(180),
    "recurses without bound": lambda: sys.setrecursionlimit(10**6),
    "switches rarely": lambda: sys.setswitchinterval(5.0),
    "prints all digits": lambda: sys.set_int_max_str_digits(0),
    "traces": lambda: (sys.settrace(lambda *_: None), threading.settrace(lambda *_: None)),
    "profiles": lambda: (sys.setprofile(lambda *_: None), threading.setprofile(lambda *_: None)),
    "watches faults": lambda: faulthandler.enable(),
    "spawns from now on": lambda: multiprocessing.set_start_method("spawn", force=True),
    "has a loop policy": lambda: asyncio.set_event_loop_policy(asyncio.DefaultEventLoopPolicy()),
    "says something at the end": lambda: atexit.register(_ignore),
    "raises for numpy": lambda: np.seterr(all="raise"),
    "is called by numpy": lambda: (np.seterrcall(_ignore), np.seterr(all="call")),
    "seeds Python": lambda: random.seed(0),
    "seeds numpy": lambda: np.random.seed(0),
    "seeds torch": lambda: torch.manual_seed(0),
    "draws": lambda: (random.random(), np.random.random(), torch.rand(3)),
    "has another generator": lambda: np.random.set_bit_generator(np.random.PCG64(1)),
    "computes in double": lambda: torch.set_default_dtype(torch.float64),
    "computes in half": lambda: torch.set_default_dtype(torch.float16),
    "computes nowhere": lambda: torch.set_default_device("meta"),
    "has no gradients": lambda: torch.set_grad_enabled(False),
    "enters no_grad for good": lambda: torch.no_grad().__enter__(),
    "casts by itself": lambda: torch.autocast("cpu", torch.bfloat16).__enter__(),
    "casts to half": lambda: torch.set_autocast_enabled("cpu", True),
    "looks for anomalies": lambda: torch.autograd.set_detect_anomaly(True),
    "has seven threads": lambda: torch.set_num_threads(7),
    "is not deterministic": lambda: torch.use_deterministic_algorithms(False),
    "insists on determinism": lambda: torch.set_deterministic_debug_mode("error"),
    "multiplies roughly": lambda: torch.set_float32_matmul_precision("medium"),
    "uses no oneDNN": lambda: torch._C._set_mkldnn_enabled(False),
    "looks for fast kernels": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "flushes small numbers": lambda: torch.set_flush_denormal(True),
    "rounds upwards": lambda: libc.fesetround(FE_UPWARD),
    "is in a mode": lambda: Mode().__enter__(),
    "is in a mode of dispatch": lambda: Dispatch().__enter__(),
    "hooks every module": lambda: torch.nn.modules.module.register_module_forward_hook(
        lambda _module, _inputs, output: output * 2
    ),
    "hooks every optimizer": lambda: (
        torch.optim.optimizer.register_optimizer_step_post_hook(_ignore)
        if hasattr(torch.optim, "optimizer")
        else sys.modules["torch.optim.optimizer"].register_optimizer_step_post_hook(_ignore)
    ),
    "stores files elsewhere": lambda: setattr(tempfile, "tempdir", "/dev"),
}
for _name, _change in _CHANGES.items():
    add(_name, lambda _run, change=_change: change() and None, "done")
add("opens few files", _hold(resource.RLIMIT_NOFILE, 64), "done")
add("uses little memory", _hold(resource.RLIMIT_DATA, 2**34), "done")


@case("done", renews=os.geteuid() != 0)
def is_nice(_run):
    os.nice(1)


@case("done")
def shows_that_it_would_dump_later(_run):
    faulthandler.dump_traceback_later(0.2, exit=True, file=open(os.devnull, "w"))


@case("done", renews=True)
def infers_for_good(_run):
    torch.inference_mode().__enter__()
    global kept  # its end would put things back
    kept = torch._C._InferenceMode(True)


@case("done", renews=True)
def closes_stdout(_run):
    sys.stdout.close()
