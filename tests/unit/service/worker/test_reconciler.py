"""The reconciler over a real ledger and a cluster in memory: every way an attempt can go."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.auth import attempt_token, ticket
from service.budgets import Budgets
from service.cluster import JobState
from service.ledger import attempts, steering, studies, trials
from service.ledger.attempts import Attempt
from service.worker.reconciler import MAX_WITHOUT_RESULT, UNKNOWN_S, count_setbacks
from tests.ledger_samples import add_study
from tests.unit.service.worker.reconciling import Scene

MAX_FRUITLESS, MAX_LOSSES = Budgets().max_fruitless, Budgets().max_losses


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    scene = Scene(tmp_path)
    yield scene
    scene.ledger.close()


@pytest.fixture
def running(scene: Scene) -> Scene:
    """A study whose driver runs and is heard."""
    scene.round()
    scene.set(JobState.RUNNING)
    scene.beat()
    return scene


class TestSubmitting:
    def test_a_queued_study_gets_a_driver(self, scene: Scene) -> None:
        scene.round(3)
        (attempt,) = scene.attempts()
        assert attempt.submitted_at is not None
        job = scene.cluster.jobs[f"ablate-{scene.study_id}-a1"]
        assert job.entrypoint == f"exec python -m service.driver ablate-{scene.study_id}-a1"
        assert job.env["ABLATE_QUANTUM_S"] == "60.0"
        assert job.env["ABLATE_INTERNAL_URL"] == "http://127.0.0.1:1"
        assert job.env["ABLATE_DRIVER_TICKET"] == ticket("s", attempt.submission_id)
        assert attempt_token("s", scene.study_id, 1) not in str(job)

    def test_while_the_cluster_is_away_the_attempt_waits(self, scene: Scene) -> None:
        scene.cluster.away = True
        scene.round(5)
        scene.cluster.away = False
        scene.round()
        assert [a.number for a in scene.attempts()] == [1]
        assert list(scene.cluster.jobs) == [f"ablate-{scene.study_id}-a1"]

    def test_a_trouble_that_lasts_is_told_once(self, scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
        scene.cluster.away = True
        scene.round(5)
        told = [record for record in caplog.records if record.levelname == "WARNING"]
        assert len(told) == 1 and scene.study_id in told[0].getMessage()

    def test_a_submission_whose_answer_was_lost_is_found_and_not_repeated(self, scene: Scene) -> None:
        scene.cluster.loses_answers = True
        scene.round()
        assert scene.live().submitted_at is None
        scene.cluster.loses_answers = False
        scene.reconciler = scene.restarted()
        scene.round()
        assert scene.live().submitted_at is not None
        assert len(scene.cluster.jobs) == 1

    def test_a_crash_before_the_submission_is_made_good(self, scene: Scene) -> None:
        with scene.ledger.write() as tx:
            attempts.begin(tx, scene.study_id)
        scene.round()
        assert list(scene.cluster.jobs) == [f"ablate-{scene.study_id}-a1"]

    def test_two_studies_get_a_driver_each_and_one_in_trouble_does_not_hold_up_the_other(
        self, scene: Scene
    ) -> None:
        with scene.ledger.write() as tx:
            other = add_study(tx).id
            broken = add_study(tx, study_id="0" * 24).id
            attempts.begin(tx, broken)
            attempts.lost(tx, broken, 1, "x")
        scene.round()
        assert {f"ablate-{scene.study_id}-a1", f"ablate-{other}-a1"} <= set(scene.cluster.jobs)


class TestLiving:
    def test_a_healthy_attempt_is_left_alone(self, running: Scene) -> None:
        running.now = 1000.0
        running.round(3)
        assert len(running.attempts()) == 1
        assert running.cluster.stops == []

    def test_a_driver_that_died_is_followed_by_another(self, running: Scene) -> None:
        running.drive(1)
        running.set(JobState.FAILED)
        running.round(2)
        assert [a.state for a in running.attempts()] == ["lost", "submitted"]
        assert running.trial_states().count("done") == 1

    def test_a_job_unknown_to_a_new_head_counts_as_lost_once_its_driver_is_silent(
        self, running: Scene
    ) -> None:
        running.drive(1)
        running.cluster.forget()
        running.round()
        assert len(running.attempts()) == 1
        running.fall_silent(UNKNOWN_S / 2)
        running.round()
        assert len(running.attempts()) == 1
        # Long before its lease has run out.
        running.fall_silent(UNKNOWN_S)
        running.round(2)
        assert [a.state for a in running.attempts()] == ["lost", "submitted"]

    def test_a_driver_of_an_unknown_job_is_not_blamed_while_the_api_is_away(self, running: Scene) -> None:
        running.cluster.forget()
        running.fall_silent(UNKNOWN_S)
        running.api_answers = False
        running.round()
        assert len(running.attempts()) == 1

    def test_a_driver_of_an_unknown_job_that_speaks_at_the_last_moment_lives(self, running: Scene) -> None:
        with running.ledger.write() as tx:
            assert not attempts.lost(tx, running.study_id, 1, "x", if_silent_s=UNKNOWN_S)
        running.fall_silent(UNKNOWN_S)
        with running.ledger.write() as tx:
            assert attempts.lost(tx, running.study_id, 1, "x", if_silent_s=UNKNOWN_S)

    def test_a_driver_that_hangs_is_stopped_and_followed_by_another(self, running: Scene) -> None:
        running.drive(1)
        running.beat(lease_s=-1.0)
        running.round()
        running.now = 89.0
        running.round()
        assert len(running.attempts()) == 1
        running.now = 90.0
        running.round()
        assert running.cluster.stops == [f"ablate-{running.study_id}-a1"]
        running.round()
        assert [a.state for a in running.attempts()] == ["lost", "submitted"]

    def test_a_silent_driver_is_not_blamed_while_the_api_is_away(self, running: Scene) -> None:
        running.beat(lease_s=-1.0)
        running.round()
        running.api_answers = False
        running.now = 1000.0
        running.round()
        running.api_answers = True
        running.now = 1080.0
        running.round()
        assert len(running.attempts()) == 1

    def test_a_driver_that_speaks_again_is_forgiven(self, running: Scene) -> None:
        running.beat(lease_s=-1.0)
        running.round()
        running.now = 60.0
        running.beat()
        running.round()
        running.beat(lease_s=-1.0)
        running.now = 100.0
        running.round()
        assert len(running.attempts()) == 1


class TestEnding:
    def test_a_study_with_nothing_left_gets_no_new_attempt(self, running: Scene) -> None:
        running.drive()
        running.finish("done")
        running.round(3)
        assert len(running.attempts()) == 1

    def test_a_cancelled_study_has_its_job_stopped_and_its_attempt_closed(self, running: Scene) -> None:
        with running.ledger.write() as tx:
            steering.cancel(tx, running.study_id)
        running.round()
        assert running.cluster.stops == [f"ablate-{running.study_id}-a1"]
        running.round(2)
        assert running.cluster.stops == [f"ablate-{running.study_id}-a1"]
        assert [a.state for a in running.attempts()] == ["lost"]
        assert set(running.trial_states()) == {"cancelled"}

    def test_checkpoints_of_a_cancelled_study_go_with_its_driver(self, running: Scene) -> None:
        kept = running.settings.checkpoints_dir / running.study_id
        kept.mkdir(parents=True)
        with running.ledger.write() as tx:
            steering.cancel(tx, running.study_id)
        running.round(2)
        assert not kept.exists()

    def test_a_paused_study_has_its_job_stopped_and_goes_on_later(self, running: Scene) -> None:
        kept = running.settings.checkpoints_dir / running.study_id
        kept.mkdir(parents=True)
        with running.ledger.write() as tx:
            steering.pause(tx, running.study_id)
        running.round(3)
        assert running.cluster.stops == [f"ablate-{running.study_id}-a1"]
        assert [a.state for a in running.attempts()] == ["lost"] and kept.exists()
        running.round(2)
        assert len(running.attempts()) == 1 and set(running.trial_states()) == {"planned"}
        with running.ledger.write() as tx:
            steering.resume(tx, running.study_id)
        running.round()
        assert len(running.attempts()) == 2

    def test_a_study_cancelled_before_its_job_was_submitted_gets_none(self, scene: Scene) -> None:
        scene.cluster.away = True
        scene.round()
        with scene.ledger.write() as tx:
            steering.cancel(tx, scene.study_id)
        scene.cluster.away = False
        scene.round(2)
        assert scene.cluster.jobs == {}
        assert [a.state for a in scene.attempts()] == ["lost"]


class TestGivingUp:
    def fail(self, scene: Scene, error: str) -> None:
        scene.round()
        scene.set(JobState.RUNNING)
        scene.beat()
        scene.finish("failed", error)
        scene.round()
        scene.now += 60.0

    def test_attempts_without_any_result_are_given_up_with_the_reason(self, scene: Scene) -> None:
        for _ in range(MAX_FRUITLESS):
            self.fail(scene, "ImportError: no module named torch")
        scene.round(2)
        assert len(scene.attempts()) == MAX_FRUITLESS
        assert set(scene.trial_states()) == {"failed"}
        with scene.ledger.read() as tx:
            reason = trials.page(tx, scene.study_id, limit=1)[0].reason
        assert reason is not None and reason.startswith("attempts_failed: ")
        assert "no module named torch" in reason

    def test_an_attempt_that_ended_a_trial_starts_the_count_anew(self, scene: Scene) -> None:
        for _ in range(MAX_FRUITLESS - 1):
            self.fail(scene, "x")
        scene.round()
        scene.beat()
        scene.drive(1)
        scene.finish("failed", "x")
        for _ in range(MAX_FRUITLESS - 1):
            self.fail(scene, "x")
        scene.round()
        assert "failed" not in scene.trial_states()
        assert len(scene.attempts()) == 2 * MAX_FRUITLESS

    def test_pauses_and_a_retry_start_the_count_anew(self, scene: Scene) -> None:
        for _ in range(MAX_FRUITLESS - 1):
            self.fail(scene, "x")
        with scene.ledger.write() as tx:
            steering.pause(tx, scene.study_id)
            steering.resume(tx, scene.study_id)
        for _ in range(MAX_FRUITLESS):
            self.fail(scene, "x")
        scene.round()
        assert set(scene.trial_states()) == {"failed"}
        with scene.ledger.write() as tx:
            assert studies.complete(tx, scene.study_id, state="failed", effects={}, reports={})
            steering.retry(tx, scene.study_id)
        num = len(scene.attempts())
        scene.round()
        assert len(scene.attempts()) == num + 1 and set(scene.trial_states()) == {"planned"}

    def test_the_next_attempt_waits_longer_each_time(self, scene: Scene) -> None:
        scene.round()
        scene.set(JobState.FAILED)
        scene.round(2)
        assert len(scene.attempts()) == 1
        scene.now += 2.0
        scene.round()
        assert len(scene.attempts()) == 2

    def test_the_first_loss_of_an_attempt_waits_for_nothing(self, scene: Scene) -> None:
        for number, wait_s in ((1, 0.0), (2, 2.0), (3, 10.0)):
            scene.round()
            assert scene.live().number == number
            scene.cluster.fail(scene.live().submission_id, exit_code=-9)
            scene.round(2)
            if wait_s:
                assert len(scene.attempts()) == number
            scene.now += wait_s

    def test_attempts_that_lost_their_node_do_not_count(self, scene: Scene) -> None:
        for _ in range(2 * MAX_FRUITLESS):
            scene.round()
            scene.cluster.fail(scene.live().submission_id, error_type="JOB_SUPERVISOR_ACTOR_DIED")
            scene.round(2)
            scene.now += 60.0
        scene.round()
        assert set(scene.trial_states()) == {"planned"}
        assert all((a.error or "").startswith("node_lost: ") for a in scene.attempts()[:-1])

    def test_attempts_that_were_told_to_stop_do_not_count(self, scene: Scene) -> None:
        for _ in range(2 * MAX_FRUITLESS):
            scene.round()
            scene.finish("cancelled", "the driver was told to stop")
            scene.round()
            scene.now += 60.0
        scene.round()
        assert set(scene.trial_states()) == {"planned"}

    def test_losses_without_end_are_given_up_after_many(self, scene: Scene) -> None:
        for _ in range(MAX_LOSSES):
            assert set(scene.trial_states()) == {"planned"}
            scene.round()
            scene.cluster.fail(scene.live().submission_id, exit_code=-9)
            scene.round(2)
            scene.now += 60.0
        scene.round(2)
        assert set(scene.trial_states()) == {"failed"}

    def test_an_attempt_that_saved_a_checkpoint_starts_the_count_anew(self, scene: Scene) -> None:
        kept = scene.settings.checkpoints_dir / scene.study_id
        kept.mkdir(parents=True)
        for _ in range(2 * MAX_FRUITLESS):
            scene.round()
            (kept / "t-1.pt").touch()
            saved_at = scene.live().created_at + 0.001
            os.utime(kept / "t-1.pt", (saved_at, saved_at))
            scene.finish("failed", "x")
            scene.round()
            scene.now += 60.0
        scene.round()
        assert "failed" not in scene.trial_states()
        # One of before the last three says nothing about these.
        for _ in range(MAX_FRUITLESS):
            scene.round()
            scene.finish("failed", "x")
            scene.round()
            scene.now += 60.0
        scene.round(2)
        assert set(scene.trial_states()) == {"failed"}


def attempt(number: int, error: str = "x") -> Attempt:
    never = dict.fromkeys(
        ("submitted_at", "heartbeat_at", "lease_until", "finished_at", "silent_s", "holder", "waits_for")
    )
    return Attempt(
        **never, expired=False, study_id="s", number=number, submission_id="", state="lost", error=error,
        created_at=float(number),
    )  # fmt: skip


def test_setbacks_are_counted_back_to_what_was_gained() -> None:
    past = [attempt(1), attempt(2, "node_lost: x"), attempt(3), attempt(4, "node_lost: y"), attempt(5)]
    counted = count_setbacks(past, {1: 3}, None)
    assert (counted.fruitless, counted.losses, counted.without_result) == (2, 2, 4)
    counted = count_setbacks(past, {}, 3.5)
    assert (counted.fruitless, counted.losses, counted.without_result) == (1, 1, 5)


def test_even_attempts_that_save_do_not_repeat_for_ever() -> None:
    past = [attempt(n) for n in range(1, MAX_WITHOUT_RESULT + 1)]
    counted = count_setbacks(past, {}, float(MAX_WITHOUT_RESULT))
    assert counted.fruitless == 0 and counted.exhausted(Budgets()) is not None
    assert count_setbacks(past[1:], {}, float(MAX_WITHOUT_RESULT)).exhausted(Budgets()) is None
