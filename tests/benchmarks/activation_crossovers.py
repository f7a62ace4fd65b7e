"""From which size on the fused activation's kernels beat its plain form; writes crossovers.json.

Run by `python -m tests.benchmarks.activation crossovers`, once, on a machine at rest. What is not at hand, a
GPU, keeps the entry that it has.
"""

import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

from ablations.errors import Json
from trainables.activations.fused import ops as fused_ops
from trainables.activations.fused.activation import CODES, COMPILED
from trainables.activations.fused.crossovers import DTYPES, TABLE, dtype_name, kernels_from
from trainables.training.numerics import environment

SIZES = (1, 16, 100, 1_000, 10_000, 30_000, 100_000)
BASES = ("relu", "leaky_relu", "silu", "gelu", "elu", "softplus", "mish")
REPEATS = 9
ENOUGH_S = 1e-3
Step = Callable[[], object]


def crossover(ratios: Mapping[int, float]) -> int | None:
    """The size from which on no larger one has the kernel slower; 0 where it never is, None where it ends so.

    >>> crossover({1: 1.3, 100: 0.9, 1000: 0.2})
    100
    """
    start = None
    for size in sorted(ratios, reverse=True):
        if ratios[size] > 1:
            break
        start = size
    return 0 if start == min(ratios) else start


def rows() -> Iterator[dict[str, Json]]:
    """The slowest base's ratio of kernel to plain form by device, type and size; writes the table."""
    torch.set_num_threads(1)
    devices = ["cpu"] * COMPILED + ["cuda"] * torch.cuda.is_available()
    for device in devices:
        measured = []
        for dtype in DTYPES:
            for size in SIZES:
                measured.append(_slowest(device, dtype, size))
                yield measured[-1]
        _write(device, measured)


def _slowest(device: str, dtype: torch.dtype, size: int) -> dict[str, Json]:
    found: list[dict[str, Json]] = []
    for base in BASES:
        for direction, (kernel, plain) in _steps(device, dtype, size, base).items():
            medians = _medians(device, kernel, plain)
            found.append({"base": base, "direction": direction, **medians})
    worst = max(found, key=lambda row: float(str(row["kernel_to_plain"])))
    return {"device": device, "dtype": dtype_name(dtype), "elements": size, **worst}


def _steps(device: str, dtype: torch.dtype, size: int, base: str) -> dict[str, tuple[Step, Step]]:
    rng = torch.Generator().manual_seed(0)
    x, grad = (torch.randn(size, generator=rng).to(device, dtype) for _ in range(2))
    alpha, beta = torch.tensor(1.1, device=device), torch.tensor(0.2, device=device)
    groups: Any = [CODES[base]], [], 0
    ops: Any = torch.ops.ablate
    kernels: Any = ops
    if device == "cuda":
        from trainables.activations.fused import triton as kernels
    return {
        "forward": (
            lambda: kernels.dyn_act(x, alpha, beta, *groups),
            lambda: ops.dyn_act_plain(x, alpha, beta, *groups),
        ),
        "backward": (
            lambda: kernels.dyn_act_backward(grad, x, alpha, beta, *groups, True),
            lambda: ops.dyn_act_backward_plain(grad, x, alpha, beta, *groups, True),
        ),
    }


def _medians(device: str, kernel: Step, plain: Step) -> dict[str, Json]:
    """Units: microseconds, in turn."""
    if device == "cpu":
        fused_ops.serve_from([0] * len(DTYPES))
    try:
        seconds: dict[str, list[float]] = {"kernel": [], "plain": []}
        steps = {"kernel": kernel, "plain": plain}
        calls = {name: _enough_calls(device, step) for name, step in steps.items()}
        for _ in range(REPEATS):
            for name, step in steps.items():
                seconds[name].append(_timed(device, step, calls[name]))
    finally:
        if device == "cpu":
            fused_ops.serve_from([kernels_from("cpu", dtype) for dtype in DTYPES])
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "kernel_us": round(1e6 * median["kernel"], 2),
        "plain_us": round(1e6 * median["plain"], 2),
        "kernel_to_plain": round(median["kernel"] / median["plain"], 4),
        "n": REPEATS,
    }


def _enough_calls(device: str, step: Step) -> int:
    return max(1, int(ENOUGH_S / min(_timed(device, step, 1) for _ in range(3))))


def _timed(device: str, step: Step, calls: int) -> float:
    started = time.perf_counter()
    for _ in range(calls):
        step()
    if device == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / calls


def _write(device: str, measured: list[dict[str, Json]]) -> None:
    table: dict[str, Any] = json.loads(TABLE.read_text())
    table["what"] = "elements of a member from which on the kernels serve; below, the plain form. null: never"
    table["command"] = "python -m tests.benchmarks.activation crossovers"
    by_type = {
        dtype_name(dtype): {
            int(str(row["elements"])): float(str(row["kernel_to_plain"]))
            for row in measured
            if row["dtype"] == dtype_name(dtype)
        }
        for dtype in DTYPES
    }
    table["devices"][device] = {
        "from_elements": {name: crossover(ratios) for name, ratios in by_type.items()},
        "measured_on": environment(device, 1),
        "slowest_base": measured,
    }
    TABLE.write_text(json.dumps(table, indent=1) + "\n")
