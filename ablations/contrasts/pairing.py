"""Pairing: which arms are compared with which, and what weight each gets in the comparison.

Two arms match when they differ in the judged factor and agree on every other factor that applies to both.
Arms linked by matches are one stratum: where one static arm faces several dynamic ones, those are averaged.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ablations.design.arm import Arm
from ablations.design.condition import Selection
from ablations.manifest import Scalar

Key = tuple[tuple[str, Scalar], ...]
Levels = tuple[Scalar, ...]
Block = tuple[list[Arm], list[Arm]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stratum:
    """Arms on both sides of a comparison that agree, but for `vary`, wherever they can."""

    of: tuple[Arm, ...]
    against: tuple[Arm, ...]
    vary: tuple[str, ...]

    @property
    def shared(self) -> dict[str, Scalar]:
        """The levels that all of its arms have."""
        items = set(self.of[0].levels.items())
        for arm in (*self.of[1:], *self.against):
            items.intersection_update(arm.levels.items())
        return {
            name: level
            for name, level in self.of[0].levels.items()
            if name not in self.vary and (name, level) in items
        }

    @property
    def num_pairs(self) -> int:
        """How many pairs of arms it compares."""
        return len(self.of) * len(self.against)


def match(
    of: Iterable[Arm],
    against: Iterable[Arm],
    *,
    vary: Sequence[str],
    within: Sequence[str] = (),
    where: Selection,
) -> dict[Key, list[Stratum]]:
    """The strata of a comparison of arms that differ in `vary`, by the combination of `within` they are in.

    A factor of `where` or `within` may apply on one side only; a pair to which a factor of `where` does
    not apply at all is left out.
    """
    rows: dict[Key, list[Block]] = defaultdict(list)
    treated, untreated = _by_pattern(of, vary), _by_pattern(against, vary)
    for left, left_arms in treated.items():
        for right, right_arms in untreated.items():
            if any(name not in left and name not in right for name in where if name not in vary):
                continue
            for key, block in _join(left_arms, right_arms, left, right, within):
                rows[key].append(block)
    one_pattern = len(treated) == len(untreated) == 1
    return {
        key: [
            Stratum(of=tuple(left), against=tuple(right), vary=tuple(vary))
            for left, right in (blocks if one_pattern else _merged(blocks))
        ]
        for key, blocks in rows.items()
    }


def _by_pattern(arms: Iterable[Arm], vary: Sequence[str]) -> dict[frozenset[str], list[Arm]]:
    patterns: dict[frozenset[str], list[Arm]] = {}
    for arm in arms:
        patterns.setdefault(frozenset(arm.levels).difference(vary), []).append(arm)
    return patterns


def _join(
    left_arms: Sequence[Arm],
    right_arms: Sequence[Arm],
    left: frozenset[str],
    right: frozenset[str],
    within: Sequence[str],
) -> Iterable[tuple[Key, Block]]:
    common = sorted(left & right)
    left_own = [name for name in within if name in left - right]
    right_own = [name for name in within if name in right - left]
    right_cells = _cells(right_arms, common, right_own)
    names = (*common, *left_own, *right_own)
    for key, left_groups in _cells(left_arms, common, left_own).items():
        for left_key, left_group in left_groups.items():
            for right_key, right_group in right_cells.get(key, {}).items():
                known = dict(zip(names, (*key, *left_key, *right_key), strict=True))
                row = tuple((name, known[name]) for name in within if name in known)
                yield row, (left_group, right_group)


def _cells(
    arms: Sequence[Arm], common: Sequence[str], own: Sequence[str]
) -> dict[Levels, dict[Levels, list[Arm]]]:
    """Arms by their levels of the factors in common, and of those of their own."""
    cells: dict[Levels, dict[Levels, list[Arm]]] = {}
    for arm in arms:
        key, own_key = (tuple(map(arm.levels.__getitem__, names)) for names in (common, own))
        cells.setdefault(key, {}).setdefault(own_key, []).append(arm)
    return cells


def _merged(blocks: Sequence[Block]) -> list[Block]:
    """Blocks that share an arm become one."""
    parent = list(range(len(blocks)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    owner: dict[tuple[int, str], int] = {}
    for i, block in enumerate(blocks):
        for side, arms in enumerate(block):
            for arm in arms:
                parent[root(i)] = root(owner.setdefault((side, arm.id), i))
    merged: dict[int, tuple[dict[str, Arm], dict[str, Arm]]] = {}
    for i, (left, right) in enumerate(blocks):
        sides = merged.setdefault(root(i), ({}, {}))
        sides[0].update((arm.id, arm) for arm in left)
        sides[1].update((arm.id, arm) for arm in right)
    return [(list(left.values()), list(right.values())) for left, right in merged.values()]


def weights(strata: Sequence[Stratum]) -> dict[str, float]:
    """The weight of each arm: strata count alike, and so do the arms on either side of a stratum."""
    found: dict[str, float] = defaultdict(float)
    for stratum in strata:
        for arm in stratum.of:
            found[arm.id] += 1.0 / (len(strata) * len(stratum.of))
        for arm in stratum.against:
            found[arm.id] -= 1.0 / (len(strata) * len(stratum.against))
    return dict(found)
