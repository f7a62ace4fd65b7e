"""Which factor becomes the axis, the colour, the dash and the panel of a figure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from ablations.design.arm import Arm
from ablations.design.design import Design
from ablations.design.factor import Factor
from ablations.manifest import Scalar
from ablations.report.document.numbers import compact, count, listing

MAX_LINES = 8
MAX_PANELS = 12
MAX_THINNED = 4
MIN_X_LEVELS = 3
ROW_SIZES = (2, 3)  # panels that fit beside each other, one row for each combination of the others

Levels = Mapping[str, Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a figure: the levels it stands for, its name, its look."""

    levels: Levels
    label: str
    hue: int
    dash: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facets:
    """Lines and panels over the arms; what is in neither is averaged."""

    lines: tuple[Line, ...]
    panels: tuple[Levels, ...]
    averaged: tuple[str, ...]
    thinned: tuple[str, ...]
    hidden_lines: int = 0
    columns: int = 0

    def cells(self, arms: Sequence[Arm]) -> Iterator[tuple[Levels, list[tuple[Line, list[Arm]]]]]:
        """Each panel with its lines and the arms behind every line; empty ones are left out."""
        for panel in self.panels:
            found = []
            for line in self.lines:
                members = [a for a in arms if agrees(a, panel) and has_levels(a, line.levels, self._dashing)]
                if members:
                    found.append((line, members))
            if found:
                yield panel, found

    @property
    def _dashing(self) -> frozenset[str]:
        return frozenset(name for line in self.lines for name in line.levels)

    @property
    def remark(self) -> str:
        """What a caption has to admit."""
        parts = []
        if self.averaged:
            parts.append(f"averaged over {listing(self.averaged)}")
        if self.thinned:
            parts.append(f"some levels of {listing(self.thinned)} only")
        if self.hidden_lines:
            further = count(self.hidden_lines, "further level")
            parts.append(f"{further} {'is' if self.hidden_lines == 1 else 'are'} not drawn")
        return "; ".join(parts)


def agrees(arm: Arm, levels: Levels) -> bool:
    """Whether the arm has these levels, wherever the factor applies to it."""
    return all(name not in arm.levels or arm.levels[name] == value for name, value in levels.items())


def has_levels(arm: Arm, levels: Levels, named: frozenset[str]) -> bool:
    """Whether the arm has exactly these levels among the named factors."""
    return all(arm.levels.get(name) == levels.get(name) for name in named) and all(
        (name in arm.levels) == (name in levels) for name in named
    )


def x_factor(design: Design, judged: str | None) -> Factor | None:
    """The numeric factor a metric is drawn against: `depth` if there is one, else the first."""
    numeric = [f for f in design.factors if f.numeric and not f.when and len(f.levels) >= MIN_X_LEVELS]
    numeric.sort(key=lambda f: (f.name != "depth", f.name == judged))
    return numeric[0] if numeric else None


def facets(design: Design, judged: str | None, baseline: Levels, *, without: str | None = None) -> Facets:
    """Lines by the judged factor and what depends on it, panels by the rest, few enough to be read."""
    factors = [f for f in design.factors if len(f.levels) > 1 and f.name != without]
    hue = next((f for f in factors if f.name == judged), None) or next(iter(factors), None)
    if hue is None:
        only = Line(levels={}, label="all seeds", hue=1, dash=0)
        return Facets(lines=(only,), panels=({},), averaged=(), thinned=())
    bound = [f for f in factors if f is not hue and hue.name in f.when]
    lines = _lines(design, hue, bound, baseline)
    averaged = []
    while len(lines) > MAX_LINES and bound:
        averaged.append(bound.pop().name)
        lines = _lines(design, hue, bound, baseline)
    hidden = max(0, len(lines) - MAX_LINES)
    free = [f for f in factors if f is not hue and f not in bound and f.name not in averaged]
    free.sort(key=lambda f: len(f.levels) in ROW_SIZES)
    panels, pooled, thinned = _panels(free)
    across = [f for f in free if f.name not in pooled]
    return Facets(
        lines=lines[:MAX_LINES],
        panels=panels,
        averaged=(*averaged, *pooled),
        thinned=thinned,
        hidden_lines=hidden,
        columns=len(across[-1].levels) if len(across) > 1 and len(across[-1].levels) in ROW_SIZES else 0,
    )


def _lines(design: Design, hue: Factor, bound: Sequence[Factor], baseline: Levels) -> tuple[Line, ...]:
    """The combinations that occur, the baseline level first and in ink."""
    names = [hue.name, *(f.name for f in bound)]
    has_baseline = hue.name in baseline
    order = sorted(hue.names, key=lambda level: not has_baseline or level != baseline[hue.name])
    found: dict[tuple[tuple[str, Scalar], ...], None] = {}
    for arm in design.arms:
        found.setdefault(tuple((n, arm.levels[n]) for n in names if n in arm.levels))
    lines: list[Line] = []
    for position, level in enumerate(order):
        combinations = [dict(key) for key in found if dict(key).get(hue.name) == level]
        for dash, levels in enumerate(combinations):
            hue_index = position if has_baseline else position + 1
            lines.append(Line(levels=levels, label=_label(levels, hue.name), hue=hue_index, dash=dash))
    return tuple(lines)


def _label(levels: Levels, hue: str) -> str:
    rest = [f"{name} {compact(value)}" for name, value in levels.items() if name != hue]
    return ", ".join([f"{hue} {compact(levels[hue])}", *rest])


def _panels(free: Sequence[Factor]) -> tuple[tuple[Levels, ...], tuple[str, ...], tuple[str, ...]]:
    """Combinations of the free factors, at most MAX_PANELS: long numeric factors thinned, then averaged."""
    levels = {f.name: list(f.names) for f in free}
    thinned, pooled = [], []
    for factor in sorted(free, key=lambda f: -len(f.levels)):
        if _size(levels) > MAX_PANELS and factor.numeric and len(factor.levels) > MAX_THINNED:
            levels[factor.name] = _spread(list(factor.names))
            thinned.append(factor.name)
    while _size(levels) > MAX_PANELS:
        widest = max(levels, key=lambda name: len(levels[name]))
        pooled.append(widest)
        del levels[widest]
    thinned = [name for name in thinned if name in levels]
    combinations = product(*levels.values())
    return tuple(dict(zip(levels, c, strict=True)) for c in combinations), tuple(pooled), tuple(thinned)


def _size(levels: Mapping[str, Sequence[Scalar]]) -> int:
    size = 1
    for names in levels.values():
        size *= len(names)
    return size


def _spread(names: list[Scalar]) -> list[Scalar]:
    """A few levels from first to last at even steps."""
    last = len(names) - 1
    return [names[round(i * last / (MAX_THINNED - 1))] for i in range(MAX_THINNED)]
