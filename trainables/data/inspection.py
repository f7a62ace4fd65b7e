"""A look at a user's own images before anything is planned on them: headers only, in no time."""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEYS = ("x_train", "y_train", "x_test", "y_test")
Header = tuple[tuple[int, ...], Any]  # shape, dtype


def complaint(path: Path) -> str | None:
    """What is wrong with a NAME.npz as far as names, shapes and types tell; None if nothing is."""
    try:
        with zipfile.ZipFile(path) as archive:
            held = archive.namelist()
            headers = {key: _header(archive, key) for key in KEYS if f"{key}.npy" in held}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        return f"{path.name} is no .npz file that numpy.savez wrote: {error}"
    wrong = fault(path.name, headers)
    if wrong is not None:
        return wrong
    train, test = headers["x_train"][0][1:], headers["x_test"][0][1:]
    if train != test:
        return f"images in {path.name} are {list(train)} in x_train and {list(test)} in x_test"
    return None


def _header(archive: zipfile.ZipFile, key: str) -> Header:
    """Raises: ValueError if the member is no array."""
    from numpy.lib import format

    with archive.open(f"{key}.npy") as member:
        version = format.read_magic(member)
        read = format.read_array_header_1_0 if version == (1, 0) else format.read_array_header_2_0
        shape, _, dtype = read(member)
    return shape, dtype


def fault(file: str, headers: Mapping[str, Header]) -> str | None:
    """What is wrong with arrays of these shapes and types, which `file` holds; None if nothing is."""
    missing = [key for key in KEYS if key not in headers]
    if missing:
        return f"{file} has no {', '.join(missing)}"
    for part in ("train", "test"):
        (shape, dtype), (y_shape, y_dtype) = headers[f"x_{part}"], headers[f"y_{part}"]
        if dtype != "uint8" or len(shape) not in (3, 4):
            return f"x_{part} in {file} is {dtype} {list(shape)}, not uint8 [N,H,W] or [N,H,W,C]"
        if not shape[0]:
            return f"x_{part} in {file} is empty"
        if y_dtype.kind not in "iu" or math.prod(y_shape) != shape[0]:
            told = f"y_{part} in {file} is {y_dtype} {list(y_shape)}"
            return f"{told}, not one class number for each of {shape[0]} images"
    return None
