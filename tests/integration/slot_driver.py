"""A driver process around slots that sleep, or train: `python -m tests.integration.slot_driver PLAN.json`.

Everything but the sleep is the real thing: Ray, Tune, the dispenser actor, its delivery. The plan says
which trials there are, {"id": {"sleep_s": 0.1, "epochs": 2, "dies": false}}, and where results go. With
`datasets_dir` slots train them by their settings, as perceptrons unless it names another trainable.
A trial that `dies` ends its process, one that `hangs` reports nothing more, one with a `cgroup` moves its
process there and takes more memory than that has. With `waits` no slot comes up before there is a file `go`.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import ray

from service.budgets import Budgets
from service.driver import dispenser
from service.driver.client import Internal, connect
from service.driver.needs import Needs
from service.driver.settings import SWITCHES
from service.driver.slots import Resources, run_slots
from service.driver.watchdog import Watchdog, exit_now
from tests.unit.service.driver.fakes import FakeInternal, task
from trainables.training.lease import Outcome, Report, Source
from trainables.tune import Slot


class SleepingSlot(Slot):
    """Sleeps for each trial, reports each epoch, and dies where the trial says so."""

    def setup(self, config: dict[str, Any]) -> None:
        """When the test lets it, if the plan says so."""
        folder = Path(config["folder"])
        (folder / f"starting-{os.getpid()}").touch()
        while config["waits"] and not (folder / "go").exists():
            time.sleep(0.05)
        super().setup(config)

    def train_from(self, source: Source) -> None:
        """One trial after another, as many drawn at once as the pack takes."""
        while leases := source.draw(self.config["pack"]):
            for lease in leases:
                settings: dict[str, Any] = dict(lease.settings)
                state, began = "done", time.time()
                (Path(self.config["folder"]) / f"begun-{lease.trial_id}-{os.getpid()}").touch()
                for epoch in range(1, settings.get("epochs", 1) + 1):
                    time.sleep(settings.get("sleep_s", 0.0))
                    if settings.get("dies"):
                        os._exit(3)
                    if settings.get("hangs"):
                        time.sleep(1000.0)
                    if settings.get("cgroup"):
                        (Path(settings["cgroup"]) / "cgroup.procs").write_text(str(os.getpid()))
                        b"x" * settings["takes_bytes"]
                    report = Report(trial_id=lease.trial_id, step=epoch, metrics={"epoch": epoch})
                    if source.report([report]):
                        state = "cancelled"
                        break
                metrics = {"pid": os.getpid(), "began": began, "ended": time.time(), "drawn": len(leases)}
                source.commit([Outcome(trial_id=lease.trial_id, state=state, metrics=metrics)])  # type: ignore[arg-type]


class TrainingSlot(Slot):
    """Trains, and writes down under its process's number how far each trial was at every report."""

    def train_from(self, source: Source) -> None:
        """As every slot does."""
        path = Path(self.config["datasets_dir"]) / f"pid-{os.getpid()}"
        with path.open("a", buffering=1) as steps:
            super().train_from(_Watched(source, steps))


class _Watched:
    """A source that notes the reports that pass through it, a line each."""

    def __init__(self, source: Source, steps: TextIO) -> None:
        self._source, self._steps = source, steps
        self.draw, self.commit = source.draw, source.commit

    def report(self, reports: Sequence[Report]) -> Mapping[str, str]:
        """As the source answers."""
        self._steps.writelines(f"{report.trial_id} {report.step:g}\n" for report in reports)
        return self._source.report(reports)


class FiledInternal(FakeInternal):
    """A service that writes what it knows to a file whenever it takes results, for the test to read."""

    def __init__(self, ids: list[str], path: str) -> None:
        super().__init__(ids)
        self._path = Path(path)

    def commit(self, outcomes: Any) -> list[str]:
        """Results came."""
        taken = super().commit(outcomes)
        self._write()
        return taken

    def heartbeat(self, running: Any, waits_for: str | None = None) -> str:
        """The test cancels by making a file."""
        self.desired = "cancel" if self._path.with_suffix(".cancel").exists() else "run"
        told = super().heartbeat(running, waits_for)
        self._write()
        return told

    def finish(self, state: str, error: str | None) -> None:
        """The end."""
        super().finish(state, error)
        self._write()

    def _write(self) -> None:
        fresh = self._path.with_suffix(".fresh")
        known = {"states": self.states, "metrics": self.metrics, "finished": self.finished}
        known |= {"reasons": self.reasons, "waits_for": self.waits_for}
        known["times_leased"] = Counter(i for ids in self.sent("lease") for i in ids)
        fresh.write_text(json.dumps(known | {"num_leases": len(self.sent("lease")), "at": time.time()}))
        fresh.replace(self._path)


def _service(plan: dict[str, Any]) -> Callable[[], Internal]:
    """A real service, where the plan names one, or one in memory."""
    if "service" in plan:
        return partial(connect, *plan["service"])
    return partial(FiledInternal, list(plan["trials"]), plan["results"])


def _leave(state: str, error: str | None) -> None:
    """A cancelled run ends when its slots have; any other one that cannot go on has failed the test."""
    if state != "cancelled":
        sys.stdout.write(f"{state}: {error}\n")
        exit_now(1)


def main() -> None:
    """Run the plan on the cluster that RAY_ADDRESS names."""
    plan = json.loads(Path(sys.argv[1]).read_text())
    os.environ.update(SWITCHES)
    namespace = f"test-{os.getpid()}"
    ray.init(namespace=namespace, log_to_driver=False, logging_level="WARNING")
    budgets = Budgets(**plan.get("budgets", {}))
    board = dispenser.start(_service(plan), budgets)
    board.open()
    board.add([task(i, **settings) for i, settings in plan["trials"].items()], recall=False)
    board.close()
    watchdog = Watchdog(board, take=lambda _: None, leave=_leave, stall_s=budgets.stall_s)
    watchdog.start()
    wanted = Resources(cpus=plan.get("cpus", 1), gpus=plan.get("gpus", 0))
    Needs(board, wanted).start()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as storage:
        run_slots(
            board,
            wanted,
            config={
                "dispenser": dispenser.NAME,
                "namespace": namespace,
                "pack": plan.get("pack", 1),
                "quantum_s": plan.get("quantum_s", 60.0),
                "trainable": plan.get("trainable", "mlp-classifier"),
                "device": "cpu",
                "threads": plan.get("cpus", 1),
                "datasets_dir": plan.get("datasets_dir"),
                "checkpoints": plan.get("checkpoints"),
                "checkpoint_every_s": 0.2,
                "waits": plan.get("waits", False),
                "folder": str(Path(plan["results"]).parent),
            },
            storage=Path(storage),
            slot=TrainingSlot if "datasets_dir" in plan else SleepingSlot,
        )
    watchdog.ended.set()
    seconds = time.monotonic() - began
    state = "cancelled" if board.standing()["desired"] == "cancel" else "done"
    assert board.finish(state, None, timeout_s=60.0)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    told = {
        "seconds": seconds,
        "seconds_delivered": time.monotonic() - began,
        "driver_cpu_s": usage.ru_utime + usage.ru_stime,
        "driver_mib": usage.ru_maxrss / 1024,
    }
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
