"""How a worker computes is set without loading torch's compiler, and holds for the compiler all the same."""

import subprocess
import sys

CHECK = """
import sys
import torch
from trainables.training.numerics import set_numerics

set_numerics("cpu", 1)
assert torch.are_deterministic_algorithms_enabled()
assert torch.is_deterministic_algorithms_warn_only_enabled()
assert "torch._inductor" not in sys.modules
import torch._inductor.config as compiler
assert compiler.deterministic
"""


def test_deterministic_kernels_are_set_without_the_compiler() -> None:
    subprocess.run([sys.executable, "-c", CHECK], check=True, timeout=120)
