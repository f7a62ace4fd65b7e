"""Parts of a process on which its numbers depend: the processor's rounding, numpy, torch."""

import ctypes
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import _get_current_dispatch_mode_stack, _pop_mode

from trainables.surroundings.part import Part

OPTIMIZER = sys.modules[torch.optim.Optimizer.__module__]
_GLOBAL_HOOKS = [
    value
    for module in (torch.nn.modules.module, OPTIMIZER)
    for name, value in vars(module).items()
    if name.startswith("_global_") and isinstance(value, dict)
]
_cpu: Any = torch._C
_cudnn: Any = torch.backends.cudnn
_generators: Any = np.random
_libc = ctypes.CDLL(None)


def _rounding(one: float = 1.0, three: float = 3.0, least: float = 1e-310) -> tuple[str, ...]:
    """How this processor rounds now, and whether it still knows the smallest numbers, to it equal to 0."""
    return (one / three).hex(), (-one / three).hex(), (least / three).hex()


def _put_rounding(_before: object) -> None:
    torch.set_flush_denormal(False)
    _libc.fesetround(0)


def _functions() -> list[Any]:
    """Modes under which torch calls other functions, those of a default device among them."""
    return [_cpu._get_function_stack_at(place) for place in range(_cpu._len_torch_function_stack())]


def _leave_functions(before: Sequence[Any]) -> None:
    torch.set_default_device(None)
    while (modes := _functions()) and modes[-1] not in before:
        _cpu._pop_torch_function_stack()


def _leave_dispatch(before: Sequence[Any]) -> None:
    while (modes := _get_current_dispatch_mode_stack()) and modes[-1] not in before:
        _pop_mode()


def _numerics() -> tuple[Any, ...]:
    """All by which torch computes the same numbers differently."""
    return (
        torch.get_num_threads(),
        torch.get_deterministic_debug_mode(),
        torch.utils.deterministic.fill_uninitialized_memory,  # type: ignore[attr-defined]
        torch.get_float32_matmul_precision(),
        (_cudnn.enabled, _cudnn.benchmark, _cudnn.deterministic, _cudnn.allow_tf32),
        _cpu._get_mkldnn_enabled(),
    )


def _put_numerics(before: tuple[Any, ...]) -> None:
    threads, debug, fill, precision, cudnn, mkldnn = before
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(debug)
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision(precision)
    _cudnn.set_flags(cudnn[0], cudnn[1], None, cudnn[2], cudnn[3])
    _cpu._set_mkldnn_enabled(mkldnn)


def _autograd() -> tuple[Any, ...]:
    return (
        torch.is_grad_enabled(),
        torch.is_inference_mode_enabled(),
        torch.is_anomaly_enabled(),
        torch.is_anomaly_check_nan_enabled(),
        torch.is_autocast_enabled("cpu"),
        torch.get_autocast_dtype("cpu"),
        torch.is_autocast_cache_enabled(),
    )


def _put_autograd(before: tuple[Any, ...]) -> None:
    grad, _inference, anomaly, check, autocast, dtype, cache = before
    torch.set_grad_enabled(grad)
    torch.autograd.set_detect_anomaly(anomaly, check)
    torch.set_autocast_enabled("cpu", autocast)
    torch.set_autocast_dtype("cpu", dtype)
    torch.set_autocast_cache_enabled(cache)


def _hooks() -> list[dict[Any, Any]]:
    return [dict(hooks) for hooks in _GLOBAL_HOOKS]


def _put_hooks(before: Sequence[dict[Any, Any]]) -> None:
    for hooks, old in zip(_GLOBAL_HOOKS, before, strict=True):
        hooks.clear()
        hooks.update(old)


def _put_errors(kinds: Mapping[str, Any], call: Any) -> None:
    np.seterr(**kinds)
    np.seterrcall(call)


PARTS: tuple[Part, ...] = (
    ("rounding", _rounding, _put_rounding),
    ("numpy's generator", _generators.get_bit_generator, _generators.set_bit_generator),
    ("numpy errors", lambda: (np.geterr(), np.geterrcall()), lambda before: _put_errors(*before)),
    ("torch function modes", _functions, _leave_functions),
    ("torch dispatch modes", _get_current_dispatch_mode_stack, _leave_dispatch),
    ("default dtype", torch.get_default_dtype, torch.set_default_dtype),
    ("numerics", _numerics, _put_numerics),
    ("autograd", _autograd, _put_autograd),
    ("global hooks", _hooks, _put_hooks),
)
