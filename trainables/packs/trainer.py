"""From leases to outcomes: trains what a source hands out, packed where the trainable can be packed."""

import inspect
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Literal

from trainables.catalogue import load_catalogue
from trainables.digests import code_digest
from trainables.errors import PluginMissing
from trainables.packs.filling import PackTrainer
from trainables.packs.routines import PackedRoutine
from trainables.resolve import resolve
from trainables.training.checking import CheckedSource
from trainables.training.checkpoint import Checkpoints
from trainables.training.lease import Lease, Outcome, Source
from trainables.training.numerics import device_name, set_numerics
from trainables.training.run import Train, train_one
from trainables.training.tally import StepTally
from trainables.training.worker import Worker


def run_trainer(
    source: Source,
    *,
    trainable: str,
    device: str,
    threads: int,
    datasets_dir: Path,
    pack: int | Literal["auto"],
    sizes: MutableMapping[str, int] | None = None,
    checkpoints: Checkpoints | None = None,
) -> StepTally:
    """Train what the source hands out until it hands out nothing; the count of steps taken in packs.

    `sizes` are pack sizes that were found fastest before; those measured here are added.
    Trainings save themselves in `checkpoints` and go on from there.
    Whatever happens inside a trial is its outcome; only a source that fails raises.
    """
    set_numerics(device, threads)
    worker = Worker(
        catalogue=load_catalogue(datasets_dir),
        device=device,
        datasets_dir=datasets_dir,
        checkpoints=checkpoints,
    )
    source = CheckedSource(source, worker.catalogue, trainable, device=device_name(device))
    with worker.border:
        try:
            code, packs = _find_code(worker, trainable)
        except BaseException as error:  # importing a user's module may fail in any way
            worker.border.check_whose(error)
            _fail_all(source, error, device)
            return worker.tally
        worker.border.remember()
        if packs:
            PackTrainer(source, code, worker, threads=threads, pack=pack, sizes=sizes).run()
        else:
            _train_each(source, code, worker)
        worker.tally.spoiled = worker.border.spoiled
    return worker.tally


def _find_code(worker: Worker, trainable: str) -> tuple[Any, bool]:
    """The code of a trainable, and whether its trials can share packs.

    Raises: PluginMissing, and whatever a user's module raises.
    """
    manifest = worker.catalogue.trainables.get(trainable)
    if manifest is None:
        raise PluginMissing(f"plugin_missing: no trainable {trainable!r} is installed here")
    code_digest(manifest.code)  # known from before its import on
    code = resolve(manifest.code)
    if manifest.packs and inspect.isgeneratorfunction(code):
        code = PackedRoutine(code, stacked=False)
    return code, manifest.packs and not inspect.isfunction(code)


def _train_each(source: Source, code: Train, worker: Worker) -> None:
    """One trial after the other, until there are no more or the process is spoiled for the next."""
    while not worker.border.spoiled and (leases := source.draw(1)):
        for lease in leases:
            source.commit([train_one(code, lease, source, worker)])
            if worker.checkpoints is not None:
                worker.checkpoints.drop(lease)
            worker.border.clear()


def _fail_all(source: Source, error: BaseException, device: str) -> None:
    while leases := source.draw(64):
        source.commit([_failure(lease, error, device) for lease in leases])


def _failure(lease: Lease, error: BaseException, device: str) -> Outcome:
    return Outcome.failed(lease, error, device=device_name(device))
