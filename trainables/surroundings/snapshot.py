"""A process as it was before a training: compared and put back after.

Compared are the settings and flags that reach other trainings, and what is bound in the modules and classes
that all of them use; what modules were given in addition stays.
"""

import asyncio
import builtins
import gc
import json
import logging
import math
import operator
import os
import random
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import numpy as np
import torch

from trainables.surroundings import interpreter, numerics
from trainables.surroundings.part import Part

NAMESPACES: tuple[Any, ...] = (
    *(sys, os, time, math, random, json, signal, threading, warnings, logging, tempfile, gc),
    *(asyncio.events, np, np.random, torch, torch.nn, torch.nn.functional, torch.nn.modules.module),
    *(numerics.OPTIMIZER, torch.Tensor, torch.nn.Module, torch.optim.Optimizer),
)
STANDARD = (0, 1, 2)


class Surroundings:
    """A process as it is when this is made."""

    def __init__(self) -> None:
        self._standard = {number: os.dup(number) for number in STANDARD if _is_open(number)}
        self._bound = [(space, dict(vars(space))) for space in NAMESPACES]
        self._modules = dict(sys.modules)
        self._builtins, self._now = dict(vars(builtins)), vars(builtins)
        own = (self._files(), interpreter.path_part())
        self._parts = [(part, part[1]()) for part in (*interpreter.PARTS, *numerics.PARTS, *own)]

    def put_back(self) -> tuple[list[str], list[str]]:
        """Names of what was different, and of that what could not be put back."""
        self._now.update(self._builtins)  # first of all, since everything else needs them
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


def _overriding(space: Any, added: Iterable[str]) -> list[str]:
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
