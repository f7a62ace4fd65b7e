"""What numbers cannot resolve: steps in which they come, and sizes whose squares a float cannot hold."""

import numpy as np
from jaxtyping import Bool, Float

SINGLE = 2e-6  # some thirty roundings of single precision, in which most metrics are computed
LARGEST, SMALLEST = 2.0**150, 2.0**-150  # their fourth powers are numbers


def scale_of(*parts: Float[np.ndarray, "rows seeds"]) -> Float[np.ndarray, " rows"]:
    """A power of two to divide each row by, so that its squares neither overflow nor vanish.

    It is 1 for all rows of ordinary size, and exact for the others.
    """
    size = np.max([np.abs(part).max(axis=1, initial=0.0) for part in parts], axis=0)
    extreme = (size > LARGEST) | ((size > 0) & (size < SMALLEST))
    return np.asarray(np.ldexp(1.0, np.where(extreme, np.frexp(size)[1] - 1, 0)))


def is_coarse(
    scores: Float[np.ndarray, "rows seeds"],
    of: Float[np.ndarray, "rows seeds"],
    against: Float[np.ndarray, "rows seeds"],
) -> Bool[np.ndarray, " rows"]:
    """Which rows spread by less than the step in which their values come; equal scores always do.

    Their spread is that of rounding, and no measure of how far other seeds would lie apart.

    >>> of = np.array([[0.902, 0.905, 0.904]])
    >>> is_coarse(np.array([[0.002, 0.002, 0.003]]), of, of - 0.002)
    array([ True])
    """
    if scores.shape[1] < 2:
        return np.ones(len(scores), dtype=bool)
    parts = (scores, of - of[:, :1], against - against[:, :1])
    step = step_of(np.hstack(parts), SINGLE * np.maximum(np.abs(of), np.abs(against)).max(axis=1))
    constant = scores.max(axis=1) == scores.min(axis=1)
    return np.asarray(constant | (scores.std(axis=1, ddof=1) < step))


def step_of(
    values: Float[np.ndarray, "rows values"], dust: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """The largest step of which all values of a row are multiples, 0 where it is below the dust.

    Source: Euclid's algorithm, for numbers known up to `dust`.

    >>> step_of(np.array([[0.4, 0.6, 1.0]]), np.array([1e-9])).round(6)
    array([0.2])
    """
    step = np.zeros(len(values))
    for value in np.abs(values).T:
        step = _common(step, value, dust)
    return np.where(step > dust, step, 0.0)


def _common(
    one: Float[np.ndarray, " rows"], other: Float[np.ndarray, " rows"], dust: Float[np.ndarray, " rows"]
) -> Float[np.ndarray, " rows"]:
    """The common step of two numbers; below the dust it stays there."""
    large, small = np.maximum(one, other), np.minimum(one, other)
    while (left := small > dust).any():
        rest = np.fmod(large, np.where(left, small, 1.0))
        rest = np.minimum(rest, small - rest)
        large, small = np.where(left, small, large), np.where(left, rest, small)
    return np.asarray(large)


def logarithms(
    values: Float[np.ndarray, "arms seeds"], among: Float[np.ndarray, "some seeds"]
) -> Float[np.ndarray, "arms seeds"]:
    """Natural logarithms, where a value of 0 counts as the smallest one above it among some.

    That bounds its distance from below: it is the best value there is, and has no logarithm.

    >>> np.exp(logarithms(np.array([[0.0, 4.0]]), np.array([[0.5, 4.0]]))).round(6)
    array([[0.5, 4. ]])
    """
    smallest = among[among > 0].min(initial=np.inf)
    return np.asarray(np.log(np.where(values == 0, smallest if np.isfinite(smallest) else 1.0, values)))
