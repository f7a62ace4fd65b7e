"""Trainings that change code or data which others use."""

import builtins
import json
import math
import os
import random
import time

import numpy as np
import torch

from hostile_plugin.table import add, case


def _wrong(*_args, **_kwargs):
    raise SystemExit("a patch of theirs")


def _one(*_args, **_kwargs):
    return torch.ones(1)


for _space, _name, _patch in (
    (builtins, "print", _wrong),
    (builtins, "sorted", _wrong),
    (builtins, "open", _wrong),
    (builtins, "sum", _wrong),
    (os, "getpid", lambda: 1),
    (os, "getcwd", lambda: "/nowhere"),
    (time, "time", lambda: 0.0),
    (time, "sleep", _wrong),
    (math, "sqrt", lambda x: x),
    (json, "dumps", _wrong),
    (random, "random", lambda: 0.5),
    (np, "sum", lambda *_: 0.0),
    (np.random, "random", lambda *_: 0.5),
    (torch, "relu", lambda x: x),
    (torch, "randn", _one),
    (torch, "manual_seed", lambda *_: None),
    (torch.nn.functional, "cross_entropy", lambda x, _: x.sum()),
    (torch.nn.functional, "dropout", lambda x, _: x),
    (torch.Tensor, "backward", lambda *_: None),
    (torch.Tensor, "__add__", lambda *_: torch.zeros(1)),
    (torch.nn.Module, "__call__", lambda _, x: x * 2),
    (torch.nn, "Linear", _wrong),
    (torch.optim.Optimizer, "zero_grad", lambda *_: None),
):
    add(
        f"patches {_space.__name__}.{_name}",
        lambda _run, space=_space, name=_name, patch=_patch: setattr(space, name, patch),
        "done",
    )


@case("done")
def deletes_a_builtin(_run):
    del builtins.len


@case("done")
def changes_its_own_data(run):
    data = run.data("digits-5k")
    if not run._shares:
        data.train.x.zero_()
        data.train.y.zero_()


@case(said="ValueError: assignment destination is read-only")
def changes_the_digits_of_all(run):
    run.data("digits-5k").source.train.y[:] = 0
