"""The GPU back end where there is no GPU: Triton's interpreter, and its compiler down to machine code.

Each runs in a process of its own: whether Triton interprets is settled when the kernels are imported.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainables.activations.fused import activation as fused
from trainables.activations.fused import gpu as fused_gpu
from trainables.activations.fused import plain as fused_plain

HERE = Path(__file__).parent
needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("triton") is None, reason="needs Triton, which torch brings on Linux"
)


@needs_triton
@pytest.mark.parametrize("name", ["triton_interpreted.py", "triton_compiled.py"])
def test_in_a_process_of_its_own(name: str, tmp_path: Path) -> None:
    interpret = {"TRITON_INTERPRET": "1"} if name == "triton_interpreted.py" else {}
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("TRITON_", "ABLATE_"))
    }
    environment |= interpret | {"TRITON_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(HERE / name)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=540, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_cuda_tensors_are_sent_to_the_choice_of_back_end() -> None:
    assert fused.dyn_act  # imported: the operators are declared
    for name in fused_gpu.PLAIN:
        assert torch._C._dispatch_has_kernel_for_dispatch_key(f"ablate::{name}", "CUDA")


def test_float64_is_left_to_torch() -> None:
    x = torch.zeros(10, dtype=torch.float64)
    assert fused_gpu.choose("dyn_act", x, []) is fused_plain.dyn_act


@needs_triton
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("base", list(fused.CODES))
def test_kernels_and_plain_form_give_equal_bits_on_a_gpu(base: str) -> None:
    rng = torch.Generator("cuda").manual_seed(0)
    x, g = (torch.randn(7, 5, 4097, generator=rng, device="cuda") for _ in range(2))
    alpha, beta = (torch.rand(5, generator=rng, device="cuda") for _ in range(2))
    groups = ([fused.CODES[base]], [], 1)
    assert torch.equal(
        torch.ops.ablate.dyn_act(x, alpha, beta, *groups), fused_plain.dyn_act(x, alpha, beta, *groups)
    )
    got = torch.ops.ablate.dyn_act_backward(g, x, alpha, beta, *groups, True)
    plain = fused_plain.dyn_act_backward(g, x, alpha, beta, *groups, True)
    assert all(torch.equal(one, other) for one, other in zip(got, plain, strict=True))
