"""One schedule of blows of each kind in every test run; `make chaos` takes more."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.chaos.disk import may_mount
from tests.chaos.run import Ended, Undisturbed, run_schedule, standing
from tests.chaos.schedule import MORE, draw
from tests.chaos.victim import Victim
from tests.postgres import find_binaries

EPOCHS = 4
PLAIN, NET, DISK = 158, 7, 11
"""A seed of each kind."""


def test_a_schedule_is_its_number() -> None:
    assert draw(3) == draw(3) != draw(4)
    steps = [step for seed in range(200) for step in draw(seed)]
    assert {step.blow for step in steps} == {"kill", "term", "freeze", "verb"}
    assert {"slot", "driver", "dispenser", "api", "worker", "mlflow", "gcs", "up"} <= {
        step.target for step in steps
    }
    more = {step.blow for seed in range(200) for step in draw(seed, means=frozenset(MORE))}
    assert more == {"kill", "term", "freeze", "verb", "net", "lock", "fill"}


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with standing(tmp_path_factory.mktemp("chaos"), range(PLAIN - 1, PLAIN + 1)) as victim:
        yield victim


@pytest.fixture(scope="module")
def alone(victim: Victim) -> Ended:
    """The study when nothing is struck."""
    return run_schedule(victim, PLAIN - 1, [], EPOCHS)


@pytest.mark.integration
def test_nothing_is_lost_doubled_or_changed(victim: Victim, alone: Ended) -> None:
    ended = run_schedule(victim, PLAIN, draw(PLAIN, 4, victim.means), EPOCHS)
    assert not Undisturbed(alone).faults(ended), ended.said


@pytest.mark.integration
@pytest.mark.skipif(find_binaries() is None, reason="initdb and pg_ctl are not installed")
def test_nothing_is_lost_behind_a_bad_network(tmp_path_factory: pytest.TempPathFactory, alone: Ended) -> None:
    folder = tmp_path_factory.mktemp("net")
    with standing(folder, range(NET, NET + 1), database="postgresql", proxied=True) as victim:
        ended = run_schedule(victim, NET, draw(NET, 4, victim.means), EPOCHS)
        assert not Undisturbed(alone).faults(ended), ended.said


@pytest.mark.integration
@pytest.mark.skipif(not may_mount(), reason="this user may not mount a small disk")
def test_nothing_is_lost_on_a_full_disk(tmp_path_factory: pytest.TempPathFactory, alone: Ended) -> None:
    with standing(tmp_path_factory.mktemp("disk"), range(DISK, DISK + 1), small=True) as victim:
        ended = run_schedule(victim, DISK, draw(DISK, 4, victim.means), EPOCHS)
        assert not Undisturbed(alone).faults(ended), ended.said


@pytest.mark.integration
def test_the_checker_sees_a_result_that_was_changed(alone: Ended) -> None:
    """The checks can fail: the undisturbed study, with one metric and one attempt other than recorded."""
    (study,) = alone.found.studies
    assert study.answer is not None
    first, *rest = study.trials
    other = {
        **first,
        "metrics": {**first["metrics"], "test_accuracy": 0.5},
        "attempts": first["attempts"] + 1,
    }
    changed = replace(study, trials=[other, *rest], answer=replace(study.answer, reports={"md": "else"}))
    ended = replace(alone, found=replace(alone.found, studies=[changed]))
    wrong = " ".join(Undisturbed(alone).faults(ended))
    for word in ("points [", "leases, not", "result: ", "shown: ", "build: the report differs"):
        assert word in wrong
