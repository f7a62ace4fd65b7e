"""The study as a user writes it: one pydantic model for YAML, JSON and REST.

    name: depth-collapse
    trainable: mlp-classifier
    factors: {scalars: [none, shared], depth: [1, 5, 10, 25]}
    baseline: {scalars: none}
    seeds: 10
    metric: test_accuracy

Fields beyond the example of the README:

- `require: [{when: {model: resnet20}, then: {depth: {ge: 5}}}]`: arms that meet `when` (all arms where
  it is left out) are excluded unless they also meet `then`.
- `leave_one_out: {components: {dropout: 0.0, augment: false}, pairs: true, anchor: true}`: the factors
  that are switched off one at a time, each with its off-level; a list of names takes the off-levels of
  `baseline` or else of the trainable; without `components` they are the factors of `baseline`, or all
  factors where there is none. A component has one other level, which is on. `pairs: true` also switches
  off every two together (a list: only those), `anchor: true` also all of them. Components are one
  family, `components`, of the full recipe minus it without each; a factor that is none is a stratum.
- a contrast with `trend: linear | log | order` asks for the slope over the levels of `vary`; one with
  `interaction: depth` how the effect of `vary` changes between the levels of `depth`.
- `analysis.spread: {test_accuracy: 0.01}`: the standard deviation of paired differences that the plan
  assumes, where no earlier study has measured it.
- `analysis.looks: [5, 10]`: numbers of seeds at which verdicts may be given, each at its share of alpha.
"""

import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    PlainValidator,
    StringConstraints,
    Tag,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from ablations.errors import Json
from ablations.manifest import Scalar

MAX_NAME = 200
MAX_SEEDS = 10_000
FIRST_TUNING_SEED = 1_000_000
MAX_CANDIDATES = 100_000
MAX_LOOKS = 3
MIN_ALPHA, MAX_ALPHA = 1e-6, 0.5
"""Below, no number of seeds that anybody trains can decide; above, a verdict would be a coin's."""
PRINTABLE = r"^[^\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]*$"
"""What may be shown anywhere: no control characters, old or new, and nothing that turns or hides text."""
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
def _shape(value: Any) -> str:
    return LIST if isinstance(value, list) else MAPPING if isinstance(value, dict | Model) else VALUE


def _metric_shape(value: Any) -> str:
    is_rate = isinstance(value, RateSpec) or (
        isinstance(value, dict) and {"of", "below", "above"} & set(value)
    )
    return "\x00rate" if is_rate else "\x00reading"


Level = Annotated[
    Any,
    PlainValidator(_check_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
]
Value = Annotated[Any, PlainValidator(_check_json), WithJsonSchema({})]
Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME, pattern=PRINTABLE)]
MetricName = Annotated[str, StringConstraints(max_length=MAX_NAME, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_. -]*$")]
TagName = Annotated[str, StringConstraints(max_length=MAX_NAME, pattern=TAG)]
Margin = Annotated[
    Any,
    PlainValidator(_check_margin),
    WithJsonSchema({"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string"}]}),
]
Bundle = dict[Name, Value]
Positive = Annotated[int, Field(ge=1)]


class Model(BaseModel):
    """Strict, closed and frozen."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Comparison(Model):
    """A condition on the level of a factor; all of its parts must hold."""

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
    Discriminator(_shape),
]
Conditions = dict[Name, Condition]


class Requirement(Model):
    """A rule: arms that meet `when` must meet `then`."""

    when: Conditions = {}
    then: Annotated[Conditions, Field(min_length=1)]


class LeaveOneOut(Model):
    """What a leave-one-out design switches off."""

    components: Annotated[
        Annotated[list[Name], Field(min_length=1), Tag(LIST)]
        | Annotated[dict[Name, Level], Field(min_length=1), Tag(MAPPING)]
        | Annotated[None, Tag(VALUE)],
        Discriminator(_shape),
    ] = None
    pairs: bool | list[Annotated[list[Name], Field(min_length=2, max_length=2)]] = False
    anchor: bool = False


Point = Annotated[
    Annotated[int, Field(ge=0), Tag("\x00step")]
    | Annotated[Literal["end", "best_validation"], Tag("\x00named")],
    Discriminator(lambda value: "\x00named" if isinstance(value, str) else "\x00step"),
]


class ReadingSpec(Model):
    """A metric of the trainable and where it is read: at one point or, as a list, at several.

    On a `log` scale, for metrics above 0 alone, arms are compared by factors.
    """

    name: MetricName
    goal: Literal["maximize", "minimize"] | None = None
    scale: Literal["linear", "log"] | None = None
    at: Annotated[
        Annotated[list[Point], Field(min_length=1), Tag(LIST)]
        | Annotated[Literal["end", "best_validation"], Tag(VALUE)],
        Discriminator(lambda value: LIST if isinstance(value, list) else VALUE),
    ] = "end"


class RateSpec(Model):
    """How often a reading falls below, or rises above, a threshold."""

    name: MetricName
    of: Name
    below: float | None = None
    above: float | None = None
    goal: Literal["maximize", "minimize"] | None = None

    @model_validator(mode="after")
    def _has_one_side(self) -> Self:
        if (self.below is None) == (self.above is None):
            raise ValueError("a rate needs exactly one of below and above")
        return self


class ContrastSpec(Model):
    """A declared contrast: which levels of which factor, where, within which strata, averaged over which."""

    vary: Name
    where: Conditions = {}
    within: list[Name] = []
    over: list[Name] = []
    of: Annotated[
        Annotated[list[Level], Field(min_length=1), Tag(LIST)] | Annotated[Level, Tag(VALUE)],
        Discriminator(lambda value: LIST if isinstance(value, list) else VALUE),
    ] = None
    against: Level = None
    interaction: Name | None = None
    trend: Literal["linear", "log", "order"] | None = None


class AnalysisSpec(Model):
    """How the results are judged."""

    contrasts: dict[Name, ContrastSpec] = {}
    primary: Name | None = None
    alpha: Annotated[float, Field(ge=MIN_ALPHA, le=MAX_ALPHA)] = 0.05
    test: Literal["paired_t", "sign_flip", "wilcoxon"] = "paired_t"
    correction: Literal["holm", "bh", "none"] = "holm"
    missing: Literal["related", "unrelated"] = "related"
    margin: dict[Name, Margin] = {}
    spread: dict[Name, Annotated[float, Field(gt=0)]] = {}
    looks: Annotated[list[Annotated[int, Field(ge=2)]], Field(max_length=MAX_LOOKS)] = []

    @field_validator("test", mode="before")
    @classmethod
    def _is_no_equivalence_test(cls, test: object) -> object:
        if test in ("tost", "equivalence"):
            raise ValueError(
                f"{test} is done beside this test and needs a margin: name it in analysis.margin"
            )
        return test


class Range(Model):
    """The part of a setting's range that is searched."""

    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("a log range starts above 0")
        return self


class TuningMetric(Model):
    """What the search is judged by."""

    name: MetricName
    goal: Literal["maximize", "minimize"] | None = None


def num_points(space: Mapping[str, object]) -> int:
    """How many points the lists of a space make; what is no list does not count."""
    return math.prod(len(values) for values in space.values() if isinstance(values, list))


def _num_candidates(given: Mapping[str, Any]) -> int:
    return num_points(given.get("space", {})) if given.get("sampler") == "grid" else 0


class TuningSpec(Model):
    """The search that every arm gets before it is measured."""

    per: list[Name] | None = None
    sampler: Literal["tpe", "random", "grid", "gp", "cmaes", "qmc"] = "tpe"
    space: Annotated[
        dict[
            Name,
            Annotated[
                Annotated[list[Level], Field(min_length=1), Tag(LIST)] | Annotated[Range, Tag(MAPPING)],
                Discriminator(lambda value: LIST if isinstance(value, list) else MAPPING),
            ],
        ],
        Field(min_length=1),
    ]
    # A grid has as many as it has points; elsewhere 0 is refused below.
    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES, default_factory=_num_candidates)]
    seeds: Annotated[int, Field(ge=1, le=MAX_SEEDS)] = 1
    repeats: Positive = 1
    fixed: dict[Name, Value] = {}
    metric: TuningMetric | None = None
    scheduler: Literal["none", "asha"] = "none"
    start: list[dict[Name, Value]] = []
    confirm: Positive = 1


class ResourcesSpec(Model):
    """What one trial gets."""

    cpus: Annotated[int, Field(ge=1, le=4096)] = 1
    gpus: Annotated[float, Field(ge=0, le=1024)] = 0
    pack: Annotated[
        Annotated[Literal["auto"], Tag("\x00auto")] | Annotated[Positive, Tag("\x00size")],
        Discriminator(lambda value: "\x00auto" if isinstance(value, str) else "\x00size"),
    ] = "auto"


Seed = Annotated[int, Field(ge=0, lt=FIRST_TUNING_SEED)]


class StudySpec(Model):
    """A question about a training method, as data."""

    name: Name
    trainable: Name
    design: Literal["factorial", "one_factor", "leave_one_out", "listed"] = "factorial"
    factors: dict[
        Name,
        Annotated[
            Annotated[list[Level], Field(min_length=1), Tag(LIST)]
            | Annotated[dict[Name, Bundle], Field(min_length=1), Tag(MAPPING)],
            Discriminator(lambda value: MAPPING if isinstance(value, dict) else LIST),
        ],
    ] = {}
    arms: Annotated[list[dict[Name, Level]], Field(min_length=1)] | None = None
    baseline: dict[Name, Level] = {}
    exclude: list[Annotated[Conditions, Field(min_length=1)]] = []
    require: list[Requirement] = []
    leave_one_out: LeaveOneOut | None = None
    fixed: dict[Name, Value] = {}
    seeds: Annotated[
        Annotated[list[Seed], Field(min_length=1, max_length=MAX_SEEDS), Tag(LIST)]
        | Annotated[int, Field(ge=1, le=MAX_SEEDS), Tag(VALUE)],
        Discriminator(lambda value: LIST if isinstance(value, list) else VALUE),
    ] = 10
    metrics: list[
        Annotated[
            Annotated[RateSpec, Tag("\x00rate")] | Annotated[ReadingSpec, Tag("\x00reading")],
            Discriminator(_metric_shape),
        ]
    ] = []
    analysis: AnalysisSpec = AnalysisSpec()
    tuning: TuningSpec | None = None
    resources: ResourcesSpec = ResourcesSpec()
    tags: dict[TagName, Annotated[str, StringConstraints(max_length=1000, pattern=PRINTABLE)]] = {}

    @model_validator(mode="before")
    @classmethod
    def _spell_out_metric(cls, data: Any) -> Any:
        if not isinstance(data, dict) or "metric" not in data or "metrics" in data:
            return data
        rest = {key: value for key, value in data.items() if key != "metric"}
        return {**rest, "metrics": [{"name": data["metric"]}]}

    def to_json(self) -> dict[str, Json]:
        """The study as written, with `metric` spelled out; parses to the same study."""
        return self.model_dump(mode="json", exclude_unset=True)

    def seed_list(self) -> tuple[int, ...]:
        """The seeds that are measured."""
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)
