"""Factors: what may vary, over which levels."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from ablations.errors import Json, Problems, UnknownFactor
from ablations.manifest import Manifest, Scalar, Setting, coerce, same
from ablations.study.spec import StudySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of a factor: its name and the settings it stands for."""

    name: Scalar
    settings: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """One thing that may vary.

    A `numeric` factor can be compared with ge, le, gt and lt; an `ordered` one has its levels in the
    order of their size. `when` is the condition of the setting behind it; {} means always.
    """

    name: str
    levels: tuple[Level, ...]
    numeric: bool = False
    ordered: bool = False
    when: Mapping[str, tuple[Scalar, ...]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[Scalar, ...]:
        """The names of its levels, in order."""
        return tuple(level.name for level in self.levels)

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that any of its levels sets."""
        return tuple(sorted({name for level in self.levels for name in level.settings}))

    def index(self, value: Json) -> int | None:
        """Where the level of this name stands, None if there is none."""
        for i, level in enumerate(self.levels):
            if same(level.name, value):
                return i
            if isinstance(level.name, str) and not isinstance(value, str) and level.name == json.dumps(value):
                return i
        return None


Written = tuple[str, Json]
Distinct = tuple[bool, Scalar]
"""A level as it is written: its path and its value."""


def read_factors(study: StudySpec, manifest: Manifest, problems: Problems) -> tuple[Factor, ...]:
    """The factors of a study, those of `baseline` first, then by name, so that no dict order matters."""
    listed = {} if study.factors else _levels_of_arms(study)
    factors = []
    for name in sorted((*study.factors, *listed), key=lambda name: (name not in study.baseline, name)):
        levels = study.factors.get(name)
        if isinstance(levels, dict):
            factor: Factor | None = _bundles(name, levels, manifest, problems)
        elif levels is not None:
            written = [(f"factors.{name}.{i}", value) for i, value in enumerate(levels)]
            factor = _values(name, written, manifest, f"factors.{name}", problems)
        else:
            factor = _values(name, listed[name], manifest, listed[name][0][0], problems)
        if factor is not None and factor.levels:
            factors.append(factor)
    _check_overlap(factors, problems)
    return tuple(factors)


def _levels_of_arms(study: StudySpec) -> dict[str, list[Written]]:
    """The levels that a listed design without factors uses, in the order of their size."""
    found: dict[str, dict[Distinct, Written]] = {}
    for i, arm in enumerate(study.arms or ()):
        for name, value in arm.items():
            found.setdefault(name, {}).setdefault(_distinct(value), (f"arms.{i}.{name}", value))
    return {
        name: sorted(levels.values(), key=lambda level: _natural(level[1])) for name, levels in found.items()
    }


def _distinct(value: Scalar) -> Distinct:
    """Equal for values that are one, by the rule of `same`."""
    return isinstance(value, bool), value


def _values(
    name: str, levels: list[Written], manifest: Manifest, path: str, problems: Problems
) -> Factor | None:
    if not manifest.has(name):
        detail = f"{manifest.name} has no setting {name!r}; a factor of another name needs named bundles"
        problems.add(path, detail, manifest.setting_names(), UnknownFactor)
        return None
    setting = manifest.setting(name)
    if setting.kind == "floats":
        problems.add(path, f"{name} takes lists; give its levels names: {{short: {{{name}: [1, 2]}}}}")
        return None
    found: dict[Distinct, Level] = {}
    for here, value in levels:
        with problems.noting():
            plain = coerce(setting, value, here)
            level = Level(name=scalar(plain), settings={name: plain})
            if found.setdefault(_distinct(level.name), level) is not level:
                problems.add(here, f"the level {plain!r} is listed twice")
    return _factor(name, list(found.values()), setting)


def _bundles(
    name: str, bundles: Mapping[str, Mapping[str, Json]], manifest: Manifest, problems: Problems
) -> Factor:
    setting = manifest.setting(name) if manifest.has(name) else None
    found: list[Level] = []
    for key in sorted(bundles, key=_natural_text):
        path = f"factors.{name}.{key}"
        settings = _bundle_settings(bundles[key], manifest, path, problems)
        level_name: Scalar = key
        if setting is not None and name not in settings:
            with problems.noting():
                level_name = scalar(coerce(setting, _value_of(key, setting), path))
                settings = {name: level_name, **settings}
        if not settings:
            problems.add(path, "this level sets nothing", manifest.setting_names())
        for other in found:
            if same(other.name, level_name):
                problems.add(path, f"the level {level_name!r} is listed twice")
            elif settings and other.settings == settings:
                problems.add(path, f"sets the same as {other.name!r}")
        found.append(Level(name=level_name, settings=settings))
    return _factor(name, found, setting)


def _bundle_settings(
    bundle: Mapping[str, Json], manifest: Manifest, path: str, problems: Problems
) -> dict[str, Json]:
    settings: dict[str, Json] = {}
    for key, value in sorted(bundle.items()):
        if not manifest.has(key):
            detail = f"{manifest.name} has no setting {key!r}"
            problems.add(f"{path}.{key}", detail, manifest.setting_names(), UnknownFactor)
            continue
        with problems.noting():
            settings[key] = coerce(manifest.setting(key), value, f"{path}.{key}")
    return settings


def _factor(name: str, levels: list[Level], setting: Setting | None) -> Factor:
    numeric = bool(levels) and all(
        isinstance(level.name, int | float) and not isinstance(level.name, bool) for level in levels
    )
    ordered = numeric or (setting is not None and setting.ordered)
    if setting is not None and setting.ordered and setting.choices is not None and not numeric:
        order = {choice: i for i, choice in enumerate(setting.choices)}
        levels = sorted(levels, key=lambda level: order.get(level.name, len(order)))
    alone = setting is not None and all(set(level.settings) == {name} for level in levels)
    when = dict(setting.when) if setting is not None and alone else {}
    return Factor(name=name, levels=tuple(levels), numeric=numeric, ordered=ordered, when=when)


def _check_overlap(factors: list[Factor], problems: Problems) -> None:
    owners: dict[str, str] = {}
    for factor in factors:
        for setting in factor.settings:
            if setting in owners:
                detail = f"{setting} is also set by the factor {owners[setting]}"
                problems.add(f"factors.{factor.name}", detail)
            owners.setdefault(setting, factor.name)


def _value_of(key: str, setting: Setting) -> Json:
    if setting.kind == "str":
        return key
    try:
        value: Json = json.loads(key)
    except ValueError:
        return key
    return value


def _natural_text(key: str) -> tuple[int, float, str]:
    try:
        return (0, float(key), key)
    except ValueError:
        return (1, 0.0, key)


def _natural(value: Json) -> tuple[int, float, str]:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, float(value), "")
    return (1, 0.0, json.dumps(value))


def scalar(value: Json) -> Scalar:
    """The value, which the caller knows to be no list and no object."""
    assert not isinstance(value, list | dict)
    return value


def name_many(factor: str) -> str:
    """The levels of a factor in general, as a sentence names them.

    >>> name_many("model"), name_many("data_set")
    ('models', 'levels of data_set')
    """
    return f"{factor}s" if factor.isalpha() and factor[-1] not in "syxz" else f"levels of {factor}"
