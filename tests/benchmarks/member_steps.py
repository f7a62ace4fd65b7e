"""Training steps a second on the whole machine, against pack size, width and depth.

`python -m tests.benchmarks.member_steps [--widths 16 32] [--depths 1 3] [--repeats 3] [--seconds 0.4]`

Two slots, a thread each, train packs; against them, in turn: an eager loop on both threads, the same with its
network compiled by torch.compile (built beforehand), two eager loops with a thread each, and our own trainer
with one trial at a time. Every step is forward, backward and Adam on
a batch of digits-5k of the member's own order.
"""

import argparse
import statistics
from collections.abc import Callable
from typing import Any

from tests.benchmarks.record import alternate, ratios, summary, write
from tests.benchmarks.workers import Members, Worker, rate, workers

BATCH = 128
PACKS = (4, 16)
MIXES: dict[str, list[dict[str, Any]]] = {
    "static relu": [{"base": "relu", "scalars": "none"}],
    "mixed": [
        {"base": base, "scalars": scalars} for base in ("relu", "mish") for scalars in ("none", "per_layer")
    ],
}


def contenders(
    ones: list[Worker], both: Worker, other: Worker, mix: str, width: int, depth: int, seconds: float
) -> dict[str, Callable[[], float]]:
    """What is compared at one width and depth."""

    def members(num: int, **how: Any) -> Members:
        kinds = MIXES[mix]
        settings = [{**kinds[i % len(kinds)], "depth": depth} for i in range(num)]
        return Members(settings=settings, batch_size=BATCH, width=width, **how)

    def on(group: list[Worker], own: Members) -> Callable[[], float]:
        return lambda: rate(group, [own] * len(group), seconds)

    num_eager = len(MIXES[mix])
    return {
        "eager, two threads": on([both], members(num_eager, eager=True)),
        "compiled, two threads": on([other], members(num_eager, compiled=True)),
        "eager, two processes": on(ones, members(num_eager, eager=True)),
        "ours, one by one": on(ones, members(4, pack=1)),
        **{f"ours, packs of {size}": on(ones, members(size, pack=size)) for size in PACKS},
    }


def measure(group: dict[str, Callable[[], float]], repeats: int) -> dict[str, Any]:
    """Rates and ratios; the pack that auto would take is the faster by median, one by one included."""
    for run in group.values():
        run()
    samples, foreign = alternate(group, repeats)
    ours = {name: values for name, values in samples.items() if name.startswith("ours")}
    best = max(ours, key=lambda name: statistics.median(ours[name]))
    return {
        "member_steps_a_second": {name: summary(values) for name, values in samples.items()},
        "best": best,
        "to_eager_two_threads": ratios(samples[best], samples["eager, two threads"]),
        "to_compiled_two_threads": ratios(samples[best], samples["compiled, two threads"]),
        "to_eager_two_processes": ratios(samples[best], samples["eager, two processes"]),
        "to_one_by_one": ratios(samples[best], samples["ours, one by one"]),
        "foreign_share": foreign,
    }


def main() -> None:
    """Measure every shape and write the record."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 32, 64, 128])
    parser.add_argument("--depths", type=int, nargs="+", default=[1, 3, 10, 20])
    parser.add_argument("--mixes", nargs="+", default=list(MIXES), choices=list(MIXES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.3)
    options = parser.parse_args()
    rows = []
    with workers([1, 1, 2, 2]) as (*ones, both, other):
        for mix in options.mixes:
            for width in options.widths:
                for depth in options.depths if mix == options.mixes[0] else options.depths[1:3]:
                    group = contenders(ones, both, other, mix, width, depth, options.seconds)
                    row = {"mix": mix, "width": width, "depth": depth, **measure(group, options.repeats)}
                    rows.append(row)
                    shown = [row[name]["median"] for name in row if name.startswith("to_")]
                    print(mix, width, depth, row["best"], *(f"{x:.2f}" for x in shown), flush=True)
    write("member_steps", f"batch {BATCH}, two slots of one thread against whole-machine baselines", rows)


if __name__ == "__main__":
    main()
