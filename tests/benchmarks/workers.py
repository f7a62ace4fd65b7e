"""Processes that train when told to, so that contenders take turns on one machine with all imports paid."""

import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

ROUND = 7
DATASETS = Path(tempfile.gettempdir()) / "ablate-benchmark-data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """Trials to train in one process: `pack` at a time through our trainer, or as a user would.

    `eager` takes plain PyTorch, `compiled` the same networks through torch.compile.
    """

    settings: Sequence[Mapping[str, Any]]
    batch_size: int
    width: int
    pack: int = 1
    eager: bool = False
    compiled: bool = False


@dataclass(frozen=True, slots=True)
class Worker:
    """One process with a fixed number of threads."""

    process: BaseProcess
    pipe: Connection

    def start(self, members: Members, seconds: float) -> None:
        """Begin to train for at least so long."""
        self.pipe.send((members, seconds))

    def rate(self) -> float:
        """Member-steps a second of what was started."""
        answer = self.pipe.recv()
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return float(answer)


@contextmanager
def workers(threads: Sequence[int]) -> Iterator[list[Worker]]:
    """A process for each number of threads; all end on leaving."""
    context = multiprocessing.get_context("spawn")
    made = []
    for num in threads:
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, num), daemon=True)
        process.start()
        made.append(Worker(process, here))
    try:
        yield made
    finally:
        for worker in made:
            worker.pipe.send(None)
        for worker in made:
            worker.process.join(20)


def rate(group: Sequence[Worker], members: Sequence[Members], seconds: float) -> float:
    """Member-steps a second of workers that train at the same time."""
    for worker, own in zip(group, members, strict=True):
        worker.start(own, seconds)
    return sum(worker.rate() for worker in group)


def _serve(pipe: Connection, threads: int) -> None:
    import traceback

    import torch

    from trainables.data.tensors import to_device
    from trainables.data.vision import load, prepare
    from trainables.training.numerics import set_numerics

    DATASETS.mkdir(exist_ok=True)
    prepare("digits-5k", DATASETS)
    set_numerics("cpu", threads)
    torch.use_deterministic_algorithms(False)
    data = to_device(load("digits-5k", DATASETS), "cpu")
    ready: dict[str, Callable[[float], float]] = {}
    while (asked := pipe.recv()) is not None:
        members, seconds = asked
        try:
            key = repr(members)
            if key not in ready:
                ready.clear()
                ready[key] = (_plain if members.eager or members.compiled else _ours)(members, data, threads)
                ready[key](0.0)
            pipe.send(ready[key](seconds))
        except Exception:
            pipe.send(traceback.format_exc())


def _until(step: Callable[[], int], seconds: float) -> float:
    """Member-steps a second, by whole rounds."""
    started = time.perf_counter()
    steps = step()
    while time.perf_counter() - started < seconds:
        steps += step()
    return steps / (time.perf_counter() - started)


def make_packs(members: Members, data: Any, threads: int = 1) -> list[Any]:
    """Packs of new members, in place."""
    from tests.unit.trainables.parts import epochs_for, member_for
    from tests.unit.trainables.sources import lease
    from trainables.perceptrons.layout import RowLayout

    layout = RowLayout(inputs=data.inputs, width=members.width, num_classes=data.num_classes)
    made = [
        member_for(
            lease(str(i), seed=i, width=members.width, batch_size=members.batch_size, **settings),
            layout,
            num_images=len(data.train),
        )
        for i, settings in enumerate(members.settings)
    ]
    packs = []
    for start in range(0, len(made), members.pack):
        pack = epochs_for(layout, data, batch_size=members.batch_size, threads=threads)
        pack.place(made[start : start + members.pack])
        packs.append(pack)
    return packs


def _ours(members: Members, data: Any, threads: int) -> Callable[[float], float]:
    packs = make_packs(members, data, threads)

    def round_() -> int:
        return sum(pack.take_steps(ROUND).numel() for pack in packs)

    return lambda seconds: _until(round_, seconds)


def _plain(members: Members, data: Any, threads: int) -> Callable[[float], float]:  # noqa: ARG001
    import torch
    from torch.nn.functional import cross_entropy

    from tests.benchmarks.plain import network

    generator = torch.Generator().manual_seed(0)
    x, y = data.train.x, data.train.y
    models: list[Any] = [network(width=members.width, **settings) for settings in members.settings]
    if members.compiled:
        models = [torch.compile(model, dynamic=False) for model in models]
    optimizers = [torch.optim.Adam(model.parameters(), lr=1e-3) for model in models]

    def round_() -> int:
        for model, optimizer in zip(models, optimizers, strict=True):
            order = torch.randperm(len(y), generator=generator)
            for batch in order[: ROUND * members.batch_size].split(members.batch_size):
                optimizer.zero_grad()
                cross_entropy(model(x[batch]), y[batch]).backward()
                optimizer.step()
        return ROUND * len(models)

    return lambda seconds: _until(round_, seconds)
