"""How fast a training converges, from its validation curve."""

from collections.abc import Sequence

Points = Sequence[tuple[float, float | None]]


def area(points: Points) -> float | None:
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


def convergence(losses: Points) -> dict[str, float]:
    """`convergence_auc`, and `training_efficiency` = the training's length by that area.

    Empty where there is no area. Both arms of a ratio having the same length, the ratio of efficiencies is
    the inverse ratio of areas: an arm with two thirds of ReLU's area is 1.5 times, or 50 % more, efficient.

    >>> convergence([(0, 2.0), (1, 1.0), (3, 0.0)])
    {'convergence_auc': 2.5, 'training_efficiency': 1.2}
    """
    total = area(losses)
    if total is None:
        return {}
    length = losses[-1][0] - losses[0][0]
    return {"convergence_auc": total} | ({"training_efficiency": length / total} if total > 0 else {})


def first_reach(points: Points, target: float, *, rising: bool) -> float | None:
    """The step at which the straight lines between the points first get to the target, None if never.

    >>> first_reach([(0, 0.1), (1, 0.7), (2, 0.9)], 0.8, rising=True)
    1.5
    """
    sign = 1.0 if rising else -1.0
    before: tuple[float, float] | None = None
    for step, value in points:
        if value is None:
            return None
        gap = sign * (value - target)
        if gap >= 0:
            if before is None:
                return step
            return before[0] + (step - before[0]) * before[1] / (before[1] - gap)
        before = step, gap
    return None


def to_target(
    points: Points,
    target: float,
    *,
    rising: bool,
    steps_a_point: float = 1.0,
    clock: Sequence[tuple[float, float]] = (),
) -> dict[str, float]:
    """`reached_target`, `steps_to_target` and, with a clock, `seconds_to_target`.

    A training that never gets there counts with its whole length, a lower bound; nothing is faster than
    one step. `clock` holds the seconds since the start at steps of the curve.
    """
    reached = first_reach(points, target, rising=rising)
    step = reached if reached is not None else points[-1][0]
    step = max(step, 1.0 / steps_a_point)
    found = {"reached_target": float(reached is not None), "steps_to_target": step * steps_a_point}
    return found | ({"seconds_to_target": _time_at(step, clock)} if clock else {})


def _time_at(step: float, clock: Sequence[tuple[float, float]]) -> float:
    """Seconds at a step, on straight lines between those of the clock."""
    for (before, start), (after, end) in zip(clock, clock[1:], strict=False):
        if step <= after:
            return start + (end - start) * max(0.0, step - before) / (after - before)
    return clock[-1][1]
