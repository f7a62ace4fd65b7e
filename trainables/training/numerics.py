"""Where and how numbers are computed: what goes into a trial's identity and its provenance."""

import os
import platform

import torch

from ablations.errors import Json
from trainables.activations.fused.ops import COMPILED

# float32 without TF32, deterministic kernels where torch has them.
MODE = "fp32-deterministic"


def environment(device: str = "cpu", threads: int = 1) -> dict[str, Json]:
    """The facts a result depends on beside settings, seed, code and data."""
    return {
        "torch": torch.__version__,
        "python": platform.python_version(),
        "numerics": mode(),
        "threads": threads,
        "hardware": hardware_class(device),
        "device": device_name(device),
    }


def mode() -> str:
    """How numbers are computed here: without the compiled steps, sums are those of torch's libraries."""
    return MODE if COMPILED else f"{MODE}, uncompiled"


def hardware_class(device: str) -> str:
    """What decides how sums are rounded: the instruction set of a CPU, or the model of a GPU."""
    if device.startswith("cuda"):
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"cpu {platform.machine()} {torch.backends.cpu.get_cpu_capability()}"


def device_name(device: str) -> str:
    """The name of the device as people know it."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"cpu {platform.machine()}"


def set_numerics(device: str, threads: int) -> None:
    """Make this process compute as `MODE` says, with this many threads."""
    torch.set_num_threads(threads)
    # As `use_deterministic_algorithms`, which would import torch's compiler, for more than two seconds.
    os.environ["TORCHINDUCTOR_DETERMINISTIC"] = "1"
    torch.set_deterministic_debug_mode("warn")
    # Filling new memory costs a pass over every buffer; nothing here reads memory it has not written.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision("highest")
    if device.startswith("cuda"):
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
