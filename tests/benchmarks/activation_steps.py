"""Whole training steps of our own models, static arms beside dynamic ones: time, and the most memory held.

`mlp-classifier` is the perceptron as studies train it, without autograd; the others go through autograd.
Run by `python -m tests.benchmarks.activation steps peak`.
"""

import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from ablations.errors import Json
from tests.benchmarks.workers import DATASETS, Members, make_packs
from tests.unit.trainables.parts import descent_for, language_network, sites_for
from trainables.activations.bases import BASES
from trainables.activations.sites import Sites
from trainables.data.tensors import to_device
from trainables.data.vision import load, prepare
from trainables.models.images import build_network
from trainables.models.mlp import MLP
from trainables.training.descent import initialise

REPEATS = 20
ROWS, WIDTH, LAYERS = 4096, 256, 20  # activations outweigh parameters here
ENOUGH_S = 0.1  # a sample repeats what is shorter
# Weights stay where they are: once a batch is fitted, gradients become denormal and some steps twice as slow.
STILL = 1e-12
BETA = 0.1  # as if trained; next to zero, products over layers would be denormal as well
ARMS = {"static": "none", "dynamic": "per_layer"}
DESCENT: dict[str, Json] = {
    "optimizer": "adam",
    "lr": STILL,
    "weight_decay": 0.0,
    "schedule": "constant",
    "clip_norm": 0.0,
}
GPT: dict[str, Json] = {"glu": "dynactglu", "width": 128, "blocks": 4, "heads": 4, "hidden": 0}
Step = Callable[[], object]


def _sites(base: str, scalars: str) -> Sites:
    return sites_for({"base": base, "scalars": scalars, "alpha_init": 1.0, "beta_init": BETA})


def training_step(network: nn.Module, x: Tensor, y: Tensor) -> Step:
    """A step of Adam on one batch, again and again."""
    initialise(network, 0)
    descent = descent_for(network, DESCENT, num_steps=10**6, warmup=0)

    def step() -> None:
        descent.step(F.cross_entropy(network(x).flatten(0, -2), y.flatten()))

    return step


def _mlp(base: str, scalars: str, *, width: int, depth: int = 10, rows: int = 128) -> Step:
    network = MLP(
        inputs=784,
        num_classes=10,
        depth=depth,
        width=width,
        base=BASES[base],
        scalars="per_layer" if scalars == "per_layer" else "none",
        beta_init=BETA,
    )
    return training_step(network, torch.randn(rows, 784), torch.randint(10, (rows,)))


def _resnet20(base: str, scalars: str) -> Step:
    network = build_network((3, 32, 32), 10, _sites(base, scalars), {"model": "resnet20"})
    return training_step(network, torch.randn(64, 3, 32, 32), torch.randint(10, (64,)))


def _gpt(base: str, scalars: str) -> Step:
    tokens = torch.randint(256, (16, 129))
    network = language_network(GPT, 256, _sites(base, scalars))
    return training_step(network, tokens[:, :-1], tokens[:, 1:])


def _packed(base: str, scalars: str) -> Step:
    DATASETS.mkdir(exist_ok=True)
    prepare("digits-5k", DATASETS)
    data = to_device(load("digits-5k", DATASETS), "cpu")
    settings: dict[str, Any] = {"base": base, "scalars": scalars, "depth": 10, "lr": STILL}
    if scalars != "none":
        settings["beta_init"] = BETA
    (pack,) = make_packs(
        Members(settings=[settings], batch_size=128, width=256), data, torch.get_num_threads()
    )
    return lambda: pack.take_steps(1)


MODELS: dict[str, Callable[[str, str], Step]] = {
    "mlp-classifier, 10 layers of 256, batch 128": _packed,
    "mlp, 10 layers of 256, batch 128": partial(_mlp, width=256),
    "mlp, 10 layers of 1024, batch 128": partial(_mlp, width=1024),
    "resnet20, batch 64 of 3x32x32": _resnet20,
    "gpt, 4 blocks of 128, batch 16 of 128 tokens": _gpt,
}
BASES_OF_STEPS = ("relu", "silu")


def steps(threads: list[int]) -> Iterator[dict[str, Json]]:
    """Milliseconds a step, arms in turn; the ratio is of medians, its quartiles are of neighbours."""
    for number in threads:
        torch.set_num_threads(number)
        for model, make in MODELS.items():
            for base in BASES_OF_STEPS:
                yield {"model": model, "base": base, "threads": number, **_compared(make, base)}


def _compared(make: Callable[[str, str], Step], base: str) -> dict[str, Json]:
    arms = {arm: make(base, scalars) for arm, scalars in ARMS.items()}
    samples: dict[str, list[float]] = {arm: [] for arm in arms}
    for step in arms.values():
        step()
    calls = max(1, round(ENOUGH_S / _seconds(arms["static"], 1)))
    for repeat in range(REPEATS):
        for arm in list(arms)[:: 1 if repeat % 2 else -1]:
            samples[arm].append(_seconds(arms[arm], calls))
    low, middle, high = statistics.quantiles(
        [dynamic / static for static, dynamic in zip(samples["static"], samples["dynamic"], strict=True)], n=4
    )
    medians = {arm: statistics.median(values) for arm, values in samples.items()}
    return {
        **{f"{arm}_ms": round(1e3 * value, 3) for arm, value in medians.items()},
        "dynamic_to_static": round(medians["dynamic"] / medians["static"], 4),
        "neighbours_quartiles": [round(low, 4), round(middle, 4), round(high, 4)],
        "n": REPEATS,
    }


def _seconds(step: Step, calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        step()
    return (time.perf_counter() - started) / calls


def peak() -> Iterator[dict[str, Json]]:
    """The most bytes that torch's allocator gave out during a training, each arm in a process of its own."""
    context = multiprocessing.get_context("spawn")
    for base in ("relu", "leaky_relu", "silu", "gelu", "gelu_tanh", "elu", "softplus", "mish"):
        found = {}
        for arm, scalars in ARMS.items():
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                found[arm] = pool.submit(_most_bytes, base, scalars).result()
        more = found["dynamic"] - found["static"]
        yield {
            "model": f"mlp, {LAYERS} layers of {WIDTH}, batch {ROWS}, Adam",
            "base": base,
            **{f"{arm}_bytes": held for arm, held in found.items()},
            "dynamic_to_static": round(found["dynamic"] / found["static"], 4),
            "extra_tensors_a_layer": round(more / (4 * ROWS * WIDTH * LAYERS), 4),
        }


def _most_bytes(base: str, scalars: str) -> int:
    torch.set_num_threads(1)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        step = _mlp(base, scalars, width=WIDTH, depth=LAYERS, rows=ROWS)
        for _ in range(2):
            step()
    results: Any = seen.profiler
    changes = [event for event in results.kineto_results.events() if event.name() == "[memory]"]
    return int(max(accumulate(event.nbytes() for event in sorted(changes, key=lambda e: int(e.start_ns())))))
