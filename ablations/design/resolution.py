"""From levels and searched values to settings: which apply, and what they resolve to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ablations.design.factor import Factor
from ablations.errors import Json, Problems, UnknownFactor
from ablations.manifest import Manifest, Scalar, Setting, applies, coerce, same
from ablations.study.spec import Range

Assignment = tuple[int, ...]
"""For each factor, in their order, the index of a level; ABSENT where the factor does not apply."""

ABSENT = -1

Space = Mapping[str, Range | Sequence[Scalar]]
"""What a search may set each of its settings to."""


def read_settings(
    values: Mapping[str, Json], manifest: Manifest, path: str, problems: Problems
) -> dict[str, Json]:
    """Settings as their own types; what is unknown or out of range is a problem."""
    settings: dict[str, Json] = {}
    for name, value in values.items():
        if not manifest.has(name):
            detail = f"{manifest.name} has no setting {name!r}"
            problems.add(f"{path}.{name}", detail, manifest.setting_names(), UnknownFactor)
            continue
        with problems.noting():
            settings[name] = coerce(manifest.setting(name), value, f"{path}.{name}")
    return settings


@dataclass(slots=True)
class Resolver:
    """Resolves assignments against one manifest, one set of fixed settings, and the space of a search.

    A factor is absent only where none of its settings can apply, whatever the search tries: one that sets
    the momentum of an optimizer stays, where that optimizer is among those searched.
    """

    manifest: Manifest
    factors: Sequence[Factor]
    fixed: Mapping[str, Json]
    space: Space = field(default_factory=dict)
    _order: tuple[Setting, ...] = field(init=False)
    _base: dict[str, Json] = field(init=False)
    _conditional: tuple[int, ...] = field(init=False)
    _gating: tuple[int, ...] = field(init=False)
    _known: dict[Assignment, frozenset[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._order = self.manifest.in_order()
        self._base = {setting.name: setting.default for setting in self._order} | dict(self.fixed)
        conditions = {setting.name: setting.when for setting in self._order}
        self._conditional = tuple(
            i
            for i, factor in enumerate(self.factors)
            if factor.settings and all(conditions[name] for name in factor.settings)
        )
        gates = self._gates({name for i in self._conditional for name in self.factors[i].settings})
        self._gating = tuple(i for i, factor in enumerate(self.factors) if gates & set(factor.settings))

    def _gates(self, names: set[str]) -> set[str]:
        """The settings that decide, at any remove, whether these apply."""
        gates: set[str] = set()
        for setting in reversed(self._order):
            if setting.name in names or setting.name in gates:
                gates.update(setting.when)
        return gates

    def canonical(self, assignment: Assignment) -> Assignment:
        """The assignment with ABSENT for each factor that does not apply in it."""
        if not self._conditional:
            return assignment
        key = tuple(assignment[i] for i in self._gating)
        absent = self._known.get(key)
        if absent is None:
            absent = self._known[key] = self._absent(assignment)
        if not absent:
            return assignment
        return tuple(ABSENT if i in absent else level for i, level in enumerate(assignment))

    def _absent(self, assignment: Assignment) -> frozenset[int]:
        applying = self.possible(assignment)
        return frozenset(
            i for i in self._conditional if not any(name in applying for name in self.factors[i].settings)
        )

    def assign(self, levels: Mapping[str, Scalar]) -> Assignment:
        """The assignment that an arm's levels name."""
        named = (
            factor.index(levels[factor.name]) if factor.name in levels else None for factor in self.factors
        )
        return tuple(ABSENT if index is None else index for index in named)

    def resolve(self, assignment: Assignment, extra: Mapping[str, Json] | None = None) -> dict[str, Json]:
        """The settings of an assignment: defaults, then fixed, then its levels, then `extra`.

        What does not apply is left out.
        """
        values = self._values(assignment, extra)
        applying: dict[str, Json] = {}
        for setting in self._order:
            if not setting.when or applies(setting, values, applying):
                applying[setting.name] = values[setting.name]
        return applying

    def possible(self, assignment: Assignment, extra: Mapping[str, Json] | None = None) -> dict[str, Json]:
        """The settings that apply with one choice or another of those searched, as they are before it."""
        values = self._values(assignment, extra)
        found: dict[str, Json] = {}
        for setting in self._order:
            if all(
                other in found and any(self._can_be(other, value, values) for value in allowed)
                for other, allowed in setting.when.items()
            ):
                found[setting.name] = values[setting.name]
        return found

    def _values(self, assignment: Assignment, extra: Mapping[str, Json] | None) -> dict[str, Json]:
        values = dict(self._base)
        for factor, index in zip(self.factors, assignment, strict=True):
            if index != ABSENT:
                values.update(factor.levels[index].settings)
        for name, value in (extra or {}).items():
            values[name] = coerce(self.manifest.setting(name), value, name)
        return values

    def _can_be(self, name: str, value: Scalar, values: Mapping[str, Json]) -> bool:
        """Whether a setting has this value, or gets it from the search."""
        domain = self.space.get(name)
        if domain is None:
            return same(values[name], value)
        if isinstance(domain, Range):
            return isinstance(value, int | float) and domain.low <= value <= domain.high
        return any(same(tried, value) for tried in domain)
