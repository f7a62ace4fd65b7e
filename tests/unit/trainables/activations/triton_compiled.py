"""The Triton kernels compiled to PTX and machine code without a GPU; started by test_fused_triton.py.

Catches what the interpreter cannot: types, and contraction or flushing that would change bits.
"""

import re
from collections.abc import Mapping
from typing import Any

import pytest
import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from trainables.activations.fused import triton as fused_triton
from trainables.activations.fused import triton_formulas as fused_triton_formulas
from trainables.activations.fused import triton_kernels as fused_triton_kernels
from trainables.activations.fused.plain import NAMES

HOPPER = GPUTarget("cuda", 90, 32)
COUNTS = set("size blocks channels inner outer num_runs steps groups channel_tiles units".split())
WIDE_SUMS = {"sums": "*fp32", "rest_sums": "*fp32", "totals": "*fp32", "alpha": "*fp32", "beta": "*fp32"}


def _compile(
    kernel: Any, element: str = "fp32", *, ones: bool = False, **constants: Any
) -> Mapping[str, Any]:
    """The stages of a kernel; `ones`: counts are 1, which Triton makes constants of, else multiples of 16."""
    signature, fixed, attributes = {}, dict(constants), {}
    for place, name in enumerate(kernel.arg_names):
        if name in COUNTS and ones:
            fixed[name] = 1
        elif name not in constants:
            signature[name] = "i32" if name in COUNTS else WIDE_SUMS.get(name, f"*{element}")
            attributes[(place,)] = [["tt.divisibility", 16]]
            continue
        signature[name] = "constexpr"
    source = ASTSource(kernel, signature, fixed, attributes)
    return triton.compile(source, target=HOPPER, options=fused_triton.OPTIONS).asm


def _formula(name: str) -> Any:
    return getattr(fused_triton_formulas, name)


def _assert_keeps_bits(stages: Mapping[str, Any]) -> None:
    assert stages["cubin"]
    assert "ftz" not in stages["ptx"]  # denormals count
    assert not re.search(r"\bfma\.", stages["ptx"])  # a product and a sum round one after the other
    assert not re.search(
        r"\b(add|sub|mul)\.f(32|64)", stages["ptx"]
    )  # without .rn the assembler may contract
    assert not re.search(r"\b(div|rcp|ex2|tanh)\.(approx|full)", stages["ptx"])


@pytest.mark.parametrize("base", NAMES)
def test_every_base_compiles_and_keeps_its_bits(base: str) -> None:
    settings = {"scaled": True, "wide": False}
    forward = _formula(f"{base}_forward")
    kernel = fused_triton_kernels.forward
    _assert_keeps_bits(_compile(kernel, formula=forward, per_channel=True, tile=1024, **settings))
    backward, kernel = _formula(f"{base}_parts"), fused_triton_kernels.backward_runs
    _assert_keeps_bits(_compile(kernel, formula=backward, summed=True, tile=32, **settings))


@pytest.mark.parametrize("element, ones", [("fp32", False), ("fp32", True), ("bf16", False), ("fp16", False)])
def test_every_kernel_compiles_for_every_type(element: str, ones: bool) -> None:
    kernels, usual = fused_triton_kernels, {"ones": ones, "tile": 128}
    forward, backward = _formula("leaky_relu_forward"), _formula("leaky_relu_parts")
    for both in (False, True):
        options = {**usual, "scaled": both, "wide": both}
        stages = _compile(kernels.forward, element, formula=forward, per_channel=False, **options)
        _assert_keeps_bits(stages)
        runs = {**options, "summed": both, "tile": 8}
        _assert_keeps_bits(_compile(kernels.backward_runs, element, formula=backward, **runs))
        rows = {**usual, "summed": both, "wide": both}
        _assert_keeps_bits(_compile(kernels.backward_rows, element, formula=backward, **rows))


def test_neighbours_are_loaded_together() -> None:
    options = {"scaled": True, "per_channel": False, "wide": False, "tile": 1024}
    stages = _compile(fused_triton_kernels.forward, formula=_formula("relu_forward"), **options)
    assert re.search(r"ld\.global\.\S*v4", stages["ptx"])
    options = {"scaled": True, "summed": True, "wide": False, "tile": 32}
    stages = _compile(fused_triton_kernels.backward_runs, formula=_formula("relu_parts"), **options)
    assert re.search(r"ld\.global\.\S*v4", stages["ptx"])


@pytest.mark.parametrize("ones", [False, True])
def test_second_stage_compiles(ones: bool) -> None:
    for wide in (False, True):
        stages = _compile(fused_triton_kernels.add_up, ones=ones, wide=wide)
        _assert_keeps_bits(stages)
        assert "add.rn.f64" in stages["ptx"] and "atom" not in stages["ptx"]
