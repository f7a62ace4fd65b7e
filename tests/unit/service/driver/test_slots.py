"""When a slot is started, and how many fit."""

from pathlib import Path
from typing import Any

import pytest
from ray.tune.search import Searcher

from service.driver.sharing import Share
from service.driver.slots import HOLD_BACK_S, Resources, SlotSearcher, View


class Looking:
    """A view that a test sets, and a clock that it moves."""

    def __init__(self, **view: Any) -> None:
        self.now = 0.0
        self.set(**view)

    def set(
        self,
        *,
        capacity: int = 2,
        waiting: int = 0,
        drew: tuple[str, ...] = (),
        ended: bool = False,
        even: int = 1,
        contended: bool = False,
    ) -> None:
        mine = Share(limit=capacity, even=even, contended=contended)
        self.view = View(share=mine, waiting=waiting, drew=frozenset(drew), ended=ended)

    def __call__(self) -> View:
        return self.view

    def clock(self) -> float:
        return self.now


def test_starts_slots_up_to_the_capacity() -> None:
    searcher = SlotSearcher(Looking(capacity=2, waiting=100))
    assert [searcher.suggest(i) for i in ("a", "b", "c")] == [{}, {}, None]


def test_starts_no_more_slots_than_there_are_trials() -> None:
    searcher = SlotSearcher(Looking(capacity=8, waiting=3))
    assert [searcher.suggest(i) for i in ("a", "b", "c", "d")] == [{}, {}, {}, None]


def test_a_slot_that_has_drawn_leaves_what_waits_to_others() -> None:
    look = Looking(capacity=8, waiting=1)
    searcher = SlotSearcher(look)
    assert searcher.suggest("a") == {}
    assert searcher.suggest("b") is None
    look.set(capacity=8, waiting=1, drew=("a",))
    assert searcher.suggest("b") == {}


def test_a_new_slot_follows_one_that_ended_while_work_is_left() -> None:
    searcher = SlotSearcher(Looking(capacity=1, waiting=5))
    assert searcher.suggest("a") == {}
    assert searcher.suggest("b") is None
    searcher.on_trial_complete("a", result={"done": True}, error=False)
    assert searcher.suggest("b") == {}


def test_waits_while_work_may_still_come_back_or_be_added() -> None:
    assert SlotSearcher(Looking(waiting=0)).suggest("a") is None


def test_is_finished_only_when_no_slot_is_left() -> None:
    look = Looking(capacity=2, waiting=1)
    searcher = SlotSearcher(look)
    searcher.suggest("a")
    look.set(ended=True)
    assert searcher.suggest("b") is None
    searcher.on_trial_complete("a", error=True)
    assert searcher.suggest("b") == Searcher.FINISHED


def test_a_freed_place_is_left_to_others_who_wait_for_it() -> None:
    look = Looking(capacity=2, waiting=50, even=1, contended=True)
    searcher = SlotSearcher(look, clock=look.clock)
    look.now = 10.0
    assert [searcher.suggest(i) for i in ("a", "b")] == [{}, {}]
    searcher.on_trial_complete("a")
    assert searcher.suggest("c") is None
    look.now += HOLD_BACK_S
    assert searcher.suggest("c") == {}


def test_below_its_even_part_a_study_does_not_hold_back() -> None:
    look = Looking(capacity=4, waiting=50, even=2, contended=True)
    searcher = SlotSearcher(look, clock=look.clock)
    assert [searcher.suggest(i) for i in ("a", "b")] == [{}, {}]
    searcher.on_trial_complete("a")
    assert searcher.suggest("c") == {}


def test_tune_may_save_it_but_never_restore_it(tmp_path: Path) -> None:
    searcher = SlotSearcher(Looking())
    searcher.save(str(tmp_path / "state"))
    with pytest.raises(NotImplementedError, match="ledger"):
        searcher.restore(str(tmp_path / "state"))


@pytest.mark.parametrize(
    ("cpus", "gpus", "node", "fits"),
    [
        (1, 0, {"CPU": 4.0}, 4),
        (3, 0, {"CPU": 8.0}, 2),
        (1, 0, {"GPU": 1.0}, 0),
        (1, 1, {"CPU": 8.0, "GPU": 2.0}, 2),
        (1, 1, {"CPU": 8.0}, 0),
        (1, 0.25, {"CPU": 8.0, "GPU": 1.0}, 4),
        (1, 0.6, {"CPU": 8.0, "GPU": 2.0}, 2),
        (1, 2, {"CPU": 8.0, "GPU": 3.0}, 1),
        (4, 0.25, {"CPU": 8.0, "GPU": 4.0}, 2),
    ],
)
def test_slots_on_a_node(cpus: float, gpus: float, node: dict[str, float], fits: int) -> None:
    assert Resources(cpus=cpus, gpus=gpus).fit_on(node) == fits
