"""Workers lost in a row: when the next is started, and when an attempt stops."""

from service.budgets import Budgets
from service.driver.deaths import Death
from service.driver.setbacks import LONGEST_REST_S, ONE_LOSS_S, Setbacks


class Scene:
    """Setbacks with a clock that the test moves."""

    def __init__(self, **budgets: int) -> None:
        self.now = 0.0
        self.setbacks = Setbacks(Budgets(**budgets), clock=lambda: self.now)

    def lose(self, num: int = 1) -> None:
        for _ in range(num):
            self.setbacks.died(Death.NODE_LOST, "gone", drew=False)

    def fail(self, death: Death = Death.PROCESS_DIED) -> None:
        self.setbacks.died(death, "ImportError", drew=False)


def test_all_workers_of_a_lost_node_are_one_loss() -> None:
    scene = Scene(max_losses=2)
    scene.lose(100)
    assert scene.setbacks.broken is None
    scene.now += ONE_LOSS_S
    scene.lose()
    assert scene.setbacks.broken is not None and scene.setbacks.broken.startswith("node_lost: ")


def test_each_loss_without_a_gain_costs_a_longer_rest_up_to_a_minute() -> None:
    scene, rests = Scene(max_losses=1000), []
    for _ in range(12):
        scene.lose()
        rests.append(scene.setbacks.rest_s)
        scene.now += 100.0
    assert rests[:5] == [0.0, 1.0, 2.0, 4.0, 8.0] and rests[-1] == LONGEST_REST_S
    assert scene.setbacks.rest_s == 0.0


def test_a_gain_ends_the_rest_and_the_count() -> None:
    scene = Scene(max_losses=3)
    for _ in range(2):
        scene.lose()
        scene.now += ONE_LOSS_S
    scene.setbacks.gained()
    for _ in range(2):
        scene.lose()
        assert scene.setbacks.broken is None
        scene.now += ONE_LOSS_S


def test_failed_starts_in_a_row_break_the_attempt_and_losses_are_none_of_them() -> None:
    scene = Scene(max_failed_starts=3)
    for _ in range(2):
        scene.fail()
        scene.lose()
    assert scene.setbacks.broken is None
    scene.fail()
    assert scene.setbacks.broken is not None and "ImportError" in scene.setbacks.broken


def test_a_worker_that_drew_shows_that_workers_come_up() -> None:
    scene = Scene(max_failed_starts=2)
    scene.fail()
    scene.setbacks.drew()
    scene.fail()
    scene.setbacks.died(Death.PROCESS_DIED, "later", drew=True)
    assert scene.setbacks.broken is None
