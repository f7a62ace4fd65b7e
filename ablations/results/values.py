"""The values that a study reads of one trial, rates among them: for results, lists, sheets and runs alike."""

from collections.abc import Iterable, Mapping, Sequence

from ablations.design.reading import Reading

Points = Sequence[Sequence[float | None]]
"""A curve's (step, value) pairs."""


def find_metric(name: str, metrics: Mapping[str, float | None], curve: Mapping[str, Points]) -> float | None:
    """A finished trial's metric by the name of its reading; one at a step may stand in the curve only.

    >>> find_metric("loss/2", {"loss": 0.1}, {"loss": [(1, 0.9), (2, 0.5)]})
    0.5
    """
    if name in metrics:
        return metrics[name]
    metric, step = split_step(name)
    if step is None:
        return None
    return next((value for at, value in curve.get(metric, ()) if at == step), None)


def split_step(name: str) -> tuple[str, int | None]:
    """The metric of a reading and the step it is read at, if it is.

    >>> split_step("loss/2"), split_step("loss/best_validation")
    (('loss', 2), ('loss/best_validation', None))
    """
    metric, _, at = name.rpartition("/")
    return (metric, int(at)) if metric and at.isdecimal() else (name, None)


def read_value(
    reading: Reading, state: str, metrics: Mapping[str, float | None], curve: Mapping[str, Points]
) -> float | None:
    """A reading of a trial, a rate as 0 or 1; of a diverged one its worst, of others none."""
    if state == "diverged":
        return reading.worst
    if state != "done":
        return None
    found = find_metric(reading.of or reading.name, metrics, curve)
    return reading.counts(found) if reading.kind == "rate" else found


def add_readings(
    readings: Iterable[Reading],
    state: str,
    metrics: Mapping[str, float | None],
    curve: Mapping[str, Points],
) -> dict[str, float | None]:
    """All that a trial measured, with what its study reads of its curve and with the rates that it counts.

    A diverged trial keeps what it measured: that it counts as the worst value is a matter of the results.
    """
    found = dict(metrics)
    for reading in readings:
        value = read_value(reading, state, metrics, curve)
        if value is not None and (reading.kind == "rate" or (state == "done" and reading.name not in found)):
            found[reading.name] = value
    return found
