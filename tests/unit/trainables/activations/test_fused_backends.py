"""Which back end of the fused activation serves: by a committed table, and with equal results."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from tests.benchmarks.activation_crossovers import crossover
from trainables.activations.fused import ops as fused_ops
from trainables.activations.fused.activation import COMPILED, dyn_act, dyn_act_members
from trainables.activations.fused.crossovers import DTYPES, kernels_from

HERE = Path(__file__).parent
needs_kernels = pytest.mark.skipif(not COMPILED, reason="needs the compiled kernels")


@pytest.fixture
def from_a_hundred() -> Iterator[None]:
    fused_ops.serve_from([100, None, 0])
    yield
    fused_ops.serve_from([kernels_from("cpu", dtype) for dtype in DTYPES])


def _plainly(x: Tensor, *, members: int = 0) -> tuple[bool, list[Tensor]]:
    """Whether the plain form served, forward and backward alike; and the results."""
    leaves = [x.clone().requires_grad_()]
    leaves += [torch.full((members,) if members else (), v).requires_grad_() for v in (1.1, 0.2)]
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        y = dyn_act_members(*leaves, ["mish"], [members]) if members else dyn_act(*leaves, "mish")
        grads = torch.autograd.grad(y.square().sum(), leaves)
    names = {event.key for event in seen.key_averages()}
    served = {f"ablate::{name}_plain" in names for name in ("dyn_act", "dyn_act_backward")}
    assert len(served) == 1
    return served.pop(), [y.detach(), *grads]


@needs_kernels
@pytest.mark.usefixtures("from_a_hundred")
def test_a_member_is_served_by_its_own_size_and_type() -> None:
    x = torch.randn(3, 60)
    assert _plainly(x[0])[0]
    assert not _plainly(x)[0]
    assert _plainly(x, members=3)[0]
    assert _plainly(x.bfloat16())[0]
    assert not _plainly(x[0].half())[0]


@needs_kernels
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_choice_changes_no_bit(dtype: torch.dtype) -> None:
    x = torch.randn(99).to(dtype)
    fused_ops.serve_from([0, 0, 0])
    by_kernel, kernels = _plainly(x)
    fused_ops.serve_from([None, None, None])
    try:
        by_plain, plain = _plainly(x)
    finally:
        fused_ops.serve_from([kernels_from("cpu", dtype) for dtype in DTYPES])
    assert (by_kernel, by_plain) == (False, True)
    assert all(torch.equal(one, other) for one, other in zip(kernels, plain, strict=True))


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_table_knows_every_device_and_type(device: str, dtype: torch.dtype) -> None:
    number = kernels_from(device, dtype)
    assert number is None or number >= 0
    assert kernels_from(device, torch.float64) is None


def test_the_crossover_is_where_kernels_start_to_win_for_good() -> None:
    assert crossover({1: 0.9, 10: 0.8}) == 0
    assert crossover({1: 0.9, 10: 1.2, 100: 0.7, 1000: 0.5}) == 100
    assert crossover({1: 0.9, 10: 1.2}) is None


def test_gradients_and_transforms_without_compiled_kernels() -> None:
    environment = os.environ | {"ABLATE_FUSED": "plain", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / "test_fused.py")]
    command += ["-k", "transforms or own_checks or frozen_scalars or refused"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert " passed" in done.stdout
