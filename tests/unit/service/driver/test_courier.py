"""The courier: order, buffering while the service is away, and the end of an attempt."""

from collections.abc import Sequence

from service.driver.courier import Courier
from tests.unit.service.driver.fakes import FakeInternal, outcome
from trainables.training.lease import Report


def report(trial_id: str, step: int) -> Report:
    return Report(trial_id=trial_id, step=step, metrics={"loss": 1.0})


def test_a_lease_reaches_the_service_before_its_result() -> None:
    internal = FakeInternal(["a"])
    courier = Courier(internal)
    courier.leased(["a"])
    courier.ended([outcome("a", metrics={"accuracy": 0.5})])
    assert courier.deliver()
    assert [name for name, _ in internal.calls] == ["lease", "commit", "heartbeat"]
    assert internal.states == {"a": "done"}
    assert courier.num_waiting == 0


def test_nothing_is_lost_while_the_service_is_away() -> None:
    internal = FakeInternal(["a", "b"])
    courier = Courier(internal)
    internal.away = True
    courier.leased(["a", "b"])
    courier.ended([outcome("a")])
    assert not courier.deliver()
    assert courier.num_waiting == 3
    internal.away = False
    courier.ended([outcome("b")])
    assert courier.deliver()
    assert internal.states == {"a": "done", "b": "done"}


def test_many_results_travel_in_few_requests() -> None:
    ids = [f"t{i}" for i in range(450)]
    internal = FakeInternal(ids)
    courier = Courier(internal)
    courier.leased(ids)
    courier.ended([outcome(i) for i in ids])
    courier.deliver()
    assert len(internal.sent("lease")) == len(internal.sent("commit")) == 3
    assert set(internal.states.values()) == {"done"}


def test_a_heartbeat_carries_the_newest_step_of_each_running_trial_once() -> None:
    internal = FakeInternal(["a", "b"])
    courier = Courier(internal, beat_s=0.0)
    courier.progressed([report("a", 1), report("b", 1)])
    courier.progressed([report("a", 2)])
    courier.deliver()
    courier.deliver()
    assert internal.sent("heartbeat") == [("a", "b"), ()]


def test_an_ended_trial_is_not_in_the_heartbeat() -> None:
    internal = FakeInternal(["a"])
    courier = Courier(internal)
    courier.leased(["a"])
    courier.progressed([report("a", 1)])
    courier.ended([outcome("a")])
    courier.deliver()
    assert internal.sent("heartbeat") == [()]


def test_steps_that_a_lost_heartbeat_carried_are_told_again() -> None:
    internal = FakeInternal(["a"])
    courier = Courier(internal)
    courier.progressed([report("a", 1)])
    internal.away = True
    courier.deliver()
    internal.away = False
    courier.deliver()
    assert internal.sent("heartbeat") == [("a",)]


def test_what_the_service_wants_is_learned_from_the_heartbeat() -> None:
    internal = FakeInternal()
    courier = Courier(internal, beat_s=0.0)
    courier.deliver()
    assert courier.desired == "run"
    internal.desired = "cancel"
    courier.deliver()
    assert courier.desired == "cancel"


def test_a_stale_attempt_is_over_and_sends_nothing_more() -> None:
    internal = FakeInternal(["a"])
    courier = Courier(internal)
    internal.stale = True
    courier.leased(["a"])
    assert not courier.deliver()
    assert courier.over is not None
    internal.stale = False
    courier.deliver()
    assert internal.calls == []


def test_a_trial_that_was_not_granted_is_unwanted() -> None:
    internal = FakeInternal(["a", "b"])
    internal.states["b"] = "cancelled"
    courier = Courier(internal)
    courier.leased(["a", "b"])
    courier.deliver()
    assert courier.unwanted == {"b"}


def test_one_indigestible_result_fails_alone() -> None:
    internal = FakeInternal(["a", "b"])
    internal.indigestible = {"b"}
    courier = Courier(internal)
    courier.leased(["a", "b"])
    courier.ended([outcome("a"), outcome("b")])
    assert courier.deliver()
    assert internal.states == {"a": "done", "b": "failed"}


def test_flush_gives_up_when_the_service_stays_away() -> None:
    internal = FakeInternal(["a"])
    internal.away = True
    courier = Courier(internal)
    courier.leased(["a"])
    assert not courier.flush(timeout_s=0.3)
    internal.away = False
    assert courier.flush(timeout_s=0.3)


def test_no_error_ends_the_delivery_and_heartbeats_go_on() -> None:
    internal = Surprising(["a"])
    courier = Courier(internal, beat_s=0.0)
    courier.leased(["a"])
    assert not courier.deliver()
    assert internal.sent("heartbeat") == [()] and courier.over is None
    internal.surprises = False
    assert courier.deliver()
    assert internal.states == {"a": "leased"}


def test_steps_that_the_service_refuses_do_not_silence_the_attempt() -> None:
    internal = FakeInternal(["a"])
    internal.indigestible = {"a"}
    courier = Courier(internal)
    courier.progressed([report("a", 1)])
    assert courier.deliver() and courier.over is None
    assert internal.sent("heartbeat") == [("a",), ()]


class Surprising(FakeInternal):
    """A service in whose lease something goes wrong that nobody foresaw."""

    surprises = True

    def lease(self, trial_ids: Sequence[str]) -> list[str]:
        if self.surprises:
            raise RuntimeError("nobody foresaw this")
        return super().lease(trial_ids)
