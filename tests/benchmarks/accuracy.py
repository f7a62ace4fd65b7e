"""Every float32 there is through a base function, against float64: how far off in units in the last place.

`python -m tests.benchmarks.accuracy BASE... | all` on all cores; a base takes about a minute on two of them.
The results go to docs/accuracy.json, whose other bases stay as they are.
"""

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablations.errors import Json
from tests.unit.trainables.activations.test_fused_accuracy import REFERENCE, every_kind_of_float
from trainables.activations.fused.activation import CODES, COMPILED, base_act
from trainables.activations.fused.formulas import ELU_ALPHA, ELU_SCALE, LEAKY_SLOPE
from trainables.training.numerics import environment

RECORD = Path("docs/accuracy.json")
CHUNK = 2**18
ALLOWED = 2.0


def _product(x: Tensor, gate: Tensor) -> Tensor:
    return torch.where(gate == 0, -0.0, x * gate)


def _elu(x: Tensor) -> Tensor:
    return torch.where(x > 0, x, torch.expm1(x.clamp(max=0)))


def _mish(x: Tensor) -> Tensor:
    e = torch.exp(-x.abs())
    above = torch.where(x > 0, 1 + 2 * e, e * (e + 2))
    return _product(x, above / (above + torch.where(x > 0, 2 * e * e, 2.0)))


# As scipy's in the unit tests, which they are checked against before each sweep; several times faster.
EXACT: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "relu": lambda x: x.clamp(min=0),
    "leaky_relu": lambda x: torch.where(x > 0, x, LEAKY_SLOPE * x),
    "relu6": lambda x: x.clamp(0, 6),
    "squared_relu": lambda x: x.clamp(min=0).square(),
    "hardswish": lambda x: _product(x, (x + 3).clamp(0, 6) / 6),
    "elu": _elu,
    "celu": _elu,
    "selu": lambda x: ELU_SCALE * torch.where(x > 0, x, ELU_ALPHA * torch.expm1(x.clamp(max=0))),
    "gelu": lambda x: _product(x, 0.5 * torch.erfc(x * -math.sqrt(0.5))),
    "gelu_tanh": lambda x: _product(
        x, 1 / (1 + torch.exp(-2 * math.sqrt(2 / math.pi) * x * (1 + 0.044715 * x * x)))
    ),
    "silu": lambda x: _product(x, 1 / (1 + torch.exp(-x))),
    "mish": _mish,
    "softplus": lambda x: x.clamp(min=0) + torch.log1p(torch.exp(-x.abs())),
    "sigmoid": lambda x: 1 / (1 + torch.exp(-x)),
    "tanh": torch.tanh,
    "hardsigmoid": lambda x: (x + 3).clamp(0, 6) / 6,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Worst:
    """The largest error of some inputs, where it is, and how many results are not the nearest float.

    Where all are, half a unit stands for whatever the rounding took.
    """

    units: float
    x: float
    rounded_otherwise: int


def check_reference(base: str) -> None:
    """Whether the reference agrees with scipy's to far below a float32's last place."""
    x = every_kind_of_float(torch.float32).double()
    with np.errstate(all="ignore"):
        true = torch.from_numpy(np.asarray(REFERENCE[base](x.numpy())))
    torch.testing.assert_close(EXACT[base](x), true, rtol=1e-11, atol=1e-56, equal_nan=True)


def worst_of(base: str, start: int) -> Worst:
    """All floats whose bits, as a signed number, are from `start` on, `CHUNK` of them."""
    x = torch.arange(start, start + CHUNK, dtype=torch.int32).view(torch.float32)
    got, true = base_act(x, base), EXACT[base](x.double())
    apart = torch.nonzero(got != true.float()).squeeze(1)
    apart = apart[~(torch.isnan(x[apart]) & torch.isnan(got[apart]))]
    if not len(apart):
        return Worst(units=0.5, x=float(x[0]), rounded_otherwise=0)
    x, got, true = x[apart], got[apart], true[apart]
    exponent = ((true.view(torch.int64) >> 52) & 0x7FF).clamp_(min=1023 - 126)
    off = (got.double() - true).abs() / ((exponent - 23) << 52).view(torch.float64)
    wrong = torch.isnan(off) | torch.isinf(true.float()) | torch.isinf(got)
    off = torch.where(wrong, torch.inf, off)
    at = int(off.argmax())
    return Worst(units=float(off[at]), x=float(x[at]), rounded_otherwise=len(apart))


def sweep(base: str) -> dict[str, Json]:
    """The worst of all 2**32 floats."""
    check_reference(base)
    started = time.perf_counter()
    worst, otherwise = Worst(units=-1.0, x=0.0, rounded_otherwise=0), 0
    with ThreadPoolExecutor(os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for found in pool.map(lambda start: worst_of(base, start), range(-(2**31), 2**31, CHUNK)):
            otherwise += found.rounded_otherwise
            worst = max(worst, found, key=lambda w: w.units)
    return {
        "max_units": round(worst.units, 4),
        "at": worst.x,
        "inputs": 2**32,
        "not_the_nearest_float": otherwise,
        "seconds": round(time.perf_counter() - started, 1),
    }


def main() -> None:
    """Sweep, record, and fail where a result is further off than allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bases", nargs="+", choices=[*CODES, "all"])
    chosen = parser.parse_args().bases
    far = []
    for base in CODES if "all" in chosen else chosen:
        found = sweep(base)
        print(base, json.dumps(found), flush=True)
        record: dict[str, Any] = json.loads(RECORD.read_text()) if RECORD.exists() else {"bases": {}}
        record["what"] = "float32 base functions against float64, units in the last place, every float32"
        record["machine"] = {**environment("cpu", os.cpu_count() or 1), "compiled": COMPILED}
        record["bases"][base] = found
        RECORD.write_text(json.dumps(record, indent=1) + "\n")
        if not float(str(found["max_units"])) <= ALLOWED:
            far.append(base)
    if far:
        raise SystemExit(f"further off than {ALLOWED} units in the last place: {', '.join(far)}")


if __name__ == "__main__":
    main()
