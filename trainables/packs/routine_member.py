"""One training of a pack: a generator, with the state that only it may touch."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from trainables.errors import Stopped
from trainables.training.lease import Lease, Outcome, Report
from trainables.training.numerics import device_name
from trainables.training.randomness import GlobalStreams
from trainables.training.run import Run, outcome_of
from trainables.training.steps import Routine, Steps, as_steps
from trainables.training.worker import Worker


class RoutineMember:
    """A trial in training. It waits for `steps` to be taken, or for a resume after a report, or has ended."""

    def __init__(self, train: Callable[[Run], Routine], lease: Lease, worker: Worker) -> None:
        self.lease = lease
        self.steps: Steps | None = None
        self.outcome: Outcome | None = None
        self.seconds = 0.0
        self.pack = 1
        self._tally, self._border, self._mend_data = worker.tally, worker.border, worker.mend_data
        self._reports: list[Report] = []
        self._checkpoints = worker.checkpoints
        self._run = Run(lease, self._keep, worker, shares=True)
        self._routine = train(self._run)
        self._random = GlobalStreams(lease.seed, worker.device)

    def begin(self) -> None:
        """Up to the first steps; a report before them is not waited for."""
        self.resume()
        self.resume()

    def num_steps(self) -> int:
        """Steps of the whole training, told by the first that it asks for; 0 if it asks for none."""
        self.begin()
        return 0 if self.steps is None else self.steps.descent.num_steps

    def stop(self, why: str | None) -> None:
        """Tell it to end at its next chance; None lets it go on."""
        if self.outcome is None and why is not None:
            self._run.stop = why

    def take_steps(self) -> None:
        """Take the steps it waits for by itself, and go on."""
        assert self.steps is not None
        started = time.perf_counter()
        try:
            with self._isolated():
                losses = self.steps.train()
        except BaseException as error:  # user code may fail in any way
            self._border.check_whose(error)
            self._end(Outcome.failed(self.lease, error, device=device_name(self._run.device)))
            return
        finally:
            self.seconds += time.perf_counter() - started
        self.resume(losses)

    def resume(self, losses: Sequence[Tensor] | None = None) -> None:
        """Go on to the next steps, report or end: with the losses of its steps, or after a report."""
        if self.outcome is not None or (self.steps is not None and losses is None):
            return
        started = time.perf_counter()
        finals: dict[str, float | None] = {}
        self.steps = None
        self._count(losses or [])
        try:
            with self._isolated():
                try:
                    self.steps = as_steps(self._routine.send(list(losses) if losses is not None else None))
                    return
                except StopIteration as end:
                    finals = self._run.finals(end.value)
                except Stopped:
                    pass
                # Alone it had the worker to itself, before an interruption too.
                seconds = self.seconds + time.perf_counter() - started if self.pack > 1 else self._run.seconds
                outcome = outcome_of(self._run, self.lease, finals, seconds=seconds, pack=self.pack)
        except BaseException as error:  # user code may fail in any way
            self._border.check_whose(error)
            outcome = Outcome.failed(self.lease, error, device=device_name(self._run.device))
        finally:
            self.seconds += time.perf_counter() - started
        self._end(outcome)

    def drain(self) -> list[Report]:
        """Its reports since this was last called."""
        reports, self._reports = self._reports, []
        return reports

    @contextmanager
    def _isolated(self) -> Iterator[None]:
        """Its own generators, and a process that is afterwards as it was."""
        with self._random:
            try:
                yield
            finally:
                self._border.put_back()
                if self._mend_data():
                    raise RuntimeError("it changed, in place, data that it shares with other trainings")

    def _count(self, losses: Sequence[Tensor]) -> None:
        """Steps after one whose loss was not finite were of no use."""
        if not losses:
            return
        wrong = torch.nonzero(~torch.stack(list(losses)).isfinite())
        self._tally.steps += len(losses)
        self._tally.wasted += len(losses) - int(wrong[0]) - 1 if len(wrong) else 0

    def _keep(self, reports: Sequence[Report]) -> dict[str, str]:
        self._reports += reports
        return {}

    def _end(self, outcome: Outcome) -> None:
        self.outcome, self.steps = outcome, None
        if self._checkpoints is not None:
            self._checkpoints.drop(self.lease)
        try:
            self._routine.close()
        except BaseException as error:  # its `finally` is user code too
            self._border.check_whose(error)
