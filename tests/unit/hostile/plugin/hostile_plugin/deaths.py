"""Trainings that end their process, or never end."""

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time

from hostile_plugin.table import add, case

libc = ctypes.CDLL(None)


def _starve():
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.kill(os.getpid(), signal.SIGXCPU)


for _name, _does in {
    "exits with 0": lambda: os._exit(0),
    "exits with 3": lambda: os._exit(3),
    "kills itself": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "tells itself to end": lambda: (os.kill(os.getpid(), signal.SIGTERM), time.sleep(5)),
    "aborts": os.abort,
    "reads at 0": lambda: ctypes.string_at(0),
    "ends the C library": lambda: libc._exit(5),
    "becomes another program": lambda: os.execv("/bin/true", ["true"]),
    "divides in C": lambda: os.kill(os.getpid(), signal.SIGFPE),
    "uses up its time": _starve,
    "dies in a thread": lambda: (threading.Thread(target=os._exit, args=(6,)).start(), time.sleep(5)),
    "dies with a child": lambda: (subprocess.Popen(["sleep", "1000"]), os._exit(7)),
    "dies with a daemon": lambda: (
        subprocess.Popen(["sleep", "1000"], start_new_session=True),
        os._exit(8),
    ),
}.items():
    add(_name, lambda _run, does=_does: does() and None, "died")


@case("hangs")
def sleeps(_run):
    time.sleep(1000)


@case("hangs")
def waits_for_itself(_run):
    lock = threading.Lock()
    lock.acquire()
    lock.acquire()


@case("hangs")
def hears_nothing(_run):
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    time.sleep(1000)


@case("hangs")
def swallows_everything(_run):
    while True:
        try:
            time.sleep(1000)
        except BaseException:
            pass


@case("hangs")
def stops(_run):
    os.kill(os.getpid(), signal.SIGSTOP)
