"""Compiles the CPU kernels of the fused activation, once per machine kind and torch version.

`python -m trainables.activations.fused.build` does it ahead of time (half a minute, its source files in
parallel); otherwise the first import of the fused activation does. The library lies in `$ABLATE_KERNEL_DIR`,
or under the user's cache directory; processes that need it at the same time wait for one to build it.
"""

import fcntl
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import torch

from trainables.activations.fused.source import cpp_source
from trainables.errors import CannotBuild

SOURCES = Path(__file__).parent / "kernels"
BUILD_TIMEOUT_S = 600
_VECTORS = {
    "AVX512": "-mavx512f -mavx512dq -mavx512bw -mavx512vl -mf16c -mprefer-vector-width=512",
    "AVX2": "-mavx2 -mfma -mf16c",
}

OPERATOR_FLAGS = ("-std=c++20", "-O2", "-fPIC")


def build() -> Path:
    """The compiled library, building it if need be. Raises: CannotBuild."""
    compiler = shlex.split(os.environ.get("CXX", "")) or [shutil.which("c++") or shutil.which("g++") or ""]
    if not compiler[0]:
        raise CannotBuild("no C++ compiler found (c++, g++, or the one that CXX names)")
    library = _directory() / f"dynact-{_key()}.so"
    if library.exists():
        return library
    try:
        library.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _lock(library.with_suffix(".lock")):
            if not library.exists():
                _compile(compiler, library)
    except OSError as error:
        raise CannotBuild(str(error)) from error
    return library


def vector_flags(capability: str | None = None) -> list[str]:
    """Compiler flags for the vectors this machine has; results do not depend on them."""
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return []
    return _VECTORS.get(capability or torch.backends.cpu.get_cpu_capability(), "").split()


def kernel_flags() -> list[str]:
    """What the loops are compiled with. No a*b+c in one rounding: the formulas count on two."""
    return ["-std=c++20", "-O3", "-fPIC", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math"]


def product_flags() -> list[str]:
    """What matrix products are compiled with: here a*b+c is meant to be rounded once."""
    fused = ["-mfma"] if vector_flags() else []
    return [*kernel_flags(), *vector_flags(), *fused, "-ffp-contract=fast"]


def _directory() -> Path:
    if chosen := os.environ.get("ABLATE_KERNEL_DIR"):
        return Path(chosen)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ablate" / "kernels"


def _key() -> str:
    digest = hashlib.sha256(cpp_source().encode())
    for path in sorted(SOURCES.iterdir()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    flags = [*kernel_flags(), *vector_flags(), *product_flags(), *OPERATOR_FLAGS]
    for fact in (torch.__version__, torch.version.git_version, platform.machine(), *flags):
        digest.update(str(fact).encode() + b"\0")
    return digest.hexdigest()[:16]


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _compile(compiler: list[str], library: Path) -> None:
    with tempfile.TemporaryDirectory(dir=library.parent) as scratch:
        kernels = [*kernel_flags(), *vector_flags()]
        operators = [*OPERATOR_FLAGS, *_openmp(), *_torch_flags()]
        (Path(scratch) / "formulas.h").write_text(cpp_source())
        commands = {
            "dynact_kernels.cpp": [*kernels, "-Wno-maybe-uninitialized", f"-I{scratch}"],
            "dynact_ops.cpp": operators,
            "perceptron.cpp": product_flags(),
            "perceptron_ops.cpp": operators,
        }
        parts = [Path(scratch) / f"{name}.o" for name in commands]
        with ThreadPoolExecutor() as pool:
            jobs = [
                pool.submit(_run, [*compiler, *flags, "-c", str(SOURCES / name), "-o", str(part)])
                for (name, flags), part in zip(commands.items(), parts, strict=True)
            ]
            for job in jobs:
                job.result()
        made = Path(scratch) / library.name
        # Without -fopenmp: its symbols come from the library that torch brought, never from a second one.
        undefined = ["-undefined", "dynamic_lookup"] if sys.platform == "darwin" else []
        torch_libraries = [f"-L{Path(torch.__file__).parent / 'lib'}", "-ltorch_cpu", "-lc10"]
        _run([*compiler, "-shared", *map(str, parts), *torch_libraries, *undefined, "-o", str(made)])
        made.rename(library)


def _openmp() -> list[str]:
    return ["-fopenmp"] if "ATen parallel backend: OpenMP" in torch.__config__.parallel_info() else []


def _torch_flags() -> list[str]:
    include = Path(torch.__file__).parent / "include"
    abi = int(torch.compiled_with_cxx11_abi())
    return [
        *(f"-isystem{path}" for path in (include, include / "torch" / "csrc" / "api" / "include")),
        f"-D_GLIBCXX_USE_CXX11_ABI={abi}",
    ]


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise CannotBuild(f"{command[0]} took more than {BUILD_TIMEOUT_S} s") from error
    if done.returncode:
        raise CannotBuild(f"{shlex.join(command)}\n{done.stderr[-2000:]}")


if __name__ == "__main__":
    try:
        build()
    except CannotBuild as error:
        sys.stderr.write(f"fused activation not compiled, the plain form will serve: {error}\n")
