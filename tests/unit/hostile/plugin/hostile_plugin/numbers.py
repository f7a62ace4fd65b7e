"""Numbers that are none, in reports and in what is returned; names, steps and sizes beyond all bounds."""

import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import torch

from hostile_plugin.table import add, case

MUCH = 50 * 2**20


class Floating:
    """Becomes a float by what it is told to do."""

    def __init__(self, does):
        self.does = does

    def __float__(self):
        return self.does()


class Own(float):
    """A float with opinions."""

    def __repr__(self):
        raise RuntimeError("no words")


def _leave():
    raise SystemExit("while becoming a float")


_NOT = "the metric 'loss' is no number but a"
VALUES = (
    ("nan", lambda: math.nan, "diverged", "loss is nan"),
    ("inf", lambda: math.inf, "diverged", "loss is inf"),
    ("minus inf", lambda: -math.inf, "diverged", "loss is -inf"),
    ("nan of numpy", lambda: np.float32("nan"), "diverged", "loss is nan"),
    ("inf of half", lambda: torch.tensor(1e6, dtype=torch.float16), "diverged", "loss is inf"),
    ("nan of torch", lambda: torch.tensor(math.nan), "diverged", "loss is nan"),
    ("nan of decimal", lambda: Decimal("NaN"), "diverged", "loss is nan"),
    ("loud nan of decimal", lambda: Decimal("sNaN"), "failed", "the metric 'loss' is a Decimal"),
    ("complex", lambda: 1 + 2j, "failed", "the metric 'loss' is a complex"),
    ("complex of torch", lambda: torch.tensor(1 + 2j), "failed", f"{_NOT} Tensor"),
    ("text", lambda: "0.5", "failed", f"{_NOT} str"),
    ("text nan", lambda: "nan", "failed", f"{_NOT} str"),
    ("text of 50 MB", lambda: "1" * MUCH, "failed", f"{_NOT} str"),
    ("bytes", lambda: b"0.5", "failed", f"{_NOT} bytes"),
    ("nothing", lambda: None, "failed", f"{_NOT} NoneType"),
    ("list", lambda: [0.5], "failed", f"{_NOT} list"),
    ("nested", lambda: {"a": {"b": 1.0}}, "failed", f"{_NOT} dict"),
    ("two of torch", lambda: torch.ones(2), "failed", f"{_NOT} Tensor"),
    ("none of torch", lambda: torch.ones(0), "failed", f"{_NOT} Tensor"),
    ("meta of torch", lambda: torch.ones((), device="meta"), "failed", f"{_NOT} Tensor"),
    ("two of numpy", lambda: np.ones(2), "failed", f"{_NOT} ndarray"),
    (
        "date of numpy",
        lambda: np.datetime64("NaT"),
        "failed",
        "the metric 'loss' is no number but a datetime64",
    ),
    ("huge", lambda: 10**400, "failed", "the metric 'loss' is larger than any float"),
    ("object", object, "failed", f"{_NOT} object"),
    ("function", lambda: print, "failed", f"{_NOT} builtin_function_or_method"),
    ("float that raises", lambda: Floating(lambda: 1 / 0), "failed", f"{_NOT} Floating: division by zero"),
    ("float that is text", lambda: Floating(lambda: "1"), "failed", f"{_NOT} Floating"),
    ("float that exits", lambda: Floating(_leave), "failed", "SystemExit: while becoming a float"),
    ("own float", lambda: Own(0.5), "done", ""),
    ("bool", lambda: True, "done", ""),
    ("fraction", lambda: Fraction(1, 3), "done", ""),
    ("whole of numpy", lambda: np.int64(3), "done", ""),
    ("smallest", lambda: 5e-324, "done", ""),
    ("one of torch", lambda: torch.ones(1), "done", ""),
)


def _reporting(make):
    return lambda run: run.report(1, loss=make())


def _returning(make):
    return lambda _run: {"loss": make()}


for _name, _make, _ends, _said in VALUES:
    add(f"reports {_name}", _reporting(_make), _ends, _said)
    add(f"returns {_name}", _returning(_make), _ends, _said)


class Name(str):
    """A name with opinions."""

    def __len__(self):
        return 3

    def __str__(self):
        return "else"


class Unsayable:
    def __str__(self):
        raise KeyError("no name")


for _name, _key, _ends, _said in (
    ("no name", "", "failed", "a metric's name has 1 to 250 characters, not 0"),
    ("a long name", "n" * 251, "failed", "a metric's name has 1 to 250 characters, not 251"),
    ("a name of 50 MB", "n" * MUCH, "failed", "not 52428800"),
    ("a null in a name", "a\0b", "failed", "printable characters only"),
    ("half a character in a name", "\ud800", "failed", "printable characters only"),
    ("a name of two lines", "a\nb", "failed", "printable characters only"),
    ("a name that cannot be said", Unsayable(), "failed", "KeyError: 'no name'"),
    ("an own kind of name", Name("x" * 300), "done", ""),
    ("a number as a name", 5, "done", ""),
    ("the name of another metric", "seconds", "done", ""),
):
    add(f"returns {_name}", lambda _run, key=_key: {key: 1.0}, _ends, _said)

for _name, _steps, _ends, _said in (
    ("below zero", (-1,), "failed", "a step lies between 0 and"),
    ("without end", (math.inf,), "failed", "a step is a finite number, not inf"),
    ("nan", (math.nan,), "failed", "a step is a finite number, not nan"),
    ("as text", ("3",), "failed", "the metric 'step' is no number"),
    ("of nothing", (None,), "failed", "the metric 'step' is no number"),
    ("complex", (1j,), "failed", "the metric 'step' is a complex"),
    ("far too large", (1e300,), "failed", "a step lies between 0 and"),
    ("huge", (10**400,), "failed", "the metric 'step' is larger than any float"),
    ("backwards", (1, 2, 1), "failed", "goes back: step 1 was reported after 2"),
    ("half of one", (0.5, 1.5), "done", ""),
    ("twice", (1, 1, 2, 2), "done", ""),
    ("of torch", (torch.tensor(1), torch.tensor(2.0)), "done", ""),
    ("true", (False, True), "done", ""),
):
    add(f"steps {_name}", lambda run, s=_steps: [run.report(step, loss=0.5) for step in s], _ends, _said)


@case("done")
def counts_epochs_beside_steps(run):
    for epoch in (1, 2):
        run.report(100 * epoch, train_loss=0.5)
        run.report(epoch, val_loss=0.5)


@case(said="at most 10000 metrics")
def returns_too_many(_run):
    return {f"m{number}": 1.0 for number in range(10_001)}


@case(said="at most 10000 metrics")
def reports_too_many(run):
    for start in range(0, 12_000, 3000):
        run.report(start, **{f"m{number}": 1.0 for number in range(start, start + 3000)})


@case(said="curves of more than 16 MiB are not kept: 'm0' has")
def reports_50_mb(run):
    for step in range(1000):
        run.report(step, **{f"m{number}": 1 / 3 + step for number in range(4000)})


@case(said="at most 16 MiB are kept: learned scalars")
def keeps_50_mb_of_scalars(run):
    run.log_scalars(1, ([1 / 3] * 10**6, []))


@case("done", "nnn")
def notes_50_mb(run):
    run.note("n" * MUCH)


@case("diverged", "nnn")
def is_bad_for_50_mb(run):
    run.course.bad = "n" * MUCH


@case(said="the result cannot be recorded")
def puts_objects_on_the_curve(run):
    run.report(1, loss=1.0)
    run.course.curve["loss"] = [(1, object())]


@case(said="AttributeError")
def breaks_its_course(run):
    run.course = None


@case(said="cannot be recorded")
def puts_nan_on_the_curve(run):
    run.course.curve["loss"] = [(1, math.nan)]
