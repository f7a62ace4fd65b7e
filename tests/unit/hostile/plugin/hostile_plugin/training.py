"""The code behind both trainables: one of the table, or the neighbour who must not notice it."""

from inspect import isgenerator

from hostile_plugin import changes, deaths, endings, numbers, patches, remains  # noqa: F401
from hostile_plugin.neighbour import compute, look_around
from hostile_plugin.table import CASES


def train(run):
    """One of the table, or a neighbour."""
    if not run.settings["does"].startswith("neighbour"):
        return CASES[run.settings["does"]].does(run)
    compute(run, range(3))
    return look_around(run.settings.get("wait_s", 0.0))


def routine(run):
    """The same in two halves, between which others train."""
    if not run.settings["does"].startswith("neighbour"):
        yield None
        result = CASES[run.settings["does"]].does(run)
        result = (yield from result) if isgenerator(result) else result
        yield None
        return result
    compute(run, range(2))
    yield None
    compute(run, range(2, 3))
    return look_around(run.settings.get("wait_s", 0.0))
