"""Conditions on levels, as they stand in `where`, `exclude` and `require`."""

from collections.abc import Iterable, Mapping
from typing import Any

from ablations.design.factor import Factor
from ablations.errors import Json, Problems, UnknownFactor
from ablations.manifest import Scalar
from ablations.study.fields import Comparison

Selection = Mapping[str, tuple[Scalar, ...]]
"""For each factor named, the levels that meet the condition."""


def select(
    conditions: Mapping[str, Any], factors: Iterable[Factor], path: str, problems: Problems
) -> dict[str, tuple[Scalar, ...]]:
    """The levels that meet each condition; what names no factor or no level is a problem."""
    by_name = {factor.name: factor for factor in factors}
    chosen: dict[str, tuple[Scalar, ...]] = {}
    for name, condition in conditions.items():
        here = f"{path}.{name}"
        if name not in by_name:
            allowed: list[Json] = [known for known in sorted(by_name)]
            problems.add(here, f"{name} is no factor of this study", allowed, UnknownFactor)
            continue
        chosen[name] = _levels(by_name[name], condition, here, problems)
    return chosen


def _levels(factor: Factor, condition: Any, path: str, problems: Problems) -> tuple[Scalar, ...]:
    if isinstance(condition, list):
        indices = [level_index(factor, item, f"{path}.{i}", problems) for i, item in enumerate(condition)]
        return tuple(factor.names[i] for i in sorted({i for i in indices if i is not None}))
    if isinstance(condition, Comparison):
        return _compared(factor, condition, path, problems)
    index = level_index(factor, condition, path, problems)
    return () if index is None else (factor.names[index],)


def _compared(factor: Factor, condition: Comparison, path: str, problems: Problems) -> tuple[Scalar, ...]:
    given = condition.model_fields_set
    if given - {"eq"} and not factor.numeric:
        problems.add(path, f"the levels of {factor.name} are no numbers; name the levels", list(factor.names))
        return ()
    if "eq" in given and level_index(factor, condition.eq, f"{path}.eq", problems) is None:
        return ()
    met = tuple(level for level in factor.names if _meets(factor, condition, level))
    if not met:
        problems.add(path, f"no level of {factor.name} meets this", list(factor.names))
    return met


def _meets(factor: Factor, condition: Comparison, level: Scalar) -> bool:
    if "eq" in condition.model_fields_set:
        index = factor.index(condition.eq)
        if index is None or factor.names[index] != level:
            return False
    if isinstance(level, str) or level is None:
        return True
    return (
        (condition.ge is None or level >= condition.ge)
        and (condition.le is None or level <= condition.le)
        and (condition.gt is None or level > condition.gt)
        and (condition.lt is None or level < condition.lt)
    )


def level_index(factor: Factor, value: Json, path: str, problems: Problems) -> int | None:
    """Where the level of this name stands; a problem and None if there is none."""
    index = factor.index(value)
    if index is None:
        problems.add(path, f"{value!r} is no level of {factor.name}", list(factor.names))
    return index
