"""Depths 1 to 75 in one pack, against identity masking and against one pack a depth.

`python -m tests.benchmarks.mixed_depth [--repeats 5]`

The cost that no waste would give is the sum over members of a + b depth, with a and b from packs of equal
depth. Identity masking, as a framework without depths would do it: every member runs all layers of the
deepest, so its cost is that of a pack of equals at the largest depth.
"""

import argparse
import statistics
from typing import Any

import numpy as np

from tests.benchmarks.record import alternate, ratios, summary, write
from tests.benchmarks.workers import Members, rate, workers

BATCH, WIDTH, SIZE = 128, 32, 16
DEPTHS = [round(depth) for depth in np.linspace(1, 75, SIZE)]
EQUAL = (1, 25, 50, 75)


def members(depths: list[int], pack: int) -> Members:
    """relu members of these depths."""
    settings = [{"base": "relu", "scalars": "none", "depth": depth} for depth in depths]
    return Members(settings=settings, batch_size=BATCH, width=WIDTH, pack=pack)


def main() -> None:
    """Measure seconds a step of all members, and write the record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.8)
    options = parser.parse_args()
    cases = {
        "one pack": members(DEPTHS, SIZE),
        "one pack a depth": members(DEPTHS, 1),
        **{f"equal {depth}": members([depth] * SIZE, SIZE) for depth in EQUAL},
    }
    with workers([1] * len(cases)) as group:

        def seconds_a_step(index: int, case: Members) -> float:
            return SIZE / rate([group[index]], [case], options.seconds)

        runs = {name: (lambda i=i, c=c: seconds_a_step(i, c)) for i, (name, c) in enumerate(cases.items())}
        for run in runs.values():
            run()
        samples, foreign = alternate(runs, options.repeats)
    equal = {depth: [value / SIZE for value in samples[f"equal {depth}"]] for depth in EQUAL}
    expected = [sum(_cost(equal, repeat, depth) for depth in DEPTHS) for repeat in range(options.repeats)]
    results: dict[str, Any] = {
        "depths": DEPTHS,
        "width": WIDTH,
        "seconds_a_step": {name: summary(values) for name, values in samples.items()},
        "to_sum_of_layers": ratios(samples["one pack"], expected),
        "masking_to_one_pack": ratios(samples["equal 75"], samples["one pack"]),
        "pack_a_depth_to_one_pack": ratios(samples["one pack a depth"], samples["one pack"]),
        "microseconds_a_layer": statistics.median(
            [1e6 * (equal[75][r] - equal[1][r]) / 74 for r in range(options.repeats)]
        ),
        "foreign_share": foreign,
    }
    print({name: value for name, value in results.items() if "to_" in name}, flush=True)
    write("mixed_depth", "seconds of one step of 16 members of depths 1..75, one thread", results)


def _cost(equal: dict[int, list[float]], repeat: int, depth: int) -> float:
    """Seconds of one member's step, on the straight line through packs of equal depth."""
    slope, start = np.polyfit(EQUAL, [equal[d][repeat] for d in EQUAL], 1)
    return float(start + slope * depth)


if __name__ == "__main__":
    main()
