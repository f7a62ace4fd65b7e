"""Splits of a labelled set: fixed, stratified, and with a hash of what is in them."""

import hashlib
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int, UInt8

SPLIT_SEED = 20260322


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Images as they were stored and their classes."""

    x: UInt8[np.ndarray, " images *shape"]
    y: Int[np.ndarray, " images"]

    def __len__(self) -> int:
        return len(self.y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Three splits, and the standardisation that belongs to the training one.

    Units: mean and std are of pixels scaled to [0, 1], one a channel (the last axis) or one for all.
    """

    name: str
    train: Split
    val: Split
    test: Split
    mean: tuple[float, ...]
    std: tuple[float, ...]
    fingerprint: str

    @property
    def num_classes(self) -> int:
        """Classes are numbered from 0; the largest label says how many there are."""
        return int(max(split.y.max() for split in (self.train, self.val, self.test))) + 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one image, [H, W] or [H, W, C]."""
        return tuple(self.train.x.shape[1:])


def make_dataset(name: str, *, train: Split, val: Split, test: Split) -> Dataset:
    """The dataset with its statistics, from the training split alone, and its fingerprint."""
    mean, std = _statistics(train.x)
    return Dataset(
        name=name,
        train=train,
        val=val,
        test=test,
        mean=mean,
        std=std,
        fingerprint=_fingerprint((train, val, test)),
    )


def carve(split: Split, num: int) -> tuple[Split, Split]:
    """The rest and `num` images of it, drawn class by class in proportion with the fixed seed."""
    rng = np.random.default_rng(SPLIT_SEED)
    shares = _shares(split.y, num)
    taken: list[np.ndarray] = []
    for label, count in shares.items():
        members = np.flatnonzero(split.y == label)
        taken.append(rng.permutation(members)[:count])
    mask = np.zeros(len(split), dtype=bool)
    mask[np.concatenate(taken)] = True
    shuffled = rng.permutation(len(split))  # stored sets are often sorted by class
    rest, part = shuffled[~mask[shuffled]], shuffled[mask[shuffled]]
    return Split(x=split.x[rest], y=split.y[rest]), Split(x=split.x[part], y=split.y[part])


def _shares(y: np.ndarray, num: int) -> dict[int, int]:
    """How many of each class make up `num`, by largest remainder; every class keeps at least one image."""
    labels, counts = np.unique(y, return_counts=True)
    exact = counts * (num / len(y))
    shares = np.floor(exact).astype(int)
    for index in np.argsort(shares - exact, kind="stable")[: num - int(shares.sum())]:
        shares[index] += 1
    return dict(zip(labels.tolist(), np.minimum(shares, counts - 1).tolist(), strict=True))


def _statistics(x: np.ndarray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation by channel, exactly: from the counts of the 256 values."""
    channels = [x] if x.ndim == 3 else [x[..., c] for c in range(x.shape[-1])]
    values = np.arange(256) / 255.0
    means, stds = [], []
    for channel in channels:
        counts = np.bincount(channel.reshape(-1), minlength=256)
        mean = float((counts * values).sum() / counts.sum())
        variance = float((counts * (values - mean) ** 2).sum() / counts.sum())
        means.append(mean)
        stds.append(variance**0.5 or 1.0)
    return tuple(means), tuple(stds)


def _fingerprint(splits: tuple[Split, ...]) -> str:
    total = hashlib.sha256()
    for split in splits:
        for array in (split.x, split.y.astype(np.int64)):
            total.update(f"{array.dtype.str}{array.shape}".encode())
            total.update(np.ascontiguousarray(array).data)
    return total.hexdigest()
