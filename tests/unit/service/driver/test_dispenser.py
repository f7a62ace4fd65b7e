"""The dispenser as slots, Tune and the driver call it, over a service in memory."""

import math
import time
from collections.abc import Callable, Iterator

import pytest

from service.budgets import Budgets
from service.driver.deaths import Death
from service.driver.dispenser import Dispenser
from tests.unit.service.driver.fakes import FakeInternal, outcome, task


def until(true: Callable[[], bool], timeout_s: float = 5.0) -> None:
    """Wait for the delivery thread."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


class Running:
    """A dispenser with its delivery running."""

    def __init__(self, *ids: str, known: dict[str, dict[str, float]] | None = None) -> None:
        self.internal = FakeInternal(ids, known=known)
        self.dispenser = Dispenser(lambda: self.internal)
        self.dispenser.open()

    def add(self, *ids: str, recall: bool = False) -> int:
        return self.dispenser.add([task(i) for i in ids], recall)

    def states(self) -> set[str]:
        return set(self.internal.states.values())


@pytest.fixture
def two() -> Iterator[Running]:
    running = Running("a", "b")
    running.add("a", "b")
    running.dispenser.close()
    yield running
    running.dispenser.finish("done", None, 1.0)


def test_what_is_drawn_and_committed_reaches_the_service(two: Running) -> None:
    two.dispenser.join("s1", None)
    answer = two.dispenser.draw("s1", 2)
    assert [lease["trial_id"] for lease in answer["leases"]] == ["a", "b"]
    assert not answer["more"]
    two.dispenser.commit("s1", [outcome("a").to_json(), outcome("b", "diverged").to_json()])
    assert two.dispenser.standing()["finished"]
    until(lambda: two.internal.states == {"a": "done", "b": "diverged"})


def test_training_goes_on_while_the_service_is_away(two: Running) -> None:
    two.internal.away = True
    assert len(two.dispenser.draw("s1", 2)["leases"]) == 2
    assert two.dispenser.report("s1", [{"trial_id": "a", "step": 1, "metrics": {}}]) == {}
    two.dispenser.commit("s1", [outcome("a").to_json(), outcome("b").to_json()])
    two.internal.away = False
    until(lambda: two.states() == {"done"})


def test_a_pause_stops_nothing_but_what_would_begin(two: Running) -> None:
    two.dispenser.draw("s1", 1)
    two.internal.desired = "pause"
    until(lambda: two.dispenser.standing()["desired"] == "pause")
    assert two.dispenser.report("s1", [{"trial_id": "a", "step": 1, "metrics": {}}]) == {}
    assert two.dispenser.draw("s1", 1)["leases"] == []
    two.dispenser.commit("s1", [outcome("a").to_json()])
    until(lambda: two.internal.states == {"a": "done", "b": "planned"})


def test_finish_delivers_what_is_left_and_ends_the_attempt(two: Running) -> None:
    two.dispenser.draw("s1", 2)
    two.dispenser.commit("s1", [outcome("a").to_json(), outcome("b").to_json()])
    assert two.dispenser.finish("done", None, 5.0)
    assert two.states() == {"done"}
    assert two.internal.finished == ("done", None)


def test_a_dead_slot_gives_back_what_it_had_not_finished(two: Running) -> None:
    two.dispenser.draw("s1", 2)
    two.dispenser.commit("s1", [outcome("a").to_json()])
    assert two.dispenser.lost("s1", Death.PROCESS_DIED, "killed")["retried"] == ["b"]
    two.dispenser.commit("s1", [outcome("b", metrics={"from": 1.0}).to_json()])
    assert not two.dispenser.standing()["finished"]
    assert len(two.dispenser.draw("s2", 1)["leases"]) == 1
    two.dispenser.commit("s2", [outcome("b", metrics={"from": 2.0}).to_json()])
    until(lambda: two.states() == {"done"})
    assert two.internal.metrics["b"] == {"from": 2.0}


def test_a_trial_whose_worker_dies_three_times_fails_with_the_class_and_the_reason() -> None:
    running = Running("a")
    running.add("a")
    running.dispenser.close()
    for slot in ("s1", "s2", "s3"):
        running.dispenser.draw(slot, 1)
        running.dispenser.lost(slot, Death.PROCESS_DIED, "end of file")
    until(lambda: running.states() == {"failed"})
    (result,) = running.dispenser.news(0)["results"]
    assert result.reason.startswith("process_died: ") and "end of file" in result.reason
    assert running.dispenser.standing()["finished"]


def test_a_worker_ended_for_its_silence_hung_whatever_ray_says() -> None:
    running = Running("a")
    running.add("a")
    running.dispenser.close()
    for slot in ("s1", "s2"):
        running.dispenser.draw(slot, 1)
        running.dispenser.kill(slot)
        running.dispenser.lost(slot, Death.PROCESS_DIED, "it was killed by ray.kill")
    until(lambda: running.states() == {"failed"})
    (result,) = running.dispenser.news(0)["results"]
    assert result.reason.startswith("hung: ") and "said nothing" in result.reason


def test_a_worker_that_was_given_up_gets_no_more_trials(two: Running) -> None:
    two.dispenser.draw("s1", 1)
    two.dispenser.lost("s1", Death.NODE_LOST, "unavailable")
    assert two.dispenser.draw("s1", 1) == {"leases": [], "more": False}
    assert len(two.dispenser.draw("s2", 1)["leases"]) == 1


def test_a_slot_that_leaves_with_trials_in_hand_gives_them_back(two: Running) -> None:
    two.dispenser.draw("s1", 1)
    two.dispenser.leave("s1")
    assert two.dispenser.standing()["waiting"] == 2


def test_workers_that_never_come_up_break_the_run(two: Running) -> None:
    for n in range(Budgets().max_failed_starts):
        assert two.dispenser.standing()["broken"] is None
        two.dispenser.lost(f"s{n}", Death.WORKER_FAILED, "ImportError: no torch")
    assert "no torch" in two.dispenser.standing()["broken"]
    assert two.dispenser.draw("s9", 1)["leases"] == []


def test_a_node_of_many_workers_that_vanishes_at_the_start_breaks_nothing(two: Running) -> None:
    for n in range(80):
        two.dispenser.lost(f"s{n}", Death.NODE_LOST, "its node has died")
    assert two.dispenser.standing()["broken"] is None
    assert two.dispenser.standing()["rest_s"] == 0.0
    assert len(two.dispenser.draw("s99", 2)["leases"]) == 2


def test_a_cancelled_study_stops_its_trials_and_hands_out_no_more(two: Running) -> None:
    two.dispenser.draw("s1", 1)
    two.internal.desired = "cancel"
    until(lambda: two.dispenser.standing()["desired"] == "cancel")
    assert two.dispenser.report("s1", [{"trial_id": "a", "step": 1, "metrics": {}}]) == {"a": "cancelled"}
    assert two.dispenser.draw("s2", 1) == {"leases": [], "more": False}


def test_an_attempt_that_is_over_stops_its_trials_and_writes_nothing(two: Running) -> None:
    two.dispenser.draw("s1", 1)
    until(lambda: two.internal.states["a"] == "leased")
    two.internal.stale = True
    until(lambda: two.dispenser.standing()["over"] is not None)
    assert two.dispenser.report("s1", [{"trial_id": "a", "step": 1, "metrics": {}}]) == {"a": "cancelled"}
    two.dispenser.commit("s1", [outcome("a", "cancelled").to_json()])
    assert not two.dispenser.finish("done", None, 1.0)
    assert two.internal.states["a"] == "leased"


def test_a_trial_that_ended_meanwhile_is_stopped_or_not_handed_out() -> None:
    running = Running("a", "b")
    running.add("a", "b")
    running.dispenser.close()
    running.internal.states["a"] = "cancelled"
    running.dispenser.draw("s1", 1)
    report = [{"trial_id": "a", "step": 1, "metrics": {}}]
    until(lambda: running.dispenser.report("s1", report) == {"a": "cancelled"})


def test_known_results_are_not_run_again_and_come_as_news() -> None:
    running = Running("a", "b", known={b"a".hex(): {"accuracy": 0.9}})
    assert running.add("a", "b", recall=True) == 1
    running.dispenser.close()
    assert [lease["trial_id"] for lease in running.dispenser.draw("s1", 9)["leases"]] == ["b"]
    (result,) = running.dispenser.news(0)["results"]
    assert (result.trial_id, result.reused, result.metrics) == ("a", True, {"accuracy": 0.9})


def test_hopeless_trials_are_recorded_with_their_reason() -> None:
    running = Running("a")
    running.dispenser.fail({"a": "no candidate finished"})
    running.dispenser.close()
    until(lambda: running.states() == {"failed"})
    assert running.dispenser.standing()["finished"]


def test_slots_learn_sizes_of_packs_from_each_other_and_their_steps_are_summed(two: Running) -> None:
    assert two.dispenser.sizes() == {}
    two.dispenser.learn({"narrow": 16}, 100, 5)
    two.dispenser.learn({"wide": 1}, 50, 0)
    assert two.dispenser.sizes() == {"narrow": 16, "wide": 1}
    standing = two.dispenser.standing()
    assert (standing["steps"], standing["wasted"]) == (150, 5)


def test_while_more_may_come_the_run_is_not_finished() -> None:
    running = Running("a")
    assert running.dispenser.draw("s1", 1) == {"leases": [], "more": True}
    assert not running.dispenser.standing()["finished"]


def test_a_result_that_is_no_number_fails_its_trial_for_the_driver_and_the_service_alike(
    two: Running,
) -> None:
    two.dispenser.draw("s1", 2)
    odd = outcome("a", metrics={"test_loss": math.nan})
    two.dispenser.commit("s1", [odd.to_json(), outcome("b").to_json()])
    until(lambda: two.internal.states == {"a": "failed", "b": "done"})
    results = {result.trial_id: result for result in two.dispenser.news(0)["results"]}
    assert results["a"].state == "failed" and "test_loss is nan" in str(results["a"].reason)
    assert results["b"].state == "done"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_delivery_that_has_ended_breaks_the_run(two: Running) -> None:
    def die(_running: object) -> str:
        raise SystemExit

    assert two.dispenser.standing()["broken"] is None
    two.internal.heartbeat = die  # type: ignore[method-assign]
    until(lambda: two.dispenser.standing()["broken"] is not None)
    assert "nothing is delivered" in two.dispenser.standing()["broken"]
    assert two.dispenser.draw("s1", 1)["leases"] == []
