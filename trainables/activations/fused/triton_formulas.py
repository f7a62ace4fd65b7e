"""Each base function as a jitted Triton function, `relu_forward` and `relu_parts` for instance.

Written by source.py and compiled when this module is imported, so that it cannot be out of date.
"""

import linecache

from trainables.activations.fused.source import triton_source

_TEXT = triton_source()
_FILE = "<formulas in Triton>"

# Triton reads a function's source through `inspect`, which finds lines of no file in this cache.
linecache.cache[_FILE] = (len(_TEXT), None, _TEXT.splitlines(keepends=True), _FILE)
exec(compile(_TEXT, _FILE, "exec"), globals())
