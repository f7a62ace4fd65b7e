"""The border between trainings whose worker is told to end, shares data, or dies with strays behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.unit.trainables.parts import worker_for
from tests.unit.trainables.sources import ListSource, lease, numbers, stripes, train
from trainables import leftovers
from trainables.packs.filling import PackTrainer
from trainables.packs.routines import PackedRoutine
from trainables.training.border import Border
from trainables.training.run import Run, train_one


def _end(*_: object) -> None:
    raise SystemExit("told to end")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_that_is_told_to_end_ends_and_no_trial_fails(number: signal.Signals, tmp_path: Path) -> None:
    def training(_run: Run) -> None:
        os.kill(os.getpid(), number)

    before = signal.signal(number, _end)
    try:
        worker = worker_for(tmp_path)
        with worker.border, pytest.raises(SystemExit, match="told to end"):
            train_one(training, lease("t"), ListSource([]), worker)
        assert signal.getsignal(number) is _end
    finally:
        signal.signal(number, before)


def test_an_exit_of_the_trial_s_own_is_its_failure(tmp_path: Path) -> None:
    outcome = train_one(lambda _run: sys.exit(3), lease("t"), ListSource([]), worker_for(tmp_path))
    assert outcome.state == "failed" and outcome.reason == "SystemExit: 3"


def test_shared_data_that_one_changes_are_mended_and_it_fails(tmp_path: Path) -> None:
    stripes(tmp_path)
    worker = worker_for(tmp_path)

    def routine(run: Run):  # type: ignore[no-untyped-def]
        data = run.data()
        if run.seed == 1:
            data.train.x.mul_(2)
        yield None
        return {"mean": data.train.x.double().mean(), "sum": data.train.x.double().abs().sum()}

    code = PackedRoutine(routine, stacked=False)

    def trained(*seeds: int) -> ListSource:
        leases = [lease(f"t{seed}", seed=seed, dataset="stripes") for seed in seeds]
        source = ListSource(leases)
        PackTrainer(source, code, worker, threads=1, pack=len(seeds)).run()
        return source

    wanted = numbers(trained(2).outcomes["t2"])
    both = trained(1, 2).outcomes
    assert both["t1"].state == "failed" and "data that it shares with other trainings" in str(
        both["t1"].reason
    )
    assert numbers(both["t2"]) == wanted and both["t2"].state == "done"


def test_generators_of_numpy_and_python_are_the_trial_s(tmp_path: Path) -> None:
    import random

    import numpy as np

    def training(_run: Run) -> dict[str, float]:
        return {"python": random.random(), "numpy": float(np.random.random())}

    def drawn(seed: int) -> dict[str, float | None]:
        random.seed(5)
        outcome = train_one(training, lease("t", seed=seed), ListSource([]), worker_for(tmp_path))
        assert random.random() == random.Random(5).random(), "the process's own goes on as it would"
        return {name: outcome.metrics[name] for name in ("python", "numpy")}

    first, again, other = drawn(1), drawn(1), drawn(2)
    assert first == again and first["python"] != other["python"] and first["numpy"] != other["numpy"]


def test_strays_of_a_dead_worker_are_ended_and_those_of_a_living_one_are_not() -> None:
    code = (
        "import os, subprocess, sys; from trainables import leftovers; leftovers.mark()\n"
        "quiet = {name: subprocess.DEVNULL for name in ('stdin', 'stdout', 'stderr')}\n"
        "print(subprocess.Popen(['sleep', '100'], start_new_session=True, **quiet).pid, flush=True)\n"
        "sys.stdin.read() if sys.argv[1:] else os._exit(3)"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen([*command, "stay"], stdin=-1, stdout=-1, text=True) as living:
        assert living.stdout is not None
        kept = int(living.stdout.readline())
        dead = subprocess.run(command, capture_output=True, text=True, timeout=60)
        stray = int(dead.stdout)
        try:
            assert leftovers.end_strays() >= 1
            deadline = time.monotonic() + 10
            while runs(stray) and time.monotonic() < deadline:  # a signal takes a moment to arrive
                time.sleep(0.01)
            assert runs(kept) and not runs(stray)
        finally:
            os.kill(kept, signal.SIGKILL)


def runs(pid: int) -> bool:
    """Whether it is there, and does not only wait to be reaped."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and " Z " not in status.read_text()


def test_what_was_there_before_is_never_ended() -> None:
    before = subprocess.Popen(["sleep", "100"])
    try:
        with Border() as border:
            border.remember()
            after = subprocess.Popen(["sleep", "101"])
            border.clear()
            assert before.poll() is None and after.poll() is not None and not border.spoiled
    finally:
        before.kill()
        before.wait()


def test_a_packaged_training_leaves_nothing_to_put_back(tmp_path: Path) -> None:
    stripes(tmp_path)
    small = {"dataset": "stripes", "epochs": 1, "batch_size": 20, "width": 8}
    source = train([lease("a", **small), lease("b", **small)], tmp_path, pack=1)
    assert {outcome.state for outcome in source.outcomes.values()} == {"done"}
    assert source.tally.spoiled == ""
