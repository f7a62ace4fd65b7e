"""Trainings whose code ends in odd ways: each fails with one short reason, alone and in a pack."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.trainables.sources import ListSource, lease
from trainables.catalogue import load_catalogue
from trainables.packs.routine_member import RoutineMember
from trainables.training.bounds import MAX_NAME
from trainables.training.lease import REASON_CHARS, TRACEBACK_CHARS, Outcome
from trainables.training.run import Run, train_one
from trainables.training.worker import Worker


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def loud(_run: Run) -> object:
    raise ValueError("x" * 10**6)


def unprintable(_run: Run) -> object:
    raise Unprintable


def no_number(_run: Run) -> object:
    return {"test_accuracy": "good"}


def long_name(_run: Run) -> object:
    return {"a" * (MAX_NAME + 1): 1.0}


def endless_step(run: Run) -> object:
    return run.report(math.inf, a=1.0)


def nameless(run: Run) -> object:
    return run.report(1, **{"": 1.0})


ENDS: dict[Callable[[Run], object], str] = {
    loud: "ValueError: xxx",
    unprintable: "Unprintable: (its text cannot be had: RuntimeError)",
    no_number: "the metric 'test_accuracy' is no number but a str",
    long_name: "a metric's name has 1 to 250 characters, not 251",
    endless_step: "a step is a finite number, not inf",
    nameless: "a metric's name has 1 to 250 characters, not 0",
}


def alone(train: Callable[[Run], object], worker: Worker) -> Outcome:
    return train_one(train, lease("t"), ListSource([]), worker)


def in_a_pack(train: Callable[[Run], object], worker: Worker) -> Outcome:
    def routine(run: Run) -> Iterator[Any]:
        yield None
        return train(run)

    member = RoutineMember(routine, lease("t"), worker)  # type: ignore[arg-type]
    member.begin()
    assert member.outcome is not None
    return member.outcome


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return Worker(catalogue=load_catalogue(), device="cpu", datasets_dir=tmp_path)


@pytest.mark.parametrize("way", [alone, in_a_pack])
@pytest.mark.parametrize("train", ENDS, ids=lambda train: train.__name__)
def test_every_odd_end_is_one_short_reason(
    train: Callable[[Run], object], way: Callable[..., Outcome], worker: Worker
) -> None:
    outcome = way(train, worker)
    assert outcome.state == "failed" and ENDS[train] in str(outcome.reason)
    assert len(str(outcome.reason)) < REASON_CHARS + 100
    assert len(str(outcome.traceback)) < TRACEBACK_CHARS + 100


def test_a_routine_that_yields_something_else_fails_though_its_end_raises(worker: Worker) -> None:
    def routine(_run: Run) -> Iterator[Any]:
        try:
            yield 7
        finally:
            raise KeyError("at the end")

    member = RoutineMember(routine, lease("t"), worker)  # type: ignore[arg-type]
    member.begin()
    assert member.outcome is not None and member.outcome.state == "failed"
    assert "a routine yields Steps" in str(member.outcome.reason)
