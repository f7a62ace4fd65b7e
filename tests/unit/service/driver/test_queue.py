"""The queue: order, shares, and what a slot's death does."""

import pytest

from service.budgets import Budgets
from service.driver.deaths import Death
from service.driver.queue import Queue
from service.protocol import Task
from tests.unit.service.driver.fakes import task


def filled(*ids: str, **budgets: int) -> Queue:
    queue = Queue(Budgets(**budgets))
    queue.add(task(i) for i in ids)
    return queue


def ids(tasks: list[Task]) -> list[str]:
    return [task.trial_id for task in tasks]


class TestDrawing:
    def test_gives_trials_in_order(self) -> None:
        queue = filled("a", "b", "c")
        assert ids(queue.draw("s1", 2, num_slots=1)) == ["a", "b"]
        assert ids(queue.draw("s2", 2, num_slots=1)) == ["c"]
        assert (queue.num_waiting, queue.num_held) == (0, 3)

    def test_gives_no_more_than_a_share_of_what_remains(self) -> None:
        queue = filled(*"abcdefg")
        assert len(queue.draw("s1", 100, num_slots=2)) == 4
        assert len(queue.draw("s2", 100, num_slots=2)) == 3

    def test_who_draws_again_leaves_its_peers_their_share(self) -> None:
        queue = filled(*"abcdefgh")
        assert ids(queue.draw("s1", 100, num_slots=2)) == list("abcd")
        assert queue.draw("s1", 100, num_slots=2) == []
        queue.end("s1", ["a", "b"])
        # Six remain: three for each.
        assert ids(queue.draw("s1", 100, num_slots=2)) == ["e"]
        assert ids(queue.draw("s2", 100, num_slots=2)) == ["f", "g", "h"]

    def test_a_refill_is_given_as_long_as_there_is_work_for_all(self) -> None:
        queue = filled(*"abcdefgh")
        drawn = [i for slot in ("s1", "s2") for i in ids(queue.draw(slot, 2, num_slots=2))]
        assert drawn == list("abcd")
        queue.end("s1", ["a"])
        assert ids(queue.draw("s1", 1, num_slots=2)) == ["e"]

    def test_does_not_queue_a_trial_twice(self) -> None:
        queue = filled("a")
        queue.draw("s1", 1, num_slots=1)
        queue.add([task("a")])
        assert queue.num_waiting == 0


class TestEnding:
    def test_only_the_holder_can_end_a_trial(self) -> None:
        queue = filled("a", "b")
        queue.draw("s1", 1, num_slots=1)
        queue.draw("s2", 1, num_slots=1)
        assert queue.end("s2", ["a", "b"]) == ["b"]
        assert queue.release("s1", Death.PROCESS_DIED).retried == ("a",)

    def test_a_result_after_the_slot_was_given_up_does_not_count(self) -> None:
        queue = filled("a")
        queue.draw("s1", 1, num_slots=1)
        queue.release("s1", Death.PROCESS_DIED)
        queue.draw("s2", 1, num_slots=1)
        assert queue.end("s1", ["a"]) == []
        assert queue.end("s2", ["a"]) == ["a"]


class TestDeath:
    def test_unfinished_trials_come_first_again_and_finished_ones_stay_finished(self) -> None:
        queue = filled("a", "b", "c", "d")
        queue.draw("s1", 3, num_slots=1)
        queue.end("s1", ["b"])
        assert queue.release("s1", Death.PROCESS_DIED).retried == ("a", "c")
        assert ids(queue.draw("s2", 1, num_slots=1)) == ["a"]

    def test_a_retried_trial_runs_alone(self) -> None:
        queue = filled("a", "b", "c", "d")
        queue.draw("s1", 2, num_slots=1)
        queue.release("s1", Death.PROCESS_DIED)
        assert ids(queue.draw("s2", 4, num_slots=1)) == ["a"]
        assert queue.draw("s2", 4, num_slots=1) == []
        queue.end("s2", ["a"])
        assert ids(queue.draw("s2", 4, num_slots=1)) == ["b"]

    def test_a_slot_with_other_trials_passes_a_retried_one_by(self) -> None:
        queue = filled("a", "b", "c")
        queue.draw("s1", 1, num_slots=1)
        queue.draw("s2", 1, num_slots=1)
        queue.release("s1", Death.PROCESS_DIED)
        assert ids(queue.draw("s2", 4, num_slots=1)) == ["c"]
        assert ids(queue.draw("s3", 4, num_slots=1)) == ["a"]

    @pytest.mark.parametrize(
        ("death", "times"),
        [(Death.PROCESS_DIED, 3), (Death.WORKER_FAILED, 3), (Death.OUT_OF_MEMORY, 3), (Death.HUNG, 2)],
    )
    def test_a_trial_alone_is_given_up_when_its_budget_for_that_death_is_used_up(
        self, death: Death, times: int
    ) -> None:
        queue = filled("a")
        for n in range(times - 1):
            queue.draw(f"s{n}", 1, num_slots=1)
            assert queue.release(f"s{n}", death).retried == ("a",)
        queue.draw("last", 1, num_slots=1)
        assert queue.release("last", death).given_up == {"a": times}
        assert (queue.num_waiting, queue.num_held) == (0, 0)

    def test_deaths_of_different_kinds_do_not_add_up(self) -> None:
        queue = filled("a")
        for death in (Death.PROCESS_DIED, Death.OUT_OF_MEMORY, Death.HUNG, Death.PROCESS_DIED):
            queue.draw("s", 1, num_slots=1)
            assert queue.release("s", death).retried == ("a",)

    def test_only_the_one_that_dies_alone_pays_for_a_pack(self) -> None:
        queue = filled("a", "bad", "c", max_deaths=1)
        queue.draw("s0", 3, num_slots=1)
        assert queue.release("s0", Death.PROCESS_DIED).retried == ("a", "bad", "c")
        ended = []
        for n in range(1, 4):
            (drawn,) = ids(queue.draw(f"s{n}", 3, num_slots=1))
            if drawn == "bad":
                assert queue.release(f"s{n}", Death.PROCESS_DIED).given_up == {"bad": 1}
            else:
                ended += queue.end(f"s{n}", [drawn])
        assert ended == ["a", "c"] and not queue.num_waiting

    def test_a_lost_node_makes_nobody_a_suspect(self) -> None:
        queue = filled("a", "b", "c")
        queue.draw("s1", 2, num_slots=1)
        assert queue.release("s1", Death.NODE_LOST).retried == ("a", "b")
        assert ids(queue.draw("s2", 3, num_slots=1)) == ["a", "b", "c"]

    def test_losses_of_nodes_are_bounded_and_new_ground_starts_the_count_anew(self) -> None:
        queue = filled("a", max_losses=3)

        def lose() -> tuple[str, ...]:
            queue.draw("s", 1, num_slots=1)
            return queue.release("s", Death.NODE_LOST).retried

        assert lose() == lose() == ("a",)
        assert queue.advance("a", 5.0)
        assert lose() == lose() == ("a",)
        # The same ground once more.
        assert not queue.advance("a", 4.0)
        queue.draw("s", 1, num_slots=1)
        assert queue.release("s", Death.NODE_LOST).given_up == {"a": 3}

    def test_a_slot_that_never_drew_returns_nothing(self) -> None:
        released = filled("a").release("s9", Death.PROCESS_DIED)
        assert (released.retried, released.given_up) == ((), {})


def test_dropping_forgets_waiting_trials_only() -> None:
    queue = filled("a", "b", "c")
    queue.draw("s1", 1, num_slots=1)
    assert queue.drop(["a", "c"]) == ["c"]
    assert (queue.num_waiting, queue.num_held) == (1, 1)
