"""What a user's `train(run)` sees, and the loop that runs such code one trial at a time."""

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ablations.errors import Json
from trainables.activations.bases import Base
from trainables.data.tensors import Tensors, to_device
from trainables.errors import DataMismatch, Stopped
from trainables.streams import stream
from trainables.training.bounds import (
    check_number_of_metrics,
    check_order,
    check_points,
    check_size,
    checked_name,
    checked_step,
    checked_value,
)
from trainables.training.course import Course, finite, stopped
from trainables.training.lease import Lease, Outcome, Report, Source
from trainables.training.measuring import Measures
from trainables.training.numerics import device_name
from trainables.training.randomness import GlobalStreams
from trainables.training.steps import Routine, as_steps
from trainables.training.worker import Worker

Send = Callable[[Sequence[Report]], Mapping[str, str]]


class Run:
    """One trial, as its training code sees it; one that `shares` reads the worker's own copy of the data."""

    # Reports after a stop was asked for that are still taken before the training is broken off.
    PATIENCE = 1

    def __init__(
        self,
        lease: Lease,
        send: Send,
        worker: Worker,
        *,
        shares: bool = False,
    ) -> None:
        self.settings: Mapping[str, Json] = dict(lease.settings)
        self.seed = lease.seed
        self.device = worker.device
        self.course = Course()
        self._started = time.perf_counter()
        self.stop: str | None = None
        self.datasets_dir = worker.datasets_dir
        self.readings = lease.readings
        self.tests = lease.tests
        self.notes: list[str] = []
        self._lease, self._send, self._worker, self._shares = lease, send, worker, shares
        self._ignored = 0
        self._saved: object = None
        self._checkpoints = worker.checkpoints
        self._saved_at = self._started

    def stream(self, name: str) -> torch.Generator:
        """A fresh generator of this trial's stream `name`, on its device."""
        return stream(self.seed, name, self.device)

    def data(self, name: str | None = None) -> Tensors:
        """A dataset by name, by default the one in `settings["dataset"]`, standardised on the device.

        Raises: DataUnavailable, DataMismatch.
        """
        chosen = str(name if name is not None else self.settings["dataset"])
        if self._shares:
            data = self._worker.tensors(chosen)
            self.verify(chosen, data.source.fingerprint)
            return data
        dataset = self._worker.load(chosen)
        self.verify(chosen, dataset.fingerprint)
        return to_device(dataset, self.device)  # its own: a user's code may change it

    def verify(self, name: str, fingerprint: str) -> None:
        """Compare data with what the trial was planned for.

        Raises: DataMismatch.
        """
        expected = self._lease.data.get(name, fingerprint)
        if expected != fingerprint:
            raise DataMismatch.told(name, fingerprint, expected)

    def report(self, step: float, **metrics: float) -> None:
        """Put metrics on the curve. The first that is not finite makes the trial diverged.

        No metric goes back to an earlier step; of two values at one step the later one stays.

        Raises: Stopped if `should_stop` has been true for a while; ValueError for what is not kept.
        """
        clock = self.course.clock
        step = checked_step(step)
        values = {(known := checked_name(name)): checked_value(known, v) for name, v in metrics.items()}
        for name in values:
            check_order(name, step, self.course.curve.get(name, ()))
        if not clock or step >= clock[-1][0]:
            clock.append((step, self.seconds))
        kept = self.course.log(step, values, when=f"at step {step}")
        check_number_of_metrics(len(self.course.curve))
        check_points(*self.course.extent())
        if self.should_stop:
            self._ignored += 1
            if self._ignored > self.PATIENCE:
                raise Stopped
            return
        report = Report(trial_id=self._lease.trial_id, step=step, metrics=kept)
        self.stop = self._send([report]).get(self._lease.trial_id)

    def finals(self, returned: object) -> dict[str, float | None]:
        """The metrics that the code returned; one that is not finite makes the trial diverged.

        Raises: ValueError for what is no number under a metric's name.
        """
        if not isinstance(returned, Mapping):
            return {}
        found: dict[str, float | None] = {}
        for key, value in returned.items():
            name = checked_name(key)
            number = checked_value(name, value)
            found[name] = finite(number)
            if found[name] is None and self.course.bad is None:
                self.course.bad = f"{name} is {number} at the end"
            check_number_of_metrics(len(found))
        return found

    def log_scalars(self, step: float, scalars: tuple[list[float], list[float]] | None) -> None:
        """Keep learned alpha and beta, one value a layer, None where not finite; None keeps nothing."""
        if scalars is not None:
            self.course.log_scalars(step, *scalars)

    def code(self, kind: str, name: str) -> str:
        """The import string of a plugin's part, "" for one of the package's own."""
        return self._worker.catalogue.code(kind, name)

    def base(self, name: str) -> Base:
        """A base function, the package's or a plugin's.

        Raises: PluginMissing if neither is here.
        """
        return self._worker.base(name)

    @property
    def measures(self) -> Measures:
        """The measures that settings can switch on."""
        return self._worker.measures

    def note(self, text: str) -> None:
        """Say something about this trial that stands with its result."""
        self.notes.append(text)

    def checkpoint(self, state: object) -> None:
        """Keep a state that `restore` gives back if this trial is started again, here or elsewhere.

        It holds tensors, numbers, strings and None in dicts, lists and tuples. The curve so far, scalars,
        notes and torch's own generators are kept with it.
        """
        self._saved, self._saved_at = state, time.perf_counter()
        if self._checkpoints is None:
            return
        own = {
            **self.course.state(),
            "seconds": self.seconds,
            "generator": torch.get_rng_state(),
        }
        if self.device.startswith("cuda"):
            own["cuda_generator"] = torch.cuda.get_rng_state(self.device)
        self._checkpoints.save(self._lease, {"run": own, "state": state})

    def restore(self) -> Any:
        """The state last given to `checkpoint`, or None at the start; the curve goes on behind it.

        Raises: BadCheckpoint.
        """
        kept = self._checkpoints.load(self._lease, self.device) if self._checkpoints is not None else None
        if kept is None:
            return self._saved
        own = kept["run"]
        self.course.load(own)
        self._started = time.perf_counter() - own["seconds"]
        torch.set_rng_state(own["generator"])
        if self.device.startswith("cuda") and "cuda_generator" in own:
            torch.cuda.set_rng_state(own["cuda_generator"], self.device)
        self._saved = kept["state"]
        return self._saved

    @property
    def checkpoint_due(self) -> bool:
        """Whether there is a place for checkpoints and the last one is old enough for another."""
        if self._checkpoints is None:
            return False
        return time.perf_counter() - self._saved_at >= self._checkpoints.every_s

    @property
    def seconds(self) -> float:
        """How long this trial has trained, before an interruption too."""
        return time.perf_counter() - self._started

    @property
    def should_stop(self) -> bool:
        """Whether to return soon: the trial was pruned or cancelled, or has diverged."""
        return self.stop is not None or self.course.bad is not None


Train = Callable[[Run], object]


def train_one(
    train: Train,
    lease: Lease,
    source: Source,
    worker: Worker,
) -> Outcome:
    """Run user code on one lease; whatever it raises is the outcome.

    A mapping that it returns is added to the final metrics; otherwise these are the last reported ones.
    """
    reports = _Reports(source)
    run = Run(lease, reports, worker)
    finals: dict[str, float | None] = {}
    try:
        with GlobalStreams(lease.seed, worker.device):
            try:
                returned = train(run)
                finals = run.finals(_exhaust(returned) if isinstance(returned, Generator) else returned)
            except Stopped:
                pass
            finally:
                worker.border.put_back()
        return outcome_of(run, lease, finals, seconds=run.seconds)
    except BaseException as error:  # sys.exit too ends the trial and not its worker
        worker.border.check_whose(error)
        if reports.broken is error:
            raise  # the source itself, not the trial
        return Outcome.failed(lease, error, device=device_name(worker.device), seconds=run.seconds)


def _exhaust(routine: Routine) -> object:
    """Run a training that could share a pack by itself; what it returns."""
    losses: list[Tensor] | None = None
    while True:
        try:
            steps = as_steps(routine.send(losses))
        except StopIteration as end:
            return end.value
        losses = steps.train() if steps is not None else None


def outcome_of(
    run: Run, lease: Lease, finals: Mapping[str, float | None], *, seconds: float, pack: int = 1
) -> Outcome:
    """How a training ended with these metrics beside the last ones that it reported.

    Raises: ValueError if that is more than can be kept.
    """
    metrics = {**run.course.latest(), **finals}
    outcome = run.course.outcome(
        lease,
        "done" if run.stop is None else stopped(run.stop),
        metrics,
        seconds=seconds,
        device=device_name(run.device),
        pack=pack,
        note="; ".join(run.notes),
    )
    return check_size(outcome)


class _Reports:
    """The reports of one trial; remembers a failure of the source, which is not the trial's."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.broken: Exception | None = None

    def __call__(self, reports: Sequence[Report]) -> Mapping[str, str]:
        try:
            return self._source.report(reports)
        except Exception as error:
            self.broken = error
            raise
