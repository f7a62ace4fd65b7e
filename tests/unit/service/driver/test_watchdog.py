"""The watchdog: tells results once, ends what hangs, and leaves when the run must not go on."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from service.driver.watchdog import Watchdog
from service.protocol import Result
from service.timing import Timing


def result(trial_id: str) -> Result:
    return Result(trial_id=trial_id, state="done", metrics={})


class FakeBoard:
    """A dispenser of which only the news count."""

    def __init__(self) -> None:
        self.results: list[Any] = []
        self.standing: dict[str, Any] = {"desired": "run", "over": None, "broken": None, "silence": {}}
        self.killed: list[str] = []

    def news(self, since: int) -> Mapping[str, Any]:
        return {**self.standing, "results": self.results[since:]}

    def kill(self, slot_id: str) -> None:
        self.killed.append(slot_id)


class Scene:
    """A watchdog over a fake board, with a clock of its own."""

    def __init__(self) -> None:
        self.board = FakeBoard()
        self.now = 0.0
        self.taken: list[str] = []
        self.left: list[tuple[str, str | None]] = []
        self.watchdog = Watchdog(
            self.board,
            take=self.take,
            leave=self.leave,
            stall_s=100.0,
            grace_s=5.0,
            timing=Timing(monotonic=lambda: self.now),
        )

    def take(self, results: Sequence[Result]) -> None:
        self.taken += [result.trial_id for result in results]

    def leave(self, state: str, error: str | None) -> None:
        self.left.append((state, error))
        self.watchdog.ended.set()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_each_result_is_taken_once(scene: Scene) -> None:
    scene.board.results = [result("a")]
    scene.watchdog.look()
    scene.board.results.append(result("b"))
    scene.watchdog.look()
    scene.watchdog.look()
    assert scene.taken == ["a", "b"]


def test_a_silent_slot_is_ended_and_a_busy_one_is_not(scene: Scene) -> None:
    scene.board.standing["silence"] = {"quick": 99.0, "hung": 101.0}
    assert scene.watchdog.look() is None
    assert scene.board.killed == ["hung"]


@pytest.mark.parametrize(
    ("standing", "state"),
    [
        ({"desired": "cancel"}, "cancelled"),
        ({"desired": "pause"}, "interrupted"),
        ({"over": "another attempt"}, "over"),
        ({"broken": "no worker comes up"}, "failed"),
    ],
)
def test_what_ends_a_run(scene: Scene, standing: dict[str, str], state: str) -> None:
    scene.board.standing |= standing
    verdict = scene.watchdog.look()
    assert verdict is not None and verdict[0] == state


def test_slots_get_a_moment_before_the_process_is_left(scene: Scene) -> None:
    scene.board.standing["desired"] = "cancel"
    verdict = scene.watchdog.look()
    assert verdict is not None
    assert not scene.watchdog.patience_is_over(verdict)
    scene.now = 4.9
    assert not scene.watchdog.patience_is_over(verdict)
    scene.now = 5.0
    assert scene.watchdog.patience_is_over(verdict)


def test_a_signal_is_obeyed_at_once(scene: Scene) -> None:
    scene.watchdog.signalled.set()
    scene.watchdog.start()
    scene.watchdog.join(5.0)
    assert scene.left == [("interrupted", "the driver was told to stop")]


def test_an_error_of_its_own_ends_the_process_as_failed(scene: Scene) -> None:
    scene.board.results = [{}]
    scene.watchdog.start()
    scene.watchdog.join(5.0)
    assert scene.left == [("failed", "AttributeError: 'dict' object has no attribute 'trial_id'")]
