"""What the fused dynActivation costs beside torch's static bases and beside its formula written plainly.

`python -m tests.benchmarks.activation SECTION... [--out FILE]` prints one line of JSON a measurement, after
one that names the machine. Medians of 20 with quartiles, float32, arms in turn, on one thread and on two.
Sections: `sizes` forward and backward from 1e5 to 1e7.5 elements; `small` the same from 10 to 1e5; `steps`
whole training steps of our own models, per_layer beside none; `memory` bytes kept for the backward pass;
`peak` the most that a training step holds; `inductor` beside the plain formula compiled by torch.compile;
`gpu` the Triton kernels (activation_gpu.py; without a GPU it says so); `crossovers` from which size on
kernels beat the plain back end, written to the table that the choice reads.

Before a row a tensor of nearly 32 MiB is freed, as any training has done: until then glibc hands the pages of
smaller ones back to the system on some calls and not on others, which costs either arm up to twice its time.
Rows have the page faults that were left.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ablations.errors import Json
from tests.benchmarks import activation_crossovers, activation_gpu, activation_steps
from trainables.activations.fused.activation import COMPILED, base_act, dyn_act
from trainables.training.numerics import environment

REPEATS = 20
ENOUGH_S = 2e-3  # a sample repeats what is shorter
FEW_PAGES = 1_000_000  # elements; of larger tensors the system takes every page back anyway
LONG_S, FEW = 0.1, 7  # of longer ones that are not judged within tenths, fewer samples do
BASES = ("relu", "leaky_relu", "silu", "gelu", "gelu_tanh", "elu", "softplus", "mish")
STATIC: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
    "silu": F.silu,
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "elu": F.elu,
    "softplus": F.softplus,
    "mish": F.mish,
}
USUAL: dict[str, list[float]] = {
    "sizes": [10 ** (5 + k / 2) for k in range(6)],
    "small": [1e1, 1e2, 1e3, 1e4, 3e4, 1e5],
    "inductor": [1e5, 1e6, 1e7],
}
Step = Callable[[], None]


def forms(base: str, num_elements: int) -> Mapping[str, Step]:
    """Forward and backward of torch's static base, of the operator and of the formula written plainly."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(num_elements, generator=rng).requires_grad_()
    grad = torch.randn(num_elements, generator=rng)
    alpha, beta = torch.tensor(1.1, requires_grad=True), torch.tensor(0.2, requires_grad=True)
    static = STATIC[base]

    def run_static() -> None:
        torch.autograd.grad(static(x), [x], grad)

    def run_dynamic() -> None:
        torch.autograd.grad(dyn_act(x, alpha, beta, base), [x, alpha, beta], grad)

    def run_plain() -> None:
        torch.autograd.grad(static(x) * (alpha - beta) + beta * x, [x, alpha, beta], grad)

    return {"static": run_static, "dynamic": run_dynamic, "plain": run_plain}


def settle_allocator() -> None:
    """As it is in a process that has freed a large tensor."""
    torch.empty(2**23 - 2**14)


def page_faults(step: Step, calls: int = 20) -> float:
    """New pages a call."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(calls):
        step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / calls


def alternate(steps: Mapping[str, Step]) -> dict[str, list[float]]:
    """Seconds a call, `REPEATS` samples each, one after the other in turn."""
    calls = {}
    for name, step in steps.items():
        step()
        start = time.perf_counter()
        step()
        calls[name] = max(1, int(ENOUGH_S / (time.perf_counter() - start)))
    samples: dict[str, list[float]] = {name: [] for name in steps}
    for repeat in range(REPEATS):
        for name, step in steps.items():
            if name == "plain" and repeat >= FEW and samples[name][0] > LONG_S:
                continue
            start = time.perf_counter()
            for _ in range(calls[name]):
                step()
            samples[name].append((time.perf_counter() - start) / calls[name])
    return samples


def with_compiler(base: str, num_elements: int) -> Mapping[str, Step]:
    """The operator beside the plain formula after torch.compile."""
    steps = forms(base, num_elements)
    x, grad = torch.randn(num_elements).requires_grad_(), torch.randn(num_elements)
    alpha, beta = torch.tensor(1.1, requires_grad=True), torch.tensor(0.2, requires_grad=True)
    static = STATIC[base]
    torch.compiler.reset()
    plain = torch.compile(lambda x, alpha, beta: static(x) * (alpha - beta) + beta * x)

    def run_inductor() -> None:
        torch.autograd.grad(plain(x, alpha, beta), [x, alpha, beta], grad)

    return {"static": steps["static"], "dynamic": steps["dynamic"], "inductor": run_inductor}


def timed(base: str, num_elements: int, threads: int, *, compiled: bool = False) -> dict[str, Json]:
    """One row of the table. Units: microseconds, and ratios of medians."""
    torch.set_num_threads(threads)
    settle_allocator()
    steps = (with_compiler if compiled else forms)(base, num_elements)
    started = time.perf_counter()
    steps[list(steps)[-1]]()
    first_s = time.perf_counter() - started
    samples = alternate(steps)
    median = {name: statistics.median(values) for name, values in samples.items()}
    row: dict[str, Json] = {"base": base, "elements": num_elements, "threads": threads}
    for name, values in samples.items():
        low, _, high = statistics.quantiles(values, n=4)
        row[f"{name}_n"] = len(values)
        row[f"{name}_us"] = round(median[name] * 1e6, 2)
        row[f"{name}_quartiles_us"] = [round(low * 1e6, 2), round(high * 1e6, 2)]
    if num_elements <= FEW_PAGES:
        for name, step in steps.items():
            row[f"{name}_page_faults"] = page_faults(step)
    row["dynamic_to_static"] = round(median["dynamic"] / median["static"], 3)
    for name in set(median) - {"static", "dynamic"}:
        row[f"{name}_to_dynamic"] = round(median[name] / median["dynamic"], 3)
    if compiled:
        row["first_call_s"] = round(first_s, 2)
    return row


def kept_bytes(step: Callable[[], Tensor]) -> tuple[int, Tensor]:
    """Bytes that autograd keeps for the backward pass, storages counted once; and the result."""
    seen: dict[int, int] = {}

    def pack(t: Tensor) -> Tensor:
        seen[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        result = step()
    return sum(seen.values()), result


def memory(base: str) -> dict[str, Json]:
    """Bytes kept by ten layers, linear and activation in turn, static and dynamic."""
    weight = torch.randn(256, 256, requires_grad=True)
    x = torch.randn(512, 256)
    alpha, beta = torch.tensor(1.0, requires_grad=True), torch.tensor(0.0, requires_grad=True)

    def run(activate: Callable[[Tensor], Tensor]) -> Tensor:
        h = x
        for _ in range(10):
            h = activate(F.linear(h, weight))
        return h

    static, _ = kept_bytes(lambda: run(lambda t: base_act(t, base)))
    torchs, _ = kept_bytes(lambda: run(STATIC[base]))
    dynamic, _ = kept_bytes(lambda: run(lambda t: dyn_act(t, alpha, beta, base)))
    extra = (dynamic - torchs) / (10 * x.numel() * x.element_size())
    return {
        "base": base,
        "static_bytes": static,
        "torch_bytes": torchs,
        "dynamic_bytes": dynamic,
        "extra_tensors_a_layer": round(extra, 4),
    }


def rows(section: str, threads: list[int], sizes: list[float], bases: list[str]) -> Iterator[dict[str, Json]]:
    """The measurements of a section."""
    if section == "gpu":
        yield from activation_gpu.rows()
        return
    if section == "crossovers":
        yield from activation_crossovers.rows()
    elif section == "memory":
        yield from (memory(base) for base in bases)
    elif section == "peak":
        yield from activation_steps.peak()
    elif section == "steps":
        yield from activation_steps.steps(threads)
    else:
        for number in threads:
            for size in sizes or USUAL[section]:
                yield from (
                    timed(base, round(size), number, compiled=section == "inductor") for base in bases
                )


def main(arguments: list[str]) -> None:
    """Prints the records, and adds them to a file if one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "sections",
        nargs="+",
        choices=("sizes", "small", "steps", "memory", "peak", "inductor", "gpu", "crossovers"),
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--elements", type=float, nargs="+", default=[])
    parser.add_argument("--bases", nargs="+", choices=BASES, default=list(BASES))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args(arguments)
    head: dict[str, Json] = {**environment("cpu", max(chosen.threads)), "compiled": COMPILED}
    records = [head]
    print(json.dumps(head), flush=True)
    for section in chosen.sections:
        for row in rows(section, chosen.threads, chosen.elements, chosen.bases):
            records.append({"section": section, **row})
            print(json.dumps(records[-1]), flush=True)
    if chosen.out is not None:
        with chosen.out.open("a") as file:
            file.writelines(json.dumps(record) + "\n" for record in records)


if __name__ == "__main__":
    main(sys.argv[1:])
