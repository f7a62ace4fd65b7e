"""From how many elements of a member on the fused activation's kernels serve: a table measured once.

`python -m tests.benchmarks.activation crossovers` writes crossovers.json. Nothing is timed at run time. Both
back ends of a device give equal bits, so the table is about speed alone and belongs to no fingerprint.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

import torch

TABLE = Path(__file__).with_name("crossovers.json")
DTYPES = (torch.float32, torch.bfloat16, torch.float16)  # as in kernels/dynact.h


def dtype_name(dtype: torch.dtype) -> str:
    """As the table has it.

    >>> dtype_name(torch.float32)
    'float32'
    """
    return str(dtype).removeprefix("torch.")


@cache
def kernels_from(device: str, dtype: torch.dtype) -> int | None:
    """Elements of a member from which on the kernels serve; None where the plain form always does."""
    devices: dict[str, Any] = _devices()
    number = devices.get(device, {}).get("from_elements", {}).get(dtype_name(dtype))
    return None if number is None else int(number)


@cache
def _devices() -> dict[str, Any]:
    devices: dict[str, Any] = json.loads(TABLE.read_text())["devices"]
    return devices
