"""What `pack: auto` costs at worst: whole short trainings under auto against one at a time.

`python -m tests.benchmarks.auto_pack [--repeats 5] [--threads 1]`

Few trials of few epochs on digits-5k, where measuring a size would weigh most, from layers that fit into the
first cache to those that fill BLAS's kernels. Every time is of the whole trainer, from its first draw to its
last commit, and no size is remembered from one time to the next.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import product
from typing import Any, Literal

from tests.benchmarks.record import alternate, ratios, summary, write
from tests.benchmarks.workers import DATASETS
from tests.unit.trainables.sources import lease, train
from trainables.data.vision import prepare

BATCHES = (128, 1000)
# Epochs and trials, for layers up to this wide: the widest would take minutes.
STUDIES = {128: ((1, 6), (2, 16), (3, 8)), 256: ((1, 6), (2, 8)), 512: ((1, 6),)}
WIDTHS = (16, 32, 64, 128, 256, 512)


def seconds(
    width: int,
    batch: int,
    epochs: int,
    trials: int,
    pack: Literal["auto"] | int,
    threads: int,
    found: set[int],
) -> float:
    """How long the trainings take, and into `found` the sizes of packs they were trained in."""
    leases = [
        lease(
            str(i),
            seed=i,
            width=width,
            batch_size=batch,
            epochs=epochs,
            depth=1 + i % 3,
            base=("relu", "mish")[i % 2],
            scalars=("none", "per_layer")[i // 2 % 2],
        )
        for i in range(trials)
    ]
    started = time.perf_counter()
    source = train(leases, DATASETS, pack=pack, threads=threads)
    taken = time.perf_counter() - started
    assert all(outcome.state == "done" for outcome in source.outcomes.values())
    found |= {outcome.pack for outcome in source.outcomes.values()}
    return taken


def compare(
    width: int, batch: int, epochs: int, trials: int, *, threads: int, repeats: int
) -> dict[str, Any]:
    """One at a time over auto, more than 1 where auto is faster."""
    packs: set[int] = set()
    contenders: dict[str, Callable[[], float]] = {
        "auto": lambda: seconds(width, batch, epochs, trials, "auto", threads, packs),
        "one at a time": lambda: seconds(width, batch, epochs, trials, 1, threads, set()),
    }
    contenders["auto"]()
    samples, foreign = alternate(contenders, repeats)
    return {
        **{"width": width, "batch": batch, "epochs": epochs, "trials": trials, "threads": threads},
        "packs": sorted(packs),
        "seconds": {name: summary(values) for name, values in samples.items()},
        "auto_to_one_at_a_time": ratios(samples["one at a time"], samples["auto"]),
        "foreign_share": foreign,
    }


def main() -> None:
    """Every shape, and the record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--widths", type=int, nargs="+", default=list(WIDTHS))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    DATASETS.mkdir(exist_ok=True)
    prepare("digits-5k", DATASETS)
    rows = []
    for width, batch in product(options.widths, BATCHES):
        studies = STUDIES[min(limit for limit in STUDIES if width <= limit)]
        for epochs, trials in studies:
            row = compare(width, batch, epochs, trials, threads=options.threads, repeats=options.repeats)
            rows.append(row)
            ratio = row["auto_to_one_at_a_time"]
            print(
                f"width {width} batch {batch} epochs {epochs} trials {trials} packs {row['packs']}:"
                f" {ratio['median']:.3f} ({ratio['min']:.3f} to {ratio['max']:.3f}),"
                f" {row['seconds']['auto']['median']:.2f} s",
                flush=True,
            )
    medians = [row["auto_to_one_at_a_time"]["median"] for row in rows]
    print(f"lowest {min(medians):.3f}, median {statistics.median(medians):.3f} of {len(rows)} shapes")
    write(
        "auto_pack", "speed under pack: auto over pack: 1, whole trainings on digits-5k, depths 1 to 3", rows
    )


if __name__ == "__main__":
    main()
