"""How the variance between the cells of a complete cross splits into orthogonal parts."""

from itertools import combinations

import numpy as np
from jaxtyping import Float

SWEEPS = 100
CONVERGED = 1e-13


def partition(cells: Float[np.ndarray, "..."], *, order: int = 2) -> dict[tuple[int, ...], float]:
    """Mean squares of main effects (one axis) and interactions (several), up to this many axes.

    They are means over the cells, one value a cell and an axis a factor; what is left of the variance of
    the cells belongs to interactions of more axes. Axes of length 1 give nothing.

    Source: Montgomery, "Design and analysis of experiments" (2012), section 5.4: a complete cross with one
    value a cell, where every way to count sums of squares gives the same.

    >>> partition(np.array([[0.0, 2.0], [0.0, 2.0]]))
    {(0,): 0.0, (1,): 1.0, (0, 1): 0.0}
    """
    axes = [axis for axis in range(cells.ndim) if cells.shape[axis] > 1]
    found: dict[tuple[int, ...], float] = {}
    for size in range(1, min(order, len(axes)) + 1):
        for chosen in combinations(axes, size):
            rest = tuple(axis for axis in range(cells.ndim) if axis not in chosen)
            part = cells.mean(axis=rest, keepdims=True)
            for axis in chosen:
                part = part - part.mean(axis=axis, keepdims=True)
            found[chosen] = float((part**2).mean())
    return found


def residual_variance(values: Float[np.ndarray, "arms seeds"]) -> float | None:
    """The variance that is left after every arm's and every seed's own level; None without freedom for it.

    Holes are NaN; with holes the levels are fitted by sweeping rows and columns in turn.
    """
    known = np.isfinite(values)
    by_arm, by_seed = known.sum(axis=1, keepdims=True), known.sum(axis=0, keepdims=True)
    freedom = int(known.sum() - (by_arm > 0).sum() - (by_seed > 0).sum() + 1)
    if freedom < 1:
        return None
    rest = np.where(known, values, 0.0)
    for _ in range(SWEEPS):
        rows = rest.sum(axis=1, keepdims=True) / np.maximum(by_arm, 1)
        rest = np.where(known, rest - rows, 0.0)
        columns = rest.sum(axis=0, keepdims=True) / np.maximum(by_seed, 1)
        rest = np.where(known, rest - columns, 0.0)
        if np.abs(columns).max() <= CONVERGED * (np.abs(rest).max() + CONVERGED):
            break
    return float((rest**2).sum() / freedom)
