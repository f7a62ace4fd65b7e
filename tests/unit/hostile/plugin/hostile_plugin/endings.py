"""Trainings that raise, in every way that Python has, and some that return what nobody expects."""

import asyncio
import sys
import warnings
from collections.abc import Mapping

import torch

from hostile_plugin.table import add, case

MUCH = 50 * 2**20


def raising(name, make, said, ends="failed"):
    """A training that raises what `make` gives."""

    def does(_run):
        raise make()

    add(f"raises {name}", does, ends, said)


class Outside(BaseException):
    """Not even an Exception."""


class Text(str):
    """A text with opinions."""

    def __format__(self, spec):
        raise RuntimeError("no format")

    def __len__(self):
        raise RuntimeError("no length")


class Saying(Exception):
    """Says of itself what it is told to, or does it."""

    def __init__(self, says):
        super().__init__()
        self.says = says

    def __str__(self):
        return self.says()


class Meta(type):
    @property
    def __name__(cls):
        raise RuntimeError("no name")


class Nameless(Exception, metaclass=Meta):
    """Its class has no name to give."""


class Traceless(Exception):
    @property
    def __traceback__(self):
        raise RuntimeError("no traceback")

    @property
    def __cause__(self):
        raise RuntimeError("no cause")


class Lying(Exception):
    @property
    def __class__(self):
        return int


def _leave():
    sys.exit(7)


def _group(depth):
    group = ExceptionGroup("deepest", [ValueError("v")])
    for _ in range(depth):
        group = ExceptionGroup("group", [group])
    return group


def _chain(num):
    last = ValueError("the last one")
    for number in range(num):
        error = ValueError(f"number {number}")
        error.__cause__, last = last, error
    return last


def _circle():
    one, other = ValueError("one"), ValueError("other")
    one.__cause__, other.__cause__ = other, one
    return one


def _noted(note):
    error = ValueError("noted")
    error.__notes__ = note
    return error


def _renamed():
    kind = type("Long", (Exception,), {})
    kind.__name__ = "N" * 10**6
    return kind("long")


for _name, _make, _said in (
    ("an error", lambda: ValueError("plain words"), "ValueError: plain words"),
    ("an empty error", lambda: ValueError(), "ValueError: "),
    ("an error of 50 MB", lambda: ValueError("x" * MUCH), "characters left out"),
    ("an error of 10000 lines", lambda: ValueError("line\n" * 10_000), "ValueError: line"),
    ("half a character", lambda: ValueError("\ud800"), "ValueError: \ud800"),
    ("a null", lambda: ValueError("a\0b"), "ValueError: a\0b"),
    ("system exit 0", lambda: SystemExit(0), "SystemExit: 0"),
    ("system exit with words", lambda: SystemExit("bye"), "SystemExit: bye"),
    ("system exit with an object", lambda: SystemExit(object()), "SystemExit: <object"),
    ("keyboard interrupt", KeyboardInterrupt, "KeyboardInterrupt: "),
    ("generator exit", GeneratorExit, "GeneratorExit: "),
    ("stop iteration", lambda: StopIteration(3), ": "),
    ("stop async iteration", StopAsyncIteration, "StopAsyncIteration: "),
    ("cancelled", asyncio.CancelledError, "CancelledError: "),
    ("base exception", lambda: BaseException("base"), "BaseException: base"),
    ("a class outside Exception", lambda: Outside("mine"), "Outside: mine"),
    ("a group", lambda: ExceptionGroup("several", [ValueError(1), KeyError(2)]), "ExceptionGroup: several"),
    (
        "a base group",
        lambda: BaseExceptionGroup("several", [KeyboardInterrupt(), SystemExit()]),
        "BaseExceptionGroup: several",
    ),
    ("a group of 1000 levels", lambda: _group(1000), "ExceptionGroup: group"),
    ("a group of 5000", lambda: ExceptionGroup("many", [ValueError(i) for i in range(5000)]), "many"),
    ("a chain of 2000", lambda: _chain(2000), "ValueError: number 1999"),
    ("a circle", _circle, "ValueError: one"),
    ("memory error", lambda: MemoryError("none left"), "MemoryError: none left"),
    ("no memory of torch", lambda: torch.OutOfMemoryError("none"), "OutOfMemoryError: none"),
    ("an error of the system", lambda: OSError(28, "No space left"), "OSError: [Errno 28] No space left"),
    ("a syntax error", lambda: SyntaxError("bad", ("f", 1, 1, "x" * 10**6)), "SyntaxError: bad"),
    ("a decoding error", lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), "UnicodeDecodeError"),
    ("a warning", lambda: UserWarning("as an error"), "UserWarning: as an error"),
    ("a key error of a key of 1 MB", lambda: KeyError("k" * 10**6), "KeyError: 'kkk"),
    ("words that raise", lambda: Saying(lambda: 1 / 0), "its text cannot be had: ZeroDivisionError"),
    ("words that exit", lambda: Saying(_leave), "its text cannot be had: SystemExit"),
    ("words that are a number", lambda: Saying(lambda: 5), "its text cannot be had: TypeError"),
    ("words of 50 MB", lambda: Saying(lambda: "y" * MUCH), "characters left out"),
    ("words that recurse", lambda: (e := Saying(lambda: str(e))), "its text cannot be had: RecursionError"),
    ("words of their own kind", lambda: Saying(lambda: Text("odd words")), "Saying: odd words"),
    ("a nameless class", lambda: Nameless("who"), "Nameless: who"),
    ("a class named at length", _renamed, "NNNN"),
    ("without traceback", lambda: Traceless("t"), "Traceless"),
    ("a lie about its class", lambda: Lying("l"), "Lying: l"),
    ("notes that are none", lambda: _noted(5), "ValueError: noted"),
    ("notes that raise", lambda: _noted([Saying(lambda: 1 / 0)]), "ValueError: noted"),
    ("notes of 50 MB", lambda: _noted(["n" * MUCH]), "ValueError: noted"),
    ("a class that is gone", lambda: type("Gone", (Exception,), {"__module__": "not.there"})("g"), "Gone: g"),
    ("no exception", lambda: "a string", "TypeError: exceptions must derive from BaseException"),
):
    raising(_name, _make, _said)


@case(said="SystemExit: 4")
def calls_exit(_run):
    sys.exit(4)


@case(said="SystemExit")
def calls_the_builtin_exit(_run):
    exit()


@case(said="RecursionError: maximum recursion depth exceeded")
def recurses(run):
    return recurses(run)


@case(said="KeyError: 'at the end'")
def raises_at_the_end(_run):
    try:
        raise ValueError("first")
    finally:
        raise KeyError("at the end")


@case(said="UserWarning: as an error")
def makes_warnings_errors(_run):
    warnings.simplefilter("error")
    warnings.warn("as an error", stacklevel=1)


@case(said="RuntimeError: mat1 and mat2")
def multiplies_what_does_not_fit(_run):
    return torch.ones(2, 3) @ torch.ones(2, 3)


@case(said="RuntimeError: a generator's end")
def is_a_generator_that_raises(_run):
    def steps():
        yield None
        raise RuntimeError("a generator's end")

    yield from steps()


@case(said="a routine yields Steps, or None after a report, not")
def yields_a_number(_run):
    yield 7


@case("done")
def returns_a_coroutine(_run):
    async def never():
        return {"x": 1.0}

    coroutine = never()
    coroutine.close()
    return coroutine


@case("done")
def returns_50_mb_of_bytes(_run):
    return bytes(MUCH)


class Endless(Mapping):
    """A mapping without an end."""

    def __getitem__(self, key):
        return 1.0

    def __iter__(self):
        number = 0
        while True:
            number += 1
            yield f"m{number}"

    def __len__(self):
        return 1


class Raising(Endless):
    def __iter__(self):
        raise SystemExit("no items")


@case(said="at most 10000 metrics")
def returns_without_end(_run):
    return Endless()


@case(said="SystemExit: no items")
def returns_what_exits(_run):
    return Raising()
