"""Trainings that leave something behind: processes, threads, files, memory, output."""

import _thread
import asyncio
import concurrent.futures
import multiprocessing
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

from tqdm import tqdm

from hostile_plugin.table import case

held = []
LONG_S = 1000.0


def _fork(does):
    """A child that does this and never comes back."""
    pid = os.fork()
    if pid == 0:
        try:
            does()
        finally:
            os._exit(0)
    return pid


def _sleep():
    time.sleep(LONG_S)


def _deaf():
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(number, signal.SIG_IGN)
    _sleep()


def _daemon():
    os.setsid()
    _fork(_sleep)


def _chain(num=30):
    """Each starts the next and ends, so that none is there for long."""
    for _ in range(num):
        time.sleep(0.002)
        if os.fork():
            os._exit(0)
    _sleep()


@case("done")
def leaves_a_child(_run):
    _fork(_sleep)


@case("done")
def leaves_twenty_children(_run):
    for _ in range(20):
        _fork(_sleep)


@case("done")
def leaves_a_deaf_child(_run):
    _fork(_deaf)
    time.sleep(0.02)


@case("done")
def leaves_a_stopped_child(_run):
    os.kill(_fork(_sleep), signal.SIGSTOP)


@case("done")
def leaves_a_dead_child(_run):
    _fork(lambda: None)


@case("done")
def leaves_a_daemon(_run):
    _fork(_daemon)
    time.sleep(0.02)


@case("done")
def leaves_a_family(_run):
    _fork(lambda: (_fork(_sleep), _fork(_daemon), _sleep()))
    time.sleep(0.02)


@case("done")
def leaves_a_chain(_run):
    _fork(_chain)
    time.sleep(0.01)


@case("done")
def leaves_a_program(_run):
    held.append(subprocess.Popen(["sleep", "1000"]))


@case("done")
def leaves_a_program_in_its_own_session(_run):
    held.append(subprocess.Popen(["sh", "-c", "sleep 1000 & sleep 1001"], start_new_session=True))
    time.sleep(0.02)


@case("done")
def leaves_a_process_of_multiprocessing(_run):
    held.append(multiprocessing.get_context("fork").Process(target=_sleep))
    held[-1].start()


@case("done")
def returns_twice(_run):
    os.fork()  # the child goes on as the trial, too


@case("failed", "ValueError: once more")
def raises_twice(_run):
    os.fork()
    raise ValueError("once more")


@case("done", renews=True)
def leaves_a_pool(_run):
    held.append(multiprocessing.get_context("fork").Pool(2))


@case("done", renews=True)
def leaves_a_thread(_run):
    threading.Thread(target=_sleep, name="t" * 10**6).start()


@case("done", renews=True)
def leaves_a_daemon_thread(_run):
    threading.Thread(target=_sleep, daemon=True).start()


@case("done", renews=True)
def leaves_an_unknown_thread(_run):
    _thread.start_new_thread(_sleep, ())
    time.sleep(0.05)  # until it has begun


@case("done", renews=True)
def leaves_a_timer(_run):
    threading.Timer(LONG_S, _sleep).start()


@case("done", renews=True)
def leaves_an_executor(_run):
    held.append(concurrent.futures.ThreadPoolExecutor(2))
    held[-1].submit(int)


@case("done", renews=True)
def leaves_a_loop(_run):
    loop = asyncio.new_event_loop()
    held.append(loop)
    threading.Thread(target=loop.run_forever, daemon=True).start()


@case("done", renews=True)
def leaves_a_busy_thread(_run):
    def seed():
        while True:
            random.seed(0)
            time.sleep(0.001)

    threading.Thread(target=seed, daemon=True).start()


@case("failed", "ValueError: with a thread", renews=True)
def raises_and_leaves_a_thread(_run):
    threading.Thread(target=_sleep).start()
    raise ValueError("with a thread")


@case("done")
def leaves_a_thread_that_ends(_run):
    threading.Thread(target=time.sleep, args=(0.1,)).start()


@case("done")
def shows_its_progress(_run):
    for _ in tqdm(range(3), mininterval=0.0, file=open(os.devnull, "w")):
        pass


@case("done", renews=True)
def leaves_a_hundred_files(_run):
    held.extend(open(os.devnull) for _ in range(100))


@case("done")
def leaves_ten_sockets(_run):
    held.extend(socket.socket() for _ in range(10))


@case("done")
def leaves_memory(_run):
    held.append(bytearray(100 * 2**20))


@case("done")
def prints_100_mb(_run):
    line = "x" * (2**20 - 1) + "\n"
    for _ in range(100):
        sys.stdout.write(line)


@case("done")
def writes_100_mb(_run):
    line = b"x" * 2**20
    for _ in range(100):
        os.write(2, line)
