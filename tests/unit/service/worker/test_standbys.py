"""Drivers that stand by: how many there are, which study gets one, and what becomes of those that die."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from service.auth import ticket
from service.cluster import JobState
from service.ledger import attempts, outbox, standbys, steering
from service.ledger.tables import db_now
from service.ledger.tables import standbys as standbys_table
from service.worker.standbys import APPEARS_S, LOOK_S, MAX_AGE_S, QUIET_S, REST_S, SILENT_S, START_S
from tests.ledger_samples import add_study
from tests.unit.service.worker.test_reconciler import Scene


class Waiting(Scene):
    """A system without a study on which one driver stands by."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, standbys=1)
        with self.ledger.write() as tx:
            steering.cancel(tx, self.study_id)
        self.round()

    @property
    def ids(self) -> list[str]:
        with self.ledger.read() as tx:
            return [each.id for each in standbys.waiting(tx)]

    def look(self) -> None:
        """A round in which those that wait are looked at."""
        self.now += LOOK_S
        self.round()

    def hear(self) -> None:
        """All ask for a study."""
        with self.ledger.write() as tx:
            for id in self.ids:
                self.cluster.states[id] = JobState.RUNNING
                assert standbys.heard(tx, id, "h")

    def age(self, column: str, seconds: float) -> None:
        """What happened did so that much earlier."""
        with self.ledger.write() as tx:
            tx.execute(update(standbys_table).values({column: db_now() - seconds}))

    def submit(self) -> None:
        with self.ledger.write() as tx:
            self.study_id = add_study(tx).id
        self.round()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Waiting]:
    scene = Waiting(tmp_path)
    yield scene
    scene.ledger.close()


def test_as_many_stand_by_as_are_wanted(scene: Waiting) -> None:
    (id,) = scene.ids
    job = scene.cluster.jobs[id]
    assert job.entrypoint == f"exec python -m service.driver standby {id}"
    assert job.env["ABLATE_DRIVER_TICKET"] == ticket("s", id)
    scene.round(3)
    assert scene.ids == [id]
    scene.settings = replace(scene.settings, standbys=3)
    scene.reconciler = scene.restarted()
    scene.round(3)
    assert len(scene.ids) == 3 and len(scene.cluster.jobs) == 3
    scene.settings = replace(scene.settings, standbys=0)
    scene.reconciler = scene.restarted()
    scene.round()
    assert scene.ids == [] and set(scene.cluster.stops) == set(scene.cluster.jobs)


@pytest.mark.parametrize("up", [True, False])
def test_a_study_gets_the_one_that_waits_or_will(scene: Waiting, up: bool) -> None:
    (id,) = scene.ids
    if up:
        scene.hear()
    scene.submit()
    assert scene.live().submission_id == id and scene.live().submitted_at is not None
    assert scene.ids == [] and list(scene.cluster.jobs) == [id]
    scene.cluster.states[id] = JobState.RUNNING
    scene.beat()
    scene.drive()
    scene.finish("done")
    assert scene.state() == "running" and [a.state for a in scene.attempts()] == ["done"]


def test_the_next_is_made_ready_when_no_short_study_is_disturbed(scene: Waiting) -> None:
    (id,) = scene.ids
    scene.submit()
    scene.cluster.states[id] = JobState.RUNNING
    scene.beat()
    scene.round(3)
    assert scene.ids == []
    scene.now += QUIET_S
    scene.round()
    assert len(scene.ids) == 1


@pytest.mark.parametrize("sent", [True, False])
def test_what_a_study_leaves_to_be_published_goes_before_the_next_driver(scene: Waiting, sent: bool) -> None:
    scene.settings = replace(scene.settings, mlflow_url="http://127.0.0.1:9")
    scene.reconciler = scene.restarted()
    scene.submit()
    with scene.ledger.write() as tx:
        attempts.lost(tx, scene.study_id, 1, "x")
        steering.cancel(tx, scene.study_id)
    scene.round(2)
    assert scene.ids == []
    if sent:
        with scene.ledger.write() as tx:
            outbox.done(tx, [message.id for message in outbox.pending(tx)])
    else:
        scene.now += REST_S
    scene.round()
    assert len(scene.ids) == 1


def test_a_second_study_starts_a_driver_of_its_own(scene: Waiting) -> None:
    scene.submit()
    scene.submit()
    assert scene.live().submission_id == f"ablate-{scene.study_id}-a1" and scene.ids == []


def test_a_study_whose_driver_dies_before_it_spoke_starts_as_without(scene: Waiting) -> None:
    (id,) = scene.ids
    scene.hear()
    scene.submit()
    scene.cluster.fail(id, exit_code=75)
    scene.now += QUIET_S
    scene.round(3)
    assert [a.state for a in scene.attempts()] == ["lost", "submitted"]
    assert scene.live().submission_id == f"ablate-{scene.study_id}-a2"
    # The loss counts against no study.
    assert (scene.attempts()[0].error or "").startswith("node_lost")


def test_a_driver_that_was_given_a_study_and_says_nothing_is_given_up(scene: Waiting) -> None:
    (id,) = scene.ids
    scene.hear()
    scene.settings = replace(scene.settings, lease_s=0.0)
    scene.reconciler = scene.restarted()
    scene.submit()
    scene.cluster.states[id] = JobState.RUNNING
    scene.round(2)
    scene.now += 10.0
    scene.round()
    assert [a.state for a in scene.attempts()] == ["lost", "submitted"]
    assert scene.cluster.stops == [id]


@pytest.mark.parametrize(
    ("column", "seconds", "up"),
    [("created_at", MAX_AGE_S, True), ("heard_at", SILENT_S, True), ("created_at", START_S, False)],
)
def test_one_that_is_of_no_use_is_replaced(scene: Waiting, column: str, seconds: float, up: bool) -> None:
    (id,) = scene.ids
    if up:
        scene.hear()
    scene.age(column, seconds - 1.0)
    scene.look()
    assert scene.ids == [id]
    scene.age(column, seconds + 1.0)
    scene.look()
    scene.now += 2 * LOOK_S
    scene.round()
    assert len(scene.ids) == 1 and scene.ids != [id] and scene.cluster.stops == [id]


def test_one_that_is_silent_gets_no_study_and_is_not_blamed_while_the_api_is_away(scene: Waiting) -> None:
    (id,) = scene.ids
    scene.hear()
    scene.age("heard_at", SILENT_S + 1.0)
    scene.api_answers = False
    scene.look()
    assert scene.ids == [id]
    scene.submit()
    assert scene.live().submission_id != id


def test_those_that_die_before_they_wait_are_replaced_ever_more_slowly(scene: Waiting) -> None:
    started = []
    for _ in range(100):
        for id in scene.ids:
            scene.cluster.fail(id)
        scene.look()
        started.append(len(scene.cluster.jobs))
    assert 4 < started[-1] < 12
    scene.now += 600.0
    scene.round()
    scene.hear()
    for id in scene.ids:
        scene.cluster.fail(id)
    scene.look()
    assert scene.ids and len(scene.cluster.jobs) == started[-1] + 2


def test_a_new_head_knows_none_of_them(scene: Waiting) -> None:
    (id,) = scene.ids
    scene.hear()
    scene.cluster.forget()
    scene.look()
    assert scene.ids == [id]
    scene.age("created_at", APPEARS_S + 1.0)
    scene.look()
    assert scene.ids != [id] and list(scene.cluster.jobs) == scene.ids


def test_while_the_cluster_is_away_none_is_announced(
    scene: Waiting, caplog: pytest.LogCaptureFixture
) -> None:
    with scene.ledger.write() as tx:
        standbys.remove(tx, scene.ids[0])
    scene.cluster.away = True
    for _ in range(3):
        scene.round(2)
        scene.now += 2.0
    assert scene.ids == []
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_a_job_without_a_row_is_told_to_go(scene: Waiting) -> None:
    """Its row went with the study that it was given, or with its dismissal."""
    (id,) = scene.ids
    scene.submit()
    with scene.ledger.write() as tx:
        live = attempts.live_of(tx, id)
        assert live is not None and live.study_id == scene.study_id
        assert not standbys.heard(tx, id, "h") and not standbys.waits(tx, id)
        attempts.lost(tx, scene.study_id, 1, "x")
        assert attempts.live_of(tx, id) is None
