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
- a contrast with `random: model`, one of its `over`, takes the models for a sample: its verdict is about the
  mean effect over models in general, and beside it stands a prediction for the next one.
- `analysis.spread: {test_accuracy: 0.01}`: the standard deviation of paired differences that the plan
  assumes, where no earlier study has measured it.
- `analysis.looks: [5, 10]`: numbers of seeds at which verdicts may be given, each at its share of alpha.
- `analysis.resize: {pilot: 4, power: 0.8, margin: 0.01, max: 20}`: the study starts with 4 seeds; how many it
  takes in all is set once, from the spread that they show without their signs.
"""

import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, StringConstraints, Tag, model_validator

from ablations.errors import Json
from ablations.study.analysis import AnalysisSpec, ResizedSpec
from ablations.study.fields import (
    LIST,
    MAPPING,
    MAX_SEEDS,
    METRIC,
    PRINTABLE,
    VALUE,
    Bundle,
    Conditions,
    Level,
    MetricName,
    Model,
    Name,
    Positive,
    TagName,
    Value,
    Whole,
    shape_of,
)

FIRST_TUNING_SEED = 1_000_000
MAX_CANDIDATES = 100_000


def _metric_shape(value: Any) -> str:
    is_rate = isinstance(value, RateSpec) or (
        isinstance(value, dict) and {"of", "below", "above"} & set(value)
    )
    return "\x00rate" if is_rate else "\x00reading"


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
        Discriminator(shape_of),
    ] = None
    pairs: Annotated[
        Annotated[list[Annotated[list[Name], Field(min_length=2, max_length=2)]], Tag(LIST)]
        | Annotated[bool, Tag(VALUE)],
        Discriminator(lambda value: LIST if isinstance(value, list) else VALUE),
    ] = False
    anchor: bool = False


Point = Annotated[
    Annotated[int, Field(ge=0), Whole, Tag("\x00step")]
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


def _side(given: str, other: str) -> dict[str, Any]:
    bounds: dict[str, Any] = {given: {"type": "number"}, other: {"type": "null"}}
    return {"required": [given], "properties": bounds}


class RateSpec(Model):
    """How often a reading falls below, or rises above, a threshold."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [_side("below", "above"), _side("above", "below")]})

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


class Range(Model):
    """The part of a setting's range that is searched."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"properties": {"log": {"const": False}}},
                {"properties": {"low": {"exclusiveMinimum": 0}}},
            ]
        }
    )

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

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": ["candidates"]},
                {"required": ["sampler"], "properties": {"sampler": {"const": "grid"}}},
            ]
        }
    )

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
    candidates: Annotated[int, Field(ge=1, le=MAX_CANDIDATES, default_factory=_num_candidates), Whole]
    seeds: Annotated[int, Field(ge=1, le=MAX_SEEDS), Whole] = 1
    repeats: Positive = 1
    fixed: dict[Name, Value] = {}
    metric: TuningMetric | None = None
    scheduler: Literal["none", "asha"] = "none"
    start: list[dict[Name, Value]] = []
    confirm: Positive = 1


class ResourcesSpec(Model):
    """What one trial gets."""

    cpus: Annotated[int, Field(ge=1, le=4096), Whole] = 1
    gpus: Annotated[float, Field(ge=0, le=1024)] = 0
    pack: Annotated[
        Annotated[Literal["auto"], Tag("\x00auto")] | Annotated[Positive, Tag("\x00size")],
        Discriminator(lambda value: "\x00auto" if isinstance(value, str) else "\x00size"),
    ] = "auto"


def _with_metric(schema: dict[str, Any]) -> None:
    """`metric` is short for a list of one, and there are not both."""
    name = {**schema["properties"]["name"], "pattern": METRIC}
    schema["properties"]["metric"] = {
        "anyOf": [name, schema["properties"]["metrics"]["items"]],
        "title": "Metric",
    }
    schema["not"] = {"required": ["metric", "metrics"]}


Seed = Annotated[int, Field(ge=0, lt=FIRST_TUNING_SEED), Whole]


class StudySpec(Model):
    """A question about a training method, as data."""

    model_config = ConfigDict(json_schema_extra=_with_metric)

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
        Annotated[
            list[Seed],
            Field(min_length=1, max_length=MAX_SEEDS, json_schema_extra={"uniqueItems": True}),
            Tag(LIST),
        ]
        | Annotated[int, Field(ge=1, le=MAX_SEEDS), Whole, Tag(VALUE)],
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
        metric = data["metric"]
        return {**rest, "metrics": [metric if isinstance(metric, dict) else {"name": metric}]}

    def to_json(self) -> dict[str, Json]:
        """The study as written, with `metric` spelled out; parses to the same study."""
        return self.model_dump(mode="json", exclude_unset=True)

    def seed_list(self) -> tuple[int, ...]:
        """The seeds that are measured: those of the pilot, as long as their number is still to be set."""
        if (resize := self.analysis.resize) is not None:
            return tuple(range(resize.found.seeds if resize.found else resize.pilot))
        return tuple(range(self.seeds)) if isinstance(self.seeds, int) else tuple(self.seeds)

    def resized(self, found: ResizedSpec) -> "StudySpec":
        """The study with the number of seeds that its pilot has set.

        Raises: ValueError where it declares no such thing, or has set it already.
        """
        resize = self.analysis.resize
        if resize is None or resize.found is not None:
            raise ValueError(f"{self.name} has no number of seeds to be set")
        analysis = self.analysis.model_copy(update={"resize": resize.model_copy(update={"found": found})})
        return self.model_copy(update={"analysis": analysis})
