"""What the fused dynActivation costs on a GPU beside nn.ReLU; written without one, so never run yet.

Started by `python -m tests.benchmarks.activation gpu`. Forward and backward, float32, captured in a CUDA
graph and replayed, alternating, medians of 20 with quartiles. The share of peak bandwidth counts five passes.
"""

import statistics
from collections.abc import Callable, Iterator

import torch

from ablations.errors import Json
from trainables.activations.fused.activation import dyn_act

REPEATS, PASSES = 20, 5
SIZES = (2**14, 2**17, 2**20, 2**22, 2**24, 2**26)
BASES = ("relu", "leaky_relu", "silu", "gelu", "elu", "softplus", "mish")


def captured(step: Callable[[], object]) -> torch.cuda.CUDAGraph:
    """A graph of one step, after three that compile and allocate."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph


def milliseconds(graph: torch.cuda.CUDAGraph, calls: int) -> float:
    """Of one replay, on the device's own clock."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    for _ in range(calls):
        graph.replay()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end) / calls


def peak_bytes_per_s() -> float:
    """From the memory's clock and bus as the driver reports them; two transfers a clock."""
    card = torch.cuda.get_device_properties(0)
    return 2 * card.memory_clock_rate * 1e3 * card.memory_bus_width / 8


def timed(base: str, num_elements: int) -> dict[str, Json]:
    """One row of the table. Units: microseconds, and ratios of medians."""
    rng = torch.Generator("cuda").manual_seed(0)
    x = torch.randn(num_elements, generator=rng, device="cuda").requires_grad_()
    grad = torch.randn(num_elements, generator=rng, device="cuda")
    alpha, beta = (torch.tensor(s, device="cuda", requires_grad=True) for s in (1.1, 0.2))
    relu = torch.nn.ReLU()
    graphs = {
        "relu": captured(lambda: torch.autograd.grad(relu(x), [x], grad)),
        "dynamic": captured(
            lambda: torch.autograd.grad(dyn_act(x, alpha, beta, base), [x, alpha, beta], grad)
        ),
    }
    calls = max(1, 2**24 // num_elements)
    samples: dict[str, list[float]] = {name: [] for name in graphs}
    for _ in range(REPEATS + 1):
        for name, graph in graphs.items():
            samples[name].append(milliseconds(graph, calls) * 1e3)
    row: dict[str, Json] = {"base": base, "elements": num_elements, "n": REPEATS}
    medians = {}
    for name, values in samples.items():
        low, medians[name], high = statistics.quantiles(values[1:], n=4)
        row[f"{name}_us"] = round(medians[name], 2)
        row[f"{name}_quartiles_us"] = [round(low, 2), round(high, 2)]
    row["dynamic_to_relu"] = round(medians["dynamic"] / medians["relu"], 3)
    bytes_moved = PASSES * num_elements * x.element_size()
    row["share_of_peak_bandwidth"] = round(bytes_moved / (medians["dynamic"] * 1e-6) / peak_bytes_per_s(), 3)
    return row


def rows() -> Iterator[dict[str, Json]]:
    """All measurements, or one record that says why there are none."""
    if not torch.cuda.is_available():
        yield {"skipped": "no GPU here"}
        return
    yield {"card": torch.cuda.get_device_name(0), "peak_gb_per_s": round(peak_bytes_per_s() / 1e9)}
    for size in SIZES:
        yield from (timed(base, size) for base in BASES)
