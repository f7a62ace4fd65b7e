"""Member-steps that no result needed, while searches prune trials inside packs and refill their places.

`python -m tests.benchmarks.waste`

Each study is a search by successive halving: at the epochs named in RUNGS a trial is pruned whose validation
loss is worse than the median of all that got there before it. Wasted are steps that measured a size, and
those of a diverged trial up to the end of its epoch; a pruned one's steps all came before a report. The
tally is the worker's own; the steps that reports account for are counted beside it.
"""

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.benchmarks.record import write
from tests.unit.trainables.parts import worker_for
from tests.unit.trainables.sources import ListSource, settings_of, stripes
from trainables.data.vision import load
from trainables.packs.contract import Packable
from trainables.packs.filling import PackTrainer
from trainables.packs.routines import PackedRoutine
from trainables.recipes.images import image_group
from trainables.recipes.images import train as train_images
from trainables.recipes.mlp import MLP_CLASSIFIER
from trainables.training.lease import Lease, Report
from trainables.training.numerics import set_numerics

RUNGS = (1, 3, 9)
EPOCHS, TRIALS, WILD = 27, 64, 2
LIMIT = 0.1


class Halving:
    """Prunes at each rung what is worse than the median so far."""

    def __init__(self) -> None:
        self._seen: dict[float, list[float]] = {rung: [] for rung in RUNGS}

    def __call__(self, report: Report) -> str | None:
        """Whether to stop."""
        loss = report.metrics.get("val_loss")
        if report.step not in self._seen or loss is None:
            return None
        seen = self._seen[report.step]
        seen.append(loss)
        return "pruned" if loss > statistics.median(seen) else None


def trials(trainable: str, folder: Path, **fixed: Any) -> list[Lease]:
    """Trials of many learning rates, two of which diverge."""
    found = []
    for index in range(TRIALS):
        own: dict[str, Any] = {
            "lr": 10 ** (-4 + 3 * (index * 0.618 % 1)),
            "base": ("relu", "mish")[index % 2],
        }
        if index % (TRIALS // WILD) == 5:
            own = {"optimizer": "sgd", "lr": 1e6, "base": "relu"}
        settings = settings_of(trainable, folder, **{"dataset": "stripes", "epochs": EPOCHS, **fixed, **own})
        found.append(Lease(trial_id=str(index), seed=index, settings=settings))
    return found


def search(leases: Sequence[Lease], code: Packable, folder: Path, pack: Any) -> dict[str, Any]:
    """One search in one worker, and what its steps were good for."""
    worker, source = worker_for(folder), ListSource(leases, Halving())
    PackTrainer(source, code, worker, threads=1, pack=pack).run()
    outcomes = source.outcomes
    states = [outcome.state for outcome in outcomes.values()]
    batch = int(str(leases[0].settings["batch_size"]))
    per_epoch = -(-len(load("stripes", folder).train) // batch)
    reported = sum(outcome.curve["train_loss"][-1][0] for outcome in outcomes.values()) * per_epoch
    sizes = [outcome.pack for outcome in outcomes.values()]
    return {
        "ended": {state: states.count(state) for state in sorted(set(states))},
        "pack": pack,
        "largest_pack": max(sizes),
        "places_refilled": len(leases) - max(sizes),
        "member_steps": worker.tally.steps,
        "of_all_planned": worker.tally.steps / (len(leases) * EPOCHS * per_epoch),
        "steps_in_reports": reported,
        "wasted": worker.tally.wasted,
        "share_wasted": worker.tally.wasted / worker.tally.steps,
    }


def studies(folder: Path) -> Mapping[str, dict[str, Any]]:
    """Compiled and batched perceptrons, and convolutional networks, one at a time and stacked as on a GPU."""
    batch = {"batch_size": 5}
    compiled = trials("mlp-classifier", folder, **batch, width=32, depth=2)
    batched = trials("mlp-classifier", folder, **batch, width=144, depth=2)
    images = trials("image-classifier", folder, **batch, model="cnn", width=2, blocks=1)
    own = PackedRoutine(train_images, image_group, stacked=False)
    stacked = PackedRoutine(train_images, image_group, stacked=True)
    return {
        "perceptrons, width 32, auto": search(compiled, MLP_CLASSIFIER, folder, "auto"),
        "perceptrons, width 144, auto": search(batched, MLP_CLASSIFIER, folder, "auto"),
        "images, steps of their own, packs of 8": search(images, own, folder, 8),
        "images, stacked, auto": search(images, stacked, folder, "auto"),
    }


def main() -> None:
    """All searches, the record, and a failure where one wastes too much."""
    set_numerics("cpu", 1)
    with tempfile.TemporaryDirectory() as place:
        stripes(Path(place))
        found = studies(Path(place))
    for name, row in found.items():
        print(name, row, flush=True)
    write("waste", f"searches of {TRIALS} trials of {EPOCHS} epochs, pruned at {RUNGS}, on 66 images", found)
    if any(row["share_wasted"] > LIMIT for row in found.values()):
        raise SystemExit(f"more than {LIMIT:.0%} of the steps were wasted")


if __name__ == "__main__":
    main()
