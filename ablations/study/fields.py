"""What the fields of a study are made of: names, levels, margins, conditions."""

import math
import re
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StringConstraints,
    Tag,
    WithJsonSchema,
    model_validator,
)

from ablations.errors import Json
from ablations.manifest import Scalar

MAX_NAME = 200
MAX_SEEDS = 10_000
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]*$"
"""What may be shown anywhere: no control characters, old or new, and nothing that turns or hides text."""
METRIC = r"^[A-Za-z0-9_][A-Za-z0-9_. -]*$"
TAG = r"^[A-Za-z0-9_][A-Za-z0-9_ .-]*$"
_PRINTABLE = re.compile(PRINTABLE)
LIST, MAPPING, VALUE = "\x00list", "\x00mapping", "\x00value"


def _check_scalar(value: Any) -> Scalar:
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")
    if isinstance(value, str) and not _PRINTABLE.match(value):
        raise ValueError("holds a character that cannot be shown: a control, or one that turns or hides text")
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError("must be a string, a number, true, false or null")


def _whole(value: Any) -> Any:
    """JSON has one kind of number: 5.0 is as whole as 5."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _check_margin(value: Any) -> float | str:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf:
        return value
    raise ValueError("must be a number above 0, a share such as '5 %', or 'factor 1.05'")


def _check_json(value: Any) -> Json:
    if isinstance(value, list):
        return [_check_json(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _check_json(item) for key, item in value.items()}
    return _check_scalar(value)


# Read both ways: data on the way in, the models made of it on the way out.
def shape_of(value: Any) -> str:
    """Whether a value is a list, a mapping or neither, in what is read or in what was made of it."""
    return LIST if isinstance(value, list) else MAPPING if isinstance(value, dict | Model) else VALUE


_SCALAR: dict[str, Any] = {"type": ["string", "number", "boolean", "null"], "pattern": PRINTABLE}
Level = Annotated[Any, PlainValidator(_check_scalar), WithJsonSchema(_SCALAR)]
# No setting takes more than a list of numbers, which is told where settings are known.
Value = Annotated[
    Any,
    PlainValidator(_check_json),
    WithJsonSchema({"anyOf": [_SCALAR, {"type": "array", "items": {"type": "number"}}]}),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, pattern=PRINTABLE)]
MetricName = Annotated[str, StringConstraints(max_length=MAX_NAME, pattern=METRIC)]
TagName = Annotated[str, StringConstraints(max_length=MAX_NAME, pattern=TAG)]
Margin = Annotated[
    Any,
    PlainValidator(_check_margin),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": r"\S"}]}
    ),
]
Bundle = dict[Name, Value]
Whole = BeforeValidator(_whole)
Positive = Annotated[int, Field(ge=1), Whole]


class Model(BaseModel):
    """Strict, closed and frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Comparison(Model):
    """A condition on the level of a factor; all of its parts must hold."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    eq: Level = None
    ge: float | None = None
    le: float | None = None
    gt: float | None = None
    lt: float | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("an empty condition: give eq, ge, le, gt or lt")
        return self


Condition = Annotated[
    Annotated[list[Level], Field(min_length=1), Tag(LIST)]
    | Annotated[Comparison, Tag(MAPPING)]
    | Annotated[Level, Tag(VALUE)],
    Discriminator(shape_of),
]
Conditions = dict[Name, Condition]
