"""Designs counted a second way: from the study's data by brute force, with no code of the package.

Two arms match when they differ in the judged factor and agree on every other factor that applies to both.
"""

from collections import defaultdict
from itertools import combinations, product
from typing import Any

Levels = dict[str, Any]


def crossed(factors: dict[str, list[Any]]) -> list[Levels]:
    """Every combination of levels."""
    return [dict(zip(factors, levels, strict=True)) for levels in product(*factors.values())]


def collapse(arms: list[Levels], applies: Any) -> list[Levels]:
    """The arms without what does not apply, each once; `applies(name, arm)` tells."""
    kept: list[Levels] = []
    for arm in arms:
        left = {name: level for name, level in arm.items() if applies(name, arm)}
        if left not in kept:
            kept.append(left)
    return kept


def scalars_first(name: str, arm: Levels) -> bool:
    """beta_init and alpha_init apply only where there are scalars."""
    return name not in ("beta_init", "alpha_init") or arm.get("scalars", "none") != "none"


def left_out(full: Levels, off: Levels, *, pairs: bool, anchor: bool) -> list[Levels]:
    """The full recipe, and it with one component off, two, or all."""
    sets = [(), *((name,) for name in off)]
    sets += list(combinations(off, 2)) if pairs else []
    sets += [tuple(off)] if anchor else []
    return [{**full, **{name: off[name] for name in names}} for names in sets]


def matches(one: Levels, other: Levels, vary: str) -> bool:
    """Whether two arms are a pair."""
    shared = (set(one) & set(other)) - {vary}
    return all(one[name] == other[name] for name in shared)


def matched_pairs(
    arms: list[Levels],
    *,
    vary: str,
    against: Any,
    where: Any = None,
    within: tuple[str, ...] = (),
) -> dict[tuple[Any, ...], int]:
    """The number of pairs for each row: a level, and the levels of `within` it is seen in."""
    rows: dict[tuple[Any, ...], int] = defaultdict(int)
    for one, other in product(arms, arms):
        if vary not in one or one[vary] == against or other.get(vary, object()) != against:
            continue
        if where is not None and not (where(one) and where(other)):
            continue
        if matches(one, other, vary):
            rows[one[vary], *(one.get(name, other.get(name)) for name in within)] += 1
    return dict(rows)
