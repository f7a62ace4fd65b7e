"""Slots on real Ray: work shared, killed, cancelled, and given to a second study in time."""

import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.nodes import Nodes, Run, nodes
from tests.unit.trainables.sources import resolved, settings_of, stripes, train
from trainables.training.lease import Lease

pytestmark = [pytest.mark.integration, pytest.mark.slow]


@pytest.fixture(scope="module")
def two_cpus() -> Iterator[Nodes]:
    with nodes([{"CPU": 2}]) as running:
        yield running


def trials(num: int, **settings: Any) -> dict[str, dict[str, Any]]:
    return {f"t{i}": dict(settings) for i in range(num)}


def wait_for(run: Run, num_ended: int, timeout_s: float = 240.0) -> dict[str, Any]:
    """Until so many trials have ended."""
    deadline = time.monotonic() + timeout_s
    while (known := run.known())["metrics"].__len__() < num_ended:
        assert time.monotonic() < deadline and run.process.poll() is None, run.log.read_text()[-4000:]
        time.sleep(0.05)
    return known


def test_both_slots_share_the_work_and_every_trial_ends_once(two_cpus: Nodes) -> None:
    known = two_cpus.drive("share", trials(40, sleep_s=0.05)).wait()
    assert set(known["states"].values()) == {"done"} and len(known["states"]) == 40
    assert known["finished"] == ["done", None]
    shares = Counter(metrics["pid"] for metrics in known["metrics"].values())
    assert len(shares) == 2 and min(shares.values()) >= 5


def test_a_slot_ends_with_its_quantum_and_another_follows(two_cpus: Nodes) -> None:
    known = two_cpus.drive("quantum", trials(24, sleep_s=0.25), quantum_s=1.0).wait()
    assert set(known["states"].values()) == {"done"}
    by_slot = Counter(metrics["pid"] for metrics in known["metrics"].values())
    assert len(by_slot) >= 4 and max(by_slot.values()) <= 6


def test_what_a_killed_worker_held_is_run_by_another(two_cpus: Nodes) -> None:
    run = two_cpus.drive("killed", trials(20, sleep_s=0.2))
    pid = int(next(iter(wait_for(run, 3)["metrics"].values()))["pid"])
    os.kill(pid, signal.SIGKILL)
    known = run.wait()
    assert set(known["states"].values()) == {"done"} and len(known["metrics"]) == 20
    assert len({metrics["pid"] for metrics in known["metrics"].values()}) >= 2


def test_a_trial_that_kills_its_worker_fails_and_the_others_finish(two_cpus: Nodes) -> None:
    work = {**trials(6, sleep_s=0.05), "bad": {"dies": True}}
    known = two_cpus.drive("bad", work, pack=3).wait()
    assert known["states"].pop("bad") == "failed"
    assert set(known["states"].values()) == {"done"}


def test_a_worker_killed_in_mid_pack_loses_no_trial_and_changes_no_number(
    two_cpus: Nodes, tmp_path: Path
) -> None:
    short = {f"short{i}": resolved(epochs=1, depth=1 + i) for i in range(3)}
    work = {**short, **{f"long{i}": resolved(epochs=150, depth=1 + i) for i in range(3)}}
    # One slot, so that all six are in one pack.
    run = two_cpus.drive("mid-pack", work, pack=6, cpus=2, datasets_dir=str(tmp_path))
    before = wait_for(run, 3)
    assert set(before["metrics"]) == set(short)
    (pid,) = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    os.kill(pid, signal.SIGKILL)
    known = run.wait()
    assert set(known["states"].values()) == {"done"} and len(known["metrics"]) == 6
    assert known["times_leased"] == {i: 1 if i in short else 2 for i in work}
    leases = [Lease(trial_id=i, settings=settings, seed=0) for i, settings in work.items()]
    undisturbed = train(leases, tmp_path, threads=2).outcomes
    for i, metrics in known["metrics"].items():
        assert metrics["val_loss"] == undisturbed[i].metrics["val_loss"], i
        assert metrics["test_accuracy"] == undisturbed[i].metrics["test_accuracy"], i


def test_images_of_a_killed_worker_go_on_where_they_were_saved(two_cpus: Nodes, tmp_path: Path) -> None:
    stripes(tmp_path)
    how = {"dataset": "stripes", "model": "cnn", "width": 4, "blocks": 1, "batch_size": 33, "epochs": 600}
    work = {
        scalars: settings_of("image-classifier", tmp_path, scalars=scalars, augment="flip", **how)
        for scalars in ("none", "per_layer")
    }
    saved = tmp_path / "saved"
    options: dict[str, Any] = {"datasets_dir": str(tmp_path), "checkpoints": str(saved), "quantum_s": 600.0}
    options["trainable"] = "image-classifier"
    run = two_cpus.drive("images", work, pack=2, cpus=2, **options)
    deadline = time.monotonic() + 60
    while len(list(saved.glob("*.pt"))) < 2:
        assert time.monotonic() < deadline and run.process.poll() is None, run.log.read_text()[-4000:]
        time.sleep(0.02)
    (killed,) = tmp_path.glob("pid-*")
    os.kill(int(killed.name.removeprefix("pid-")), signal.SIGKILL)
    known = run.wait()
    assert set(known["states"].values()) == {"done"} and known["times_leased"] == dict.fromkeys(work, 2)
    (second,) = set(tmp_path.glob("pid-*")) - {killed}
    before, after = (_steps(path) for path in (killed, second))
    for i in work:
        assert before[i][0] == 0 and 1 < after[i][0] <= before[i][-1] + 1 and after[i][-1] == 600, i
    assert not list(saved.glob("*.pt"))
    leases = [Lease(trial_id=i, settings=settings, seed=0) for i, settings in work.items()]
    undisturbed = train(leases, tmp_path, threads=2, trainable="image-classifier").outcomes
    for i, metrics in known["metrics"].items():
        for name in ("train_loss", "val_loss", "test_loss", "test_accuracy"):
            assert metrics[name] == undisturbed[i].metrics[name], (i, name)


def _steps(path: Path) -> dict[str, list[float]]:
    """How far each trial was at its reports."""
    found: dict[str, list[float]] = {}
    for line in path.read_text().splitlines():
        trial_id, step = line.split()
        found.setdefault(trial_id, []).append(float(step))
    return found


def test_cancelling_ends_running_trials_within_seconds(two_cpus: Nodes) -> None:
    # The first trials end at once, which shows that both slots are up.
    work = {**trials(2, sleep_s=0.05), **{f"long{i}": {"sleep_s": 0.2, "epochs": 1000} for i in range(8)}}
    run = two_cpus.drive("cancelled", work)
    wait_for(run, 2)
    asked = time.time()
    run.cancel()
    known = run.wait()
    assert known["finished"] == ["cancelled", None]
    assert Counter(known["states"].values())["done"] == 2
    ended = [m["ended"] for i, m in known["metrics"].items() if known["states"][i] == "cancelled"]
    assert ended and max(ended) - asked < 8.0


def test_a_second_study_gets_its_turn_when_a_quantum_ends(two_cpus: Nodes) -> None:
    quantum_s, trial_s = 4.0, 0.5
    launched = time.time()
    first = two_cpus.drive("first", trials(300, sleep_s=trial_s), quantum_s=quantum_s)
    wait_for(first, 2)
    asked = time.time()
    second = two_cpus.drive("second", trials(4, sleep_s=trial_s), quantum_s=quantum_s)
    known = wait_for(second, 1, timeout_s=120.0)
    first_known = first.known()
    first.cancel()
    second.wait()
    first.wait()
    # How long a driver and a worker take to come up is the machine's affair: as long as for the first study.
    startup_s = min(m["began"] for m in first_known["metrics"].values()) - launched
    waited_s = min(m["began"] for m in known["metrics"].values()) - asked
    assert waited_s < quantum_s + trial_s + 2 * startup_s + 3.0
    assert Counter(first_known["states"].values())["done"] < 300
