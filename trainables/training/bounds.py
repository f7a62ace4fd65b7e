"""What a training may report and return: names, numbers, steps and sizes, each refused by its name."""

import json
import math
from collections.abc import Sequence
from numbers import Number

from trainables.training.lease import Outcome

MAX_NAME = 250
MAX_METRICS = 10_000
MAX_RESULT_BYTES = 16 * 2**20
MAX_STEP = 2**53
MIB = 2**20


def checked_name(name: object) -> str:
    """A metric's name as plain text.

    Raises: ValueError.
    """
    text = str.__str__(str(name))
    if not 0 < len(text) <= MAX_NAME:
        raise ValueError(f"a metric's name has 1 to {MAX_NAME} characters, not {len(text)}")
    if not text.isprintable():
        raise ValueError(f"a metric's name has printable characters only: {text!a}")
    return text


def checked_value(name: str, value: object) -> float:
    """A metric's value as a plain float: of a number, or of what holds exactly one.

    Raises: ValueError, with the metric's name.
    """
    if isinstance(value, str | bytes | bytearray):
        raise ValueError(f"the metric {name!r} is no number but a {type(value).__name__}")
    try:
        return float(value)  # type: ignore[arg-type]
    except OverflowError:
        raise ValueError(f"the metric {name!r} is larger than any float") from None
    except Exception as error:  # tensors and other people's types have errors of their own
        kind = "" if isinstance(value, Number) else "no number but "
        raise ValueError(f"the metric {name!r} is {kind}a {type(value).__name__}: {error}") from error


def checked_step(step: object) -> float:
    """A step as a plain number, a whole one where it is whole.

    Raises: ValueError.
    """
    number = checked_value("step", step)
    if not math.isfinite(number):
        raise ValueError(f"a step is a finite number, not {number}")
    if not 0 <= number <= MAX_STEP:
        raise ValueError(f"a step lies between 0 and {MAX_STEP}, not at {number:g}")
    return int(number) if number.is_integer() else number


def check_order(name: str, step: float, points: Sequence[tuple[float, float | None]]) -> None:
    """Raises: ValueError where a metric with these points would go back to an earlier step."""
    if points and step < points[-1][0]:
        raise ValueError(f"the metric {name!r} goes back: step {step:g} was reported after {points[-1][0]:g}")


def check_number_of_metrics(num: int) -> None:
    """Raises: ValueError when these are too many."""
    if num > MAX_METRICS:
        raise ValueError(f"a training has at most {MAX_METRICS} metrics, and this one reports more")


def check_points(num_bytes: int, longest: str, num_points: int) -> None:
    """Raises: ValueError when curves of about so many bytes are more than a result may hold."""
    if num_bytes > MAX_RESULT_BYTES:
        raise ValueError(
            f"curves of more than {MAX_RESULT_BYTES // MIB} MiB are not kept: {longest!r} has "
            f"{num_points} points; report less often"
        )


def check_size(outcome: Outcome) -> Outcome:
    """The outcome, if it can be kept.

    Raises: ValueError when it is too large, or holds what JSON has no form for.
    """
    check_number_of_metrics(len(outcome.metrics))
    try:
        size = len(json.dumps(outcome.to_json(), allow_nan=False))
    except (TypeError, ValueError, RecursionError, AttributeError) as error:
        raise ValueError(f"the result cannot be recorded: {error}") from error
    if size > MAX_RESULT_BYTES:
        raise ValueError(
            f"the result takes {size / MIB:.1f} MiB, and at most {MAX_RESULT_BYTES // MIB} MiB are kept: "
            f"{_largest(outcome)}"
        )
    return outcome


def _largest(outcome: Outcome) -> str:
    parts = {
        f"the curve {name!r} has {len(points)} points": 20 * len(points)
        for name, points in outcome.curve.items()
    }
    parts[f"there are {len(outcome.metrics)} metrics"] = sum(map(len, outcome.metrics))
    parts["learned scalars are kept too often"] = len(str(outcome.scalars))
    return max(parts, key=lambda said: parts[said])
