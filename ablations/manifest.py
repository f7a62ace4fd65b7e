"""What a trainable declares about itself: its settings, the conditions between them, its metrics."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from ablations.errors import InvalidStudy, Json, Problem, UnknownFactor

Scalar = str | int | float | bool | None
Kind = Literal["int", "float", "bool", "str", "floats"]

JSON_TYPES: Mapping[str, str] = {
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "str": "string",
    "floats": "array",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting of a trainable: its type, its range, when it applies.

    `when` maps other settings to the values for which this one applies; {} means always. `low` and
    `high` are inclusive; `open_low` makes the lower bound exclusive. `off` is the level that switches
    the component off in a leave-one-out design. `choices` in their order of size make it `ordered`.
    """

    name: str
    kind: Kind
    default: Json
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    choices: tuple[Scalar, ...] | None = None
    when: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)
    off: Scalar = None
    ordered: bool = False
    help: str = ""

    @property
    def numeric(self) -> bool:
        """Whether its values are numbers."""
        return self.kind in ("int", "float")

    @property
    def nullable(self) -> bool:
        """Whether null is one of its values."""
        return self.default is None or (self.choices is not None and None in self.choices)

    @property
    def allowed(self) -> Json:
        """What a value may be, for the message that refuses one."""
        if self.choices is not None:
            return list(self.choices)
        bounds: dict[str, Json] = {"type": JSON_TYPES[self.kind]}
        if self.low is not None:
            bounds["above" if self.open_low else "low"] = _plain(self.low)
        if self.high is not None:
            bounds["high"] = _plain(self.high)
        return bounds

    def json_schema(self) -> dict[str, Json]:
        """The setting as a JSON Schema."""
        schema: dict[str, Json] = {"type": JSON_TYPES[self.kind], "default": self.default}
        if self.kind == "floats":
            schema["items"] = {"type": "number"}
        if self.nullable:
            schema["type"] = [JSON_TYPES[self.kind], "null"]
        if self.choices is not None:
            schema["enum"] = list(self.choices)
        if self.low is not None:
            schema["exclusiveMinimum" if self.open_low else "minimum"] = _plain(self.low)
        if self.high is not None:
            schema["maximum"] = _plain(self.high)
        if self.help:
            schema["description"] = self.help
        if self.when:
            schema["x-when"] = {name: list(values) for name, values in self.when.items()}
        if self.off is not None:
            schema["x-off"] = self.off
        return schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number a trainable measures.

    `worst` is what a diverged trial counts as. `curve` metrics are reported by step. `costly` ones
    measure time or memory and need a trial to have its worker for itself. `split` is the data it reads.
    `at_each` names a setting that holds a list of numbers: at each of them the metric is read once more,
    under the name `name_at(name, number)`.
    """

    name: str
    goal: Literal["maximize", "minimize"]
    worst: float
    scale: Literal["linear", "log"] = "linear"
    unit: str = ""
    curve: bool = False
    costly: bool = False
    split: Literal["train", "validation", "test", ""] = ""
    at_each: str = ""
    help: str = ""

    @property
    def reads_test(self) -> bool:
        """Whether it looks at test data, which no choice may."""
        return self.split == "test" or (not self.split and self.name.startswith("test"))

    @property
    def reads_validation(self) -> bool:
        """Whether it looks at validation data, on which choices are made."""
        return self.split == "validation" or (not self.split and self.name.startswith("val"))

    def to_json(self) -> dict[str, Json]:
        """The metric as the catalogue shows it."""
        return {
            "name": self.name,
            "goal": self.goal,
            "worst": self.worst,
            "scale": self.scale,
            "unit": self.unit,
            "curve": self.curve,
            "costly": self.costly,
            "help": self.help,
            **({"at_each": self.at_each} if self.at_each else {}),
        }

    def read_at(self, settings: Mapping[str, Json]) -> "tuple[Metric, ...]":
        """The metric as it is read at each number of the list that these settings hold, if any."""
        numbers = settings.get(self.at_each) if self.at_each else None
        if not isinstance(numbers, list):
            return ()
        found = [float(x) for x in numbers if isinstance(x, int | float)]
        return tuple(
            replace(self, name=name_at(self.name, x), help=f"{self.help}, {self.at_each} {x:g}")
            for x in dict.fromkeys(found)
        )


def name_at(metric: str, number: float) -> str:
    """The name of a metric that is read at a number.

    >>> name_at("fgsm_accuracy", 0.02)
    'fgsm_accuracy.0.02'
    """
    return f"{metric}.{number:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ForbiddenSettings:
    """A combination of settings that the code of a trainable cannot run, and why."""

    settings: Mapping[str, tuple[Scalar, ...]]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiple:
    """A setting that must be a multiple of `times` another one, such as a width that is split into heads."""

    setting: str
    of: str
    times: int = 1

    def broken_by(self, settings: Mapping[str, Json]) -> str | None:
        """What is wrong with these settings, if anything is.

        >>> Multiple(setting="width", of="heads", times=2).broken_by({"width": 100, "heads": 4})
        'width 100 is not a multiple of 2 x heads = 8'
        """
        whole, part = settings.get(self.setting), settings.get(self.of)
        if not isinstance(whole, int) or not isinstance(part, int) or part < 1:
            return None
        if whole % (self.times * part) == 0:
            return None
        unit = self.of if self.times == 1 else f"{self.times} x {self.of}"
        return f"{self.setting} {whole} is not a multiple of {unit} = {self.times * part}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a trainable declares: settings, metrics (the first is primary), and the code behind it.

    `code` is an import string "module:attribute", resolved on workers only. `steps_setting` names the
    setting that says how many `step`s a run takes.
    """

    name: str
    summary: str = ""
    code: str = ""
    settings: tuple[Setting, ...] = ()
    metrics: tuple[Metric, ...] = ()
    step: str = "epoch"
    steps_setting: str | None = None
    packs: bool = False
    forbids: tuple[ForbiddenSettings, ...] = ()
    multiples: tuple[Multiple, ...] = ()

    def __post_init__(self) -> None:
        names = [setting.name for setting in self.settings]
        if len(set(names)) < len(names):
            raise ValueError(f"{self.name}: a setting is declared twice: {sorted(names)}")
        for name in ("seed", "arm"):
            if name in names:
                raise ValueError(f"{self.name}: {name} is a reserved name")
        for setting in self.settings:
            if unknown := set(setting.when) - set(names):
                raise ValueError(f"{self.name}.{setting.name} depends on unknown settings {sorted(unknown)}")
        self.in_order()

    def has(self, name: str) -> bool:
        """Whether there is a setting of this name."""
        return any(setting.name == name for setting in self.settings)

    def setting(self, name: str) -> Setting:
        """The setting of this name.

        Raises: UnknownFactor.
        """
        for setting in self.settings:
            if setting.name == name:
                return setting
        raise UnknownFactor(Problem(path=name, detail="unknown setting", allowed=self.setting_names()))

    def setting_names(self) -> list[Json]:
        """The names of all settings, sorted."""
        return [name for name in sorted(setting.name for setting in self.settings)]

    def metric(self, name: str) -> Metric:
        """The metric of this name.

        Raises: InvalidStudy.
        """
        for metric in self.metrics:
            if metric.name == name:
                return metric
        allowed: list[Json] = [metric.name for metric in self.metrics]
        raise InvalidStudy(
            Problem(path=name, detail=f"{self.name} does not measure {name!r}", allowed=allowed)
        )

    def metrics_of(self, settings: Mapping[str, Json]) -> tuple[Metric, ...]:
        """All metrics, those read at the numbers of these settings among them."""
        return (*self.metrics, *(more for metric in self.metrics for more in metric.read_at(settings)))

    def in_order(self) -> tuple[Setting, ...]:
        """The settings, each behind those its condition reads.

        Raises: ValueError if conditions go round in a circle.
        """
        by_name = {setting.name: setting for setting in self.settings}
        done: dict[str, Setting] = {}
        open_names: set[str] = set()

        def visit(name: str) -> None:
            if name in done:
                return
            if name in open_names:
                raise ValueError(f"{self.name}: the condition of {name} depends on itself")
            open_names.add(name)
            for other in by_name[name].when:
                visit(other)
            done[name] = by_name[name]

        for name in by_name:
            visit(name)
        return tuple(done.values())

    def json_schema(self) -> dict[str, Json]:
        """The settings as one JSON Schema object."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.summary,
            "type": "object",
            "additionalProperties": False,
            "properties": {setting.name: setting.json_schema() for setting in self.settings},
        }


def applies(setting: Setting, values: Mapping[str, Json], applying: Mapping[str, object]) -> bool:
    """Whether a setting applies, given all values and the settings before it that apply."""
    for other, allowed in setting.when.items():
        if other not in applying or not _is_among(values[other], allowed):
            return False
    return True


def _is_among(value: Json, allowed: tuple[Scalar, ...]) -> bool:
    for one in allowed:  # plain loops: every arm of a plan comes by here
        if same(value, one):
            return True
    return False


def same(a: Json, b: Json) -> bool:
    """Whether two values are one: 1 and 1.0 are, 1 and true are not.

    >>> same(1, 1.0), same(1, True), same("1", 1)
    (True, False, False)
    """
    return isinstance(a, bool) == isinstance(b, bool) and a == b


def coerce(setting: Setting, value: Json, path: str) -> Json:
    """The value as the setting's own type, so that equal values are written equally.

    Raises: InvalidStudy with `path` and what would be allowed.

    >>> coerce(Setting(name="depth", kind="int", default=1), 3.0, "fixed.depth")
    3
    """
    plain = _typed(setting, value, path)
    if plain is None or setting.kind == "floats":
        return plain
    if setting.choices is not None and not any(same(plain, choice) for choice in setting.choices):
        raise _refusal(setting, value, path)
    if isinstance(plain, int | float) and not isinstance(plain, bool) and not _in_range(setting, plain):
        raise _refusal(setting, value, path)
    return plain


def _typed(setting: Setting, value: Json, path: str) -> Json:
    if value is None and setting.nullable:
        return None
    if setting.kind == "bool" and isinstance(value, bool):
        return value
    if setting.kind == "str" and isinstance(value, str):
        return value
    if setting.kind == "floats" and isinstance(value, list) and value:
        each = Setting(name=setting.name, kind="float", default=0.0, low=setting.low, high=setting.high)
        return [coerce(each, item, f"{path}.{i}") for i, item in enumerate(value)]
    if setting.numeric and isinstance(value, int | float) and not isinstance(value, bool):
        return _number(setting, value, path)
    raise _refusal(setting, value, path)


def _number(setting: Setting, value: int | float, path: str) -> int | float:
    try:
        real = float(value)
    except OverflowError:
        raise _refusal(setting, value, path) from None
    if not math.isfinite(real) or (setting.kind == "int" and not real.is_integer()):
        raise _refusal(setting, value, path)
    if setting.kind == "int":
        return int(value)
    return real + 0.0  # -0.0 and 0.0 are one value


def _in_range(setting: Setting, value: int | float) -> bool:
    if setting.low is not None and (value < setting.low or (setting.open_low and value == setting.low)):
        return False
    return setting.high is None or value <= setting.high


def _refusal(setting: Setting, value: Json, path: str) -> InvalidStudy:
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:60] + "..."
    detail = f"{shown} is no value of {setting.name}"
    return InvalidStudy(Problem(path=path, detail=detail, allowed=setting.allowed))


def _plain(value: float) -> int | float:
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else value
