"""How a study is to be judged, as its author declares it before there are results."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, field_validator
from pydantic.json_schema import SkipJsonSchema

from ablations.study.fields import (
    LIST,
    MAX_SEEDS,
    VALUE,
    Conditions,
    Level,
    Margin,
    Model,
    Name,
    Positive,
    Whole,
)

MAX_LOOKS = 3
MIN_PILOT = 3
"""Two differences tell a spread to within a factor of six either way, which sets no number."""
MIN_ALPHA, MAX_ALPHA = 1e-6, 0.5
"""Below, no number of seeds that anybody trains can decide; above, a verdict would be a coin's."""


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
    random: Name | None = None


class ResizedSpec(Model):
    """What the pilot told, and the number of seeds that was set: written by the service, never by a user.

    `spread` is the largest of any row, in `row`, where `pairs` differences told it; None if no row had two.
    `missing` trials of the pilot have no result, `unknown` rows told nothing. `enough` says whether so many
    seeds have the power asked for.
    """

    seeds: Positive
    spread: Annotated[float, Field(ge=0)] | None
    row: str
    pairs: Annotated[int, Field(ge=0), Whole]
    missing: Annotated[int, Field(ge=0), Whole]
    unknown: list[str]
    enough: bool


class ResizeSpec(Model):
    """How the number of seeds is set once, from the spread of a pilot without the signs of its differences.

    As many seeds, at most `max`, as find a difference of `margin` with a chance of `power`.
    """

    pilot: Annotated[int, Field(ge=MIN_PILOT, le=MAX_SEEDS), Whole]
    max: Annotated[int, Field(ge=MIN_PILOT + 1, le=MAX_SEEDS), Whole]
    power: Annotated[float, Field(ge=0.5, le=0.99)] = 0.8
    margin: Margin | None = None
    found: SkipJsonSchema[ResizedSpec | None] = None


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
    looks: Annotated[list[Annotated[int, Field(ge=2), Whole]], Field(max_length=MAX_LOOKS)] = []
    resize: ResizeSpec | None = None

    @field_validator("test", mode="before")
    @classmethod
    def _is_no_equivalence_test(cls, test: object) -> object:
        if test in ("tost", "equivalence"):
            raise ValueError(
                f"{test} is done beside this test and needs a margin: name it in analysis.margin"
            )
        return test
