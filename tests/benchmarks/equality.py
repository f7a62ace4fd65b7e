"""Members whose steps are stacked, as on a GPU, beside themselves alone: bits, rounding and final accuracy.

`python -m tests.benchmarks.equality [--seeds 30] [--epochs 12]`

Stacked sums are taken in another order than alone. What that does is shown beside what another order does
by itself: a training alone whose batches hold the same rows in another order, drawn several times. All are
compared with the training alone: weights and losses after some steps, in single and double precision, and
test accuracies at the end over many seeds, by our own equivalence test and by that of statsmodels.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from statsmodels.stats.weightstats import ttost_paired
from torch import Tensor

from ablations.stats.equivalence import tost
from ablations.stats.paired import paired_t
from tests.benchmarks.record import write
from tests.benchmarks.workers import DATASETS
from tests.unit.trainables.parts import worker_for
from tests.unit.trainables.sources import ListSource, settings_of
from trainables.data.vision import load, prepare
from trainables.packs.filling import PackTrainer
from trainables.packs.mapped import train_together
from trainables.packs.routine_member import RoutineMember
from trainables.packs.routines import PackedRoutine, Train
from trainables.recipes.images import image_group
from trainables.recipes.images import train as train_images
from trainables.streams import stream
from trainables.training.lease import Lease, Outcome
from trainables.training.numerics import set_numerics
from trainables.training.run import Run
from trainables.training.steps import Routine, Steps

Way = Literal["alone", "stacked", "permuted"]
WAYS: tuple[Way, ...] = ("alone", "stacked", "permuted")
COMPARED: tuple[Way, ...] = ("stacked", "permuted")
MARKS = (1, 10, 100)
DRAWS = 10
MARGIN, ALPHA = 0.002, 0.05
PACK = 6
BASES = ("mish", "relu", "gelu")
MODEL: Mapping[str, Any] = {"model": "cnn", "width": 8, "blocks": 2, "scalars": "per_layer"}


def permuted(train: Train, number: int = 0) -> Train:
    """The same training, but the rows of each of its batches come in another order."""

    def routine(run: Run) -> Routine:
        draw = stream(run.seed, f"turned/{number}")
        inner = train(run)
        losses: list[Tensor] | None = None
        while True:
            try:
                steps = inner.send(losses)
            except StopIteration as end:
                final: Mapping[str, float] = end.value
                return final
            losses = yield None if steps is None else replace(steps, batch=_turned(steps.batch, draw))

    return routine


def _turned(
    batch: Callable[[int], tuple[Tensor, Tensor]], draw: torch.Generator
) -> Callable[[int], tuple[Tensor, Tensor]]:
    def turned(index: int) -> tuple[Tensor, Tensor]:
        x, y = batch(index)
        order = torch.randperm(len(x), generator=draw)
        return x[order], y[order]

    return turned


@contextmanager
def precision(dtype: torch.dtype) -> Iterator[None]:
    """Everything made inside is of this type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def apart(leases: Sequence[Lease], folder: Path, marks: Sequence[int]) -> list[dict[str, Any]]:
    """How far stacked and permuted trainings are from those alone after some steps of the first epoch."""
    worker = worker_for(folder)
    trains: dict[str, Train] = {"alone": train_images, "stacked": train_images}
    trains |= {f"permuted {number}": permuted(train_images, number) for number in range(DRAWS)}
    members = {
        way: [RoutineMember(train, lease, worker) for lease in leases] for way, train in trains.items()
    }
    for member in [one for group in members.values() for one in group]:
        member.begin()
    rows, done = [], 0
    for mark in marks:
        found: dict[str, dict[str, dict[str, float]]] = {}
        lasts: dict[str, list[Tensor]] = {}
        for way, group in members.items():
            parts = [_part(member.steps, done, mark) for member in group if member.steps is not None]
            assert len(parts) == len(leases)
            taken = train_together(parts) if way == "stacked" else [steps.train() for steps in parts]
            lasts[way] = [losses[-1] for losses in taken]
        for way, group in members.items():
            pairs = zip(members["alone"], group, strict=True)
            weights = torch.cat([_relative(_weights(a), _weights(b)) for a, b in pairs])
            losses = _relative(lasts["alone"], lasts[way])
            found[way] = {"weights": _spread(weights), "losses": _spread(losses)}
        draws = [found[way] for way in found if way.startswith("permuted")]
        rows.append({"steps": mark, "stacked": found["stacked"], "permuted": _over_draws(draws)})
        done = mark
    return rows


def _over_draws(draws: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, Any]:
    """Of each figure its smallest and its largest over the orders drawn."""
    return {
        what: {
            figure: {"min": min(values), "max": max(values), "n": len(values)}
            for figure in draws[0][what]
            for values in [[draw[what][figure] for draw in draws]]
        }
        for what in draws[0]
    }


def _part(steps: Steps, done: int, mark: int) -> Steps:
    assert mark <= steps.num
    return replace(steps, num=mark - done, batch=lambda index: steps.batch(done + index))


def _weights(member: RoutineMember) -> list[Tensor]:
    assert member.steps is not None
    return [parameter.detach() for parameter in member.steps.network.parameters()]


def _relative(of: Sequence[Tensor], to: Sequence[Tensor]) -> Tensor:
    """Every difference, relative to the largest number of its tensor."""
    found = [(a - b).abs() / a.abs().max().clamp(min=1e-30) for a, b in zip(of, to, strict=True)]
    return torch.cat([each.double().flatten() for each in found])


def _spread(values: Tensor) -> dict[str, float]:
    return {"largest": float(values.max()), "median": float(values.median())}


def outcomes(leases: Sequence[Lease], folder: Path, way: Way) -> dict[str, Outcome]:
    """Whole trainings."""
    train: Train = permuted(train_images) if way == "permuted" else train_images
    code = PackedRoutine(train, image_group, stacked=way == "stacked")
    source = ListSource(leases)
    pack = PACK if way == "stacked" else 1
    PackTrainer(source, code, worker_for(folder), threads=1, pack=pack).run()
    assert {outcome.state for outcome in source.outcomes.values()} == {"done"}
    assert {outcome.pack for outcome in source.outcomes.values()} == {pack}
    return source.outcomes


def equivalence(of: np.ndarray, to: np.ndarray) -> dict[str, Any]:
    """Whether mean accuracies over seeds are closer than the margin."""
    scores = (of - to)[None]
    fit = paired_t(scores, level=1 - 2 * ALPHA)
    p = float(tost(scores, margin=MARGIN, test="paired_t")[0])
    theirs = None if len(set(scores[0])) == 1 else float(ttost_paired(of, to, -MARGIN, MARGIN)[0])
    return {
        "mean_difference": float(fit.estimate[0]),
        "sd": float(fit.sd[0]),
        "largest_difference": float(np.abs(scores).max()),
        "interval_90": [float(fit.low[0]), float(fit.high[0])],
        "seeds_with_equal_accuracy": int((scores == 0).sum()),
        "p_tost": p,
        "p_tost_statsmodels": theirs,
        "p_tost_sign_flip": float(tost(scores, margin=MARGIN, test="sign_flip")[0]),
        "equivalent": p < ALPHA,
    }


def halved(folder: Path) -> str:
    """digits-5k at half its resolution, so that thirty seeds take minutes; the dataset's name."""
    DATASETS.mkdir(exist_ok=True)
    prepare("digits-5k", DATASETS)
    data = load("digits-5k", DATASETS)
    parts = {"train": (data.train, data.val), "test": (data.test,)}
    arrays = {}
    for name, splits in parts.items():
        x = np.concatenate([split.x for split in splits]).astype(np.float64)
        pooled = x.reshape(len(x), 14, 2, 14, 2).mean((2, 4))
        arrays[f"x_{name}"] = pooled.round().astype(np.uint8)
        arrays[f"y_{name}"] = np.concatenate([split.y for split in splits])
    np.savez(folder / "digits-halved.npz", **arrays)
    return "digits-halved"


def leases_of(num: int, folder: Path, **settings: Any) -> list[Lease]:
    """Trainings of as many seeds, base functions in turn."""
    return [
        Lease(
            trial_id=str(seed),
            seed=seed,
            settings=settings_of(
                "image-classifier", folder, base=BASES[seed % len(BASES)], **{**MODEL, **settings}
            ),
        )
        for seed in range(num)
    ]


def differences(folder: Path, **shared: Any) -> dict[str, Any]:
    """How far they are apart after some steps, by precision."""
    found = {}
    for dtype in (torch.float32, torch.float64):
        with precision(dtype):
            some = leases_of(2 * PACK, folder, **shared, epochs=1, batch_size=36)
            rows = found[str(dtype)] = apart(some, folder, MARKS)
        for row in rows:
            print(dtype, row, flush=True)
    return found


def accuracies(folder: Path, *, seeds: int, epochs: int, **shared: Any) -> dict[str, Any]:
    """Test accuracies at the end, and whether they are equivalent."""
    many = leases_of(seeds, folder, **shared, epochs=epochs, batch_size=64, schedule="cosine")
    scores: dict[Way, np.ndarray] = {}
    curves: dict[Way, list[float]] = {}
    for way in WAYS:
        done = outcomes(many, folder, way)
        scores[way] = np.array([done[lease.trial_id].metrics["test_accuracy"] for lease in many])
        curves[way] = _settling(done)
    judged = {way: equivalence(scores[way], scores["alone"]) for way in COMPARED}
    for way in COMPARED:
        print(way, judged[way], flush=True)
    return {
        **{"seeds": seeds, "epochs": epochs, "margin": MARGIN, "alpha": ALPHA},
        "of_each_seed": {way: values.tolist() for way, values in scores.items()},
        "mean_val_accuracy_by_epoch": curves,
        **judged,
    }


def main() -> None:
    """Both comparisons, and the record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--epochs", type=int, default=12)
    options = parser.parse_args()
    set_numerics("cpu", 1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        shared = {"dataset": halved(folder), "lr": 1e-2}
        apart_by = differences(folder, **shared)
        final = accuracies(folder, seeds=options.seeds, epochs=options.epochs, **shared)
    results = {"differences": apart_by, "accuracy": final}
    write("equality", f"CNN {dict(MODEL)} on digits-5k at half its resolution, packs of {PACK}, CPU", results)


def _settling(done: Mapping[str, Outcome]) -> list[float]:
    curves = [[value for _, value in outcome.curve["val_accuracy"]] for outcome in done.values()]
    return [round(float(mean), 4) for mean in np.array(curves, dtype=float).mean(0)]


if __name__ == "__main__":
    main()
