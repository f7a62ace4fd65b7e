"""The queue: order, shares, and what a slot's death does."""

from service.driver.queue import Queue
from service.protocol import Task
from tests.unit.service.driver.fakes import task


def filled(*ids: str, **options: int) -> Queue:
    queue = Queue(**options)
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
        assert queue.release("s1").retried == ("a",)

    def test_a_result_after_the_slot_was_given_up_does_not_count(self) -> None:
        queue = filled("a")
        queue.draw("s1", 1, num_slots=1)
        queue.release("s1")
        queue.draw("s2", 1, num_slots=1)
        assert queue.end("s1", ["a"]) == []
        assert queue.end("s2", ["a"]) == ["a"]


class TestDeath:
    def test_unfinished_trials_come_first_again_and_finished_ones_stay_finished(self) -> None:
        queue = filled("a", "b", "c", "d")
        queue.draw("s1", 3, num_slots=1)
        queue.end("s1", ["b"])
        assert queue.release("s1").retried == ("a", "c")
        assert ids(queue.draw("s2", 1, num_slots=1)) == ["a"]

    def test_a_retried_trial_runs_alone(self) -> None:
        queue = filled("a", "b", "c", "d")
        queue.draw("s1", 2, num_slots=1)
        queue.release("s1")
        assert ids(queue.draw("s2", 4, num_slots=1)) == ["a"]
        assert queue.draw("s2", 4, num_slots=1) == []
        queue.end("s2", ["a"])
        assert ids(queue.draw("s2", 4, num_slots=1)) == ["b"]

    def test_a_slot_with_other_trials_passes_a_retried_one_by(self) -> None:
        queue = filled("a", "b", "c")
        queue.draw("s1", 1, num_slots=1)
        queue.draw("s2", 1, num_slots=1)
        queue.release("s1")
        assert ids(queue.draw("s2", 4, num_slots=1)) == ["c"]
        assert ids(queue.draw("s3", 4, num_slots=1)) == ["a"]

    def test_the_third_death_gives_a_trial_up(self) -> None:
        queue = filled("a")
        for slot in ("s1", "s2"):
            queue.draw(slot, 1, num_slots=1)
            assert queue.release(slot).retried == ("a",)
        queue.draw("s3", 1, num_slots=1)
        assert queue.release("s3").given_up == ("a",)
        assert (queue.num_waiting, queue.num_held) == (0, 0)

    def test_a_slot_that_never_drew_returns_nothing(self) -> None:
        released = filled("a").release("s9")
        assert (released.retried, released.given_up) == ((), ())


def test_dropping_forgets_waiting_trials_only() -> None:
    queue = filled("a", "b", "c")
    queue.draw("s1", 1, num_slots=1)
    assert queue.drop(["a", "c"]) == ["c"]
    assert (queue.num_waiting, queue.num_held) == (1, 1)
