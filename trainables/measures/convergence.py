"""How fast a training converges, as one number."""

from collections.abc import Sequence


def area(points: Sequence[tuple[float, float | None]]) -> float | None:
    """The area under a loss curve from its first to its last point, by trapezoids; lower is better.

    Units: those of the loss times those of the step. None if a value is missing or there is one point.
    Source: own definition; the abstract of arXiv 2603.22154 reports a "convergence AUC" and defines none.

    >>> area([(0, 2.0), (1, 1.0), (3, 0.0)])
    2.5
    """
    total = 0.0
    for (step, value), (next_step, next_value) in zip(points, points[1:], strict=False):
        if value is None or next_value is None:
            return None
        total += (next_step - step) * (value + next_value) / 2
    return total if len(points) > 1 else None
