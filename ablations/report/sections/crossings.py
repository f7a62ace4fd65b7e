"""Where along a numeric factor, such as depth, each rate crosses a level."""

from collections.abc import Sequence

from ablations.effects.description import RateCrossing
from ablations.report.document.document import Block, Cell, Column, Fold, Kind, Paragraph, Table
from ablations.report.document.numbers import compact, count, listing, percent, significant
from ablations.report.evidence import Evidence, levels_text

MAX_NAMED = 3
MAX_OPEN_ROWS = 24


def crossings(evidence: Evidence) -> list[Block]:
    """A sentence and a table for each rate and numeric factor."""
    groups: dict[tuple[str, str], list[RateCrossing]] = {}
    for found in evidence.effects.crossings:
        groups.setdefault((found.metric, found.factor), []).append(found)
    blocks: list[Block] = []
    for group in groups.values():
        table = _table(group)
        blocks.append(Paragraph(phrases=(_sentence(group),)))
        long = len(group) > MAX_OPEN_ROWS
        blocks.append(Fold(title=f"All {count(len(group), 'course')}", blocks=(table,)) if long else table)
    if blocks:
        blocks.append(Paragraph(phrases=(_method(evidence.effects.crossings[0]),)))
    return blocks


def _sentence(group: Sequence[RateCrossing]) -> str:
    metric, factor, level = group[0].metric, group[0].factor, percent(group[0].level)
    named = [f for f in group if f.course == "crosses"]
    if not named:
        return f"The rate {metric} crosses {level} nowhere between the levels of {factor}."
    parts = [
        f"at {factor} {_place(f.at)} {_brackets(f)}" + (f" where {levels_text(f.within)}" if f.within else "")
        for f in named[:MAX_NAMED]
    ]
    rest = f", and in {count(len(named) - MAX_NAMED, 'more course')}" if len(named) > MAX_NAMED else ""
    return f"The rate {metric} crosses {level} {listing(parts)}{rest}."


def _method(found: RateCrossing) -> str:
    return (
        "Between levels the rate is interpolated linearly. Brackets hold the bootstrap interval of"
        f" {percent(found.confidence)} over seeds, each seed with its whole course; with few seeds it is too"
        " short, and where all seeds agree it has no width. A place outside the levels that were run is"
        " not guessed at."
    )


def _table(group: Sequence[RateCrossing]) -> Table:
    strata = list(dict.fromkeys(name for found in group for name in found.within))
    first = group[0]
    columns = (
        *(Column(name=name, kind=Kind.NAME) for name in strata),
        Column(name=f"{first.factor} at {percent(first.level)}", help=f"where {first.metric} crosses"),
        Column(name=f"{percent(first.confidence)} interval"),
        Column(name="course"),
        Column(name="n", kind=Kind.COUNT, help="seeds with a value at every level"),
    )
    return Table(columns=columns, rows=tuple(_row(found, strata) for found in group))


def _row(found: RateCrossing, strata: Sequence[str]) -> tuple[Cell, ...]:
    return (
        *(compact(found.within[name]) if name in found.within else None for name in strata),
        _crossing_text(found),
        _interval(found),
        _course(found),
        found.n,
    )


def _course(found: RateCrossing) -> str:
    match found.course:
        case "never":
            return "below at every level" if found.rising else "above at every level"
        case "before":
            return "above from the first on" if found.rising else "below from the first on"
    return "rising" if found.rising else "falling"


def _crossing_text(found: RateCrossing) -> str:
    if found.course == "never":
        return f"beyond {_place(found.last)}"
    return f"before {_place(found.first)}" if found.course == "before" else _place(found.at)


def _interval(found: RateCrossing) -> str:
    """The interval in words where an end lies outside the levels that were run."""
    if found.low is None and found.high is None:
        return "open on both sides"
    if found.high is None:
        return f"beyond {_place(found.last)}" if found.low == found.last else f"{_place(found.low)} or more"
    if found.low is None:
        return f"before {_place(found.first)}" if found.high == found.first else f"up to {_place(found.high)}"
    return f"{_place(found.low)} to {_place(found.high)}"


def _brackets(found: RateCrossing) -> str:
    low = "below" if found.low is None else _place(found.low)
    return f"[{low}, {'beyond' if found.high is None else _place(found.high)}]"


def _place(place: float | None) -> str:
    return significant(place) if place is not None else "?"
