"""The table of hostile trainings: what each does, how it ends, and what its reason says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Do = Callable[[Any], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One hostile training.

    `ends` is done, failed, diverged, died (its process does) or hangs; with `renews` the worker trains
    nothing after it.
    """

    does: Do
    ends: str = "failed"
    said: str = ""
    renews: bool = False


CASES: dict[str, Case] = {}


def add(name: str, does: Do, ends: str = "failed", said: str = "", *, renews: bool = False) -> None:
    """Put one into the table."""
    assert name not in CASES, name
    CASES[name] = Case(does=does, ends=ends, said=said, renews=renews)


def case(ends: str = "failed", said: str = "", *, renews: bool = False) -> Callable[[Do], Do]:
    """Put a function into the table, under its own name."""

    def put(does: Do) -> Do:
        add(does.__name__, does, ends, said, renews=renews)
        return does

    return put
