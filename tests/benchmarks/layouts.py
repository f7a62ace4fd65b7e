"""What it brings on a CPU that convolutions run channels last: whole training steps in both layouts.

`python -m tests.benchmarks.layouts [--threads N]` prints a line of JSON a network, medians of 15 in turn.
"""

import argparse
import json
import statistics
import time
from typing import Any

import torch

from ablations.errors import Json
from tests.benchmarks.activation_steps import training_step
from tests.unit.trainables.parts import sites_for
from trainables.models.images import build_network

REPEATS, BATCH = 15, 64
NETWORKS: tuple[tuple[str, tuple[int, int, int], dict[str, Json]], ...] = (
    ("cnn", (1, 28, 28), {"width": 8}),
    ("cnn", (3, 32, 32), {"width": 16}),
    ("attention_cnn", (3, 32, 32), {"width": 16}),
    ("resnet20", (3, 32, 32), {"width": 8}),
    ("resnet20", (3, 32, 32), {"width": 16}),
    ("vgg11", (3, 32, 32), {"width": 16}),
    ("resnet18", (3, 32, 32), {"width": 16}),
    ("vit", (3, 32, 32), {}),
)


def compared(
    model: str, shape: tuple[int, int, int], settings: dict[str, Json], scalars: str
) -> dict[str, Json]:
    """Milliseconds a step; `ratio` is how many times faster channels last is."""
    steps: dict[str, Any] = {}
    for layout in (torch.contiguous_format, torch.channels_last):
        sites = sites_for({"base": "mish", "scalars": scalars, "alpha_init": 1.0, "beta_init": 0.0})
        network: Any = build_network(shape, 10, sites, {"model": model, **settings})
        network.to(memory_format=layout)
        images, classes = torch.randn(BATCH, *shape), torch.randint(10, (BATCH,))
        steps[str(layout).removeprefix("torch.")] = training_step(network, images, classes)
    samples: dict[str, list[float]] = {layout: [] for layout in steps}
    for repeat in range(REPEATS + 1):
        for layout, step in steps.items():
            started = time.perf_counter()
            step()
            if repeat:
                samples[layout].append(1e3 * (time.perf_counter() - started))
    usual, last = (statistics.median(values) for values in samples.values())
    low, _, high = statistics.quantiles([a / b for a, b in zip(*samples.values(), strict=True)], n=4)
    return {
        "model": model,
        "shape": list(shape),
        **settings,
        "scalars": scalars,
        **{f"{layout}_ms": round(statistics.median(values), 2) for layout, values in samples.items()},
        "ratio": round(usual / last, 3),
        "neighbours_quartiles": [round(low, 3), round(high, 3)],
    }


def main() -> None:
    """Prints a row for every network, static, and with one alpha and beta a channel."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    torch.set_num_threads(parser.parse_args().threads)
    for network in NETWORKS:
        for scalars in ("none", "per_channel"):
            print(json.dumps(compared(*network, scalars)), flush=True)


if __name__ == "__main__":
    main()
