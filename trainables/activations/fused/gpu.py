"""Which back end serves CUDA tensors: the Triton kernels, or the plain form.

Both give equal bits on one device, so the choice is about speed alone; it looks at a member's own size, never
at its pack, and at crossovers.json. NOT MEASURED there: no GPU was at hand, and one or two launches should
beat the plain form's dozens at every size. Triton is imported at the first call with a CUDA tensor, so that
nobody else waits for it.
"""

import logging
import os
from collections.abc import Callable, Sequence
from functools import cache
from types import ModuleType
from typing import Any

from torch import Tensor

from trainables.activations.fused import plain as fused_plain
from trainables.activations.fused.crossovers import kernels_from

PLAIN: dict[str, Callable[..., Any]] = {
    "dyn_act": fused_plain.dyn_act,
    "dyn_act_backward": fused_plain.dyn_act_backward,
    "base_act": fused_plain.base_act,
    "base_act_backward": fused_plain.base_act_backward,
}
_log = logging.getLogger(__name__)


@cache
def _triton() -> ModuleType | None:
    """The module with the kernels; `ABLATE_FUSED=plain` asks for the plain form."""
    if os.environ.get("ABLATE_FUSED") == "plain":
        return None
    try:
        from trainables.activations.fused import triton as fused_triton
    except ImportError as error:
        _log.warning("the fused activation runs in its plain form on the GPU, slower: %s", error)
        return None
    return fused_triton


def choose(name: str, x: Tensor, counts: Sequence[int]) -> Callable[..., Any]:
    """What computes this operator for this tensor."""
    members = sum(counts) if counts else 1
    start = kernels_from("cuda", x.dtype)
    kernels = _triton() if start is not None and x.numel() >= start * members else None
    if kernels is None or not kernels.supports(x):
        return PLAIN[name]
    chosen: Callable[..., Any] = getattr(kernels, name)
    return chosen


def _operator(name: str) -> Callable[..., Any]:
    place = 1 if name.endswith("_backward") else 0

    def run(*args: Any) -> Any:
        _bases, counts = (arg for arg in args if isinstance(arg, (list, tuple)))
        return choose(name, args[place], counts)(*args)

    return run


def register(library: Any, key: str = "CUDA") -> None:
    """Makes the choice for every tensor of this dispatch key that reaches the operators."""
    for name in PLAIN:
        library.impl(name, _operator(name), key)
