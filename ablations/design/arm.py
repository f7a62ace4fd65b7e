"""Arms: the combinations of levels that a design trains, and those it leaves out."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ablations.design.condition import Selection, select
from ablations.design.factor import Factor
from ablations.design.resolution import ABSENT, Assignment, Resolver
from ablations.errors import DuplicateArm, Json, Problems
from ablations.identity import arm_id, canonical
from ablations.manifest import ForbiddenSettings, Scalar, same
from ablations.study.spec import StudySpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One level for every factor that applies, and the settings that follow from them."""

    id: str
    label: str
    levels: Mapping[str, Scalar]
    settings: Mapping[str, Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """A combination of levels that is left out, and the rule that caused it."""

    levels: Mapping[str, Scalar]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmTable:
    """What became of the assignments of a design."""

    arms: tuple[Arm, ...]
    excluded: tuple[Exclusion, ...]
    collapsed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Excludes the arms that meet `when` and do not meet `then` (none does where `then` is empty)."""

    name: str
    when: Selection
    then: Selection

    def excludes(self, levels: Mapping[str, Scalar]) -> bool:
        """Whether an arm with these levels is left out; a factor that does not apply meets no `when`."""
        if not all(name in levels and levels[name] in allowed for name, allowed in self.when.items()):
            return False
        if not self.then:
            return True
        return any(name in levels and levels[name] not in allowed for name, allowed in self.then.items())


def read_rules(study: StudySpec, factors: Sequence[Factor], problems: Problems) -> tuple[Rule, ...]:
    """The rules of a study, `exclude` first."""
    rules = []
    for i, conditions in enumerate(study.exclude):
        when = select(conditions, factors, f"exclude.{i}", problems)
        rules.append(Rule(name=f"exclude.{i}: {_spoken(when)}", when=when, then={}))
    for i, rule in enumerate(study.require):
        when = select(rule.when, factors, f"require.{i}.when", problems)
        then = select(rule.then, factors, f"require.{i}.then", problems)
        condition = f" where {_spoken(when)}" if when else ""
        rules.append(Rule(name=f"require.{i}: {_spoken(then)}{condition}", when=when, then=then))
    return tuple(rules)


def _spoken(selection: Selection) -> str:
    return ", ".join(f"{name}={'|'.join(map(text_of, levels))}" for name, levels in selection.items())


def text_of(value: Scalar) -> str:
    """A level as it stands in labels.

    >>> text_of(True), text_of(0.5), text_of("relu")
    ('true', '0.5', 'relu')
    """
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else canonical(value)


def label_of(levels: Mapping[str, Scalar]) -> str:
    """A readable name for an arm.

    >>> label_of({"scalars": "none", "depth": 10})
    'scalars=none depth=10'
    """
    return " ".join(f"{name}={text_of(level)}" for name, level in levels.items()) or "default"


def build_arms(
    assignments: Iterable[Assignment], resolver: Resolver, rules: Sequence[Rule], problems: Problems
) -> ArmTable:
    """The arms of these assignments: collapsed where factors do not apply, without what a rule excludes."""
    factors, seen = resolver.factors, set[Assignment]()
    arms: dict[Assignment, Arm] = {}
    excluded: list[Exclusion] = []
    num_given = 0
    for assignment in assignments:
        num_given += 1
        key = resolver.canonical(assignment)
        if key in seen:
            continue
        seen.add(key)
        levels = {
            factor.name: factor.levels[index].name
            for factor, index in zip(factors, key, strict=True)
            if index != ABSENT
        }
        settings = resolver.resolve(key)
        reason = _reason(levels, settings, rules, resolver)
        if reason is not None:
            excluded.append(Exclusion(levels=levels, reason=reason))
        else:
            arms[key] = Arm(id=arm_id(levels), label=label_of(levels), levels=levels, settings=settings)
    if any(factor.settings not in ((), (factor.name,)) for factor in factors):
        _refuse_twins(arms, resolver, problems)
    return ArmTable(arms=tuple(arms.values()), excluded=tuple(excluded), collapsed=num_given - len(seen))


def _reason(
    levels: Mapping[str, Scalar], settings: Mapping[str, Json], rules: Sequence[Rule], resolver: Resolver
) -> str | None:
    """Why an arm is left out, if it is; what a search sets is no reason before it is set."""
    for rule in rules:
        if rule.excludes(levels):
            return rule.name
    settings = {name: value for name, value in settings.items() if name not in resolver.space}
    for forbidden in resolver.manifest.forbids:
        if _is_forbidden(settings, forbidden):
            return f"{resolver.manifest.name}: {forbidden.reason}"
    for multiple in resolver.manifest.multiples:
        if reason := multiple.broken_by(settings):
            return f"{resolver.manifest.name}: {reason}"
    return None


def _is_forbidden(settings: Mapping[str, Json], forbidden: ForbiddenSettings) -> bool:
    return all(
        name in settings and any(same(settings[name], value) for value in values)
        for name, values in forbidden.settings.items()
    )


def _refuse_twins(arms: Mapping[Assignment, Arm], resolver: Resolver, problems: Problems) -> None:
    first: dict[str, Arm] = {}
    for assignment, arm in arms.items():
        twin = first.setdefault(canonical(resolver.possible(assignment)), arm)
        if twin is not arm:
            detail = f"the arms [{twin.label}] and [{arm.label}] are the same training"
            problems.add("factors", detail, kind=DuplicateArm)
            return
