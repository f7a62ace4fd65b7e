"""Which columns of a table stand in LaTeX: those asked for by name, or those that fit a page."""

from collections.abc import Sequence

from ablations.report.document import cells
from ablations.report.document.document import Cell, Column, Kind, Table

SUMMARIES = ("sd", "median", "IQM")
LEFT_OUT = {"note", "median", "IQM"}
SPARE = ("seeds to settle", "holes", "p")
ROOM = 84  # letters that a row of \footnotesize holds on a page of A4, gaps between columns counted
GAP = 2
WRAPPED = 24  # letters of a verdict's column that breaks its lines

Placed = tuple[int, Column, int | None]
"""A column, its place, and the place of the spread that stands behind its numbers."""


def names_of(table: Table) -> dict[str, int]:
    """The names by which columns are asked for, with their places.

    A unit in brackets is left out, an interval is called `interval` whatever its level, and what stands
    behind a metric is called after it: `test_accuracy.median`.
    """
    found: dict[str, int] = {}
    metric = ""
    for place, column in enumerate(table.columns):
        name = column.name.split(" [")[0]
        if column.kind is Kind.INTERVAL and name.endswith(" interval"):
            name = "interval"
        if metric and name in SUMMARIES:
            name = f"{metric}.{name}"
        elif column.kind in (Kind.NUMBER, Kind.PERCENT):
            metric = name
        found.setdefault(name, place)
    return found


def chosen(table: Table, names: Sequence[str]) -> list[Placed]:
    """The columns asked for, in that order; a mean has its spread behind it unless that is asked for apart.

    Raises: KeyError for a name that `names_of` does not know.
    """
    places = names_of(table)
    found: list[Placed] = []
    for name in names:
        column, spread = table.columns[places[name]], places.get(f"{name}.sd")
        if "." in name and name.rpartition(".")[2] in SUMMARIES and column.name in SUMMARIES:
            metric = name.rpartition(".")[0]
            column = column.renamed(f"{metric}, {column.name}")
        found.append((places[name], column, None if f"{name}.sd" in names else spread))
    return found


def fitting(table: Table) -> tuple[list[Placed], int]:
    """The columns that fit on a page, and how many are left out.

    Names, intervals and verdicts stay; numbers are taken from the left as far as there is room, and what
    else is too much goes in the order of SPARE.
    """
    columns = _merged(table.columns)
    fixed = [one for one in columns if one[1].kind is not Kind.NUMBER]
    for name in SPARE:
        if _widths(table, fixed) > ROOM:
            fixed = [one for one in fixed if one[1].name != name]
    room = ROOM - _widths(table, fixed)
    kept: list[Placed] = []
    for one in columns:
        if one[1].kind is Kind.NUMBER:
            first = not any(other[1].kind is Kind.NUMBER for other in kept)
            if not first and width(table, one) > room:
                continue
            room -= width(table, one)
        elif one not in fixed:
            continue
        kept.append(one)
    return kept, len(columns) - len(kept)


def is_too_wide(table: Table, columns: Sequence[Placed]) -> bool:
    """Whether a row of these columns is wider than a page."""
    return _widths(table, columns) > ROOM


def width(table: Table, placed: Placed) -> int:
    """The letters of the widest cell of a column; a verdict may break its lines."""
    place, column, spread = placed
    widest = len(column.name)
    for row, cell in enumerate(table.rows):
        text = plain(cell[place], column, row)
        if spread is not None:
            text += f" + {plain(cell[spread], table.columns[spread], row)}"
        widest = max(widest, len(text))
    return (min(widest, WRAPPED) if column.kind is Kind.VERDICT else widest) + GAP


def plain(cell: Cell, column: Column, row: int) -> str:
    """A cell as text; an empty verdict stays empty."""
    return cells.text(cell, column, row) if column.kind is not Kind.VERDICT or cell is not None else ""


def _widths(table: Table, columns: Sequence[Placed]) -> int:
    return sum(width(table, one) for one in columns)


def _merged(columns: tuple[Column, ...]) -> list[Placed]:
    """A mean and the `sd` behind it are one column."""
    found: list[Placed] = []
    for place, column in enumerate(columns):
        behind = columns[place + 1].name if place + 1 < len(columns) else ""
        is_spread = column.name == "sd" and place > 0 and columns[place - 1].kind is Kind.NUMBER
        if not is_spread and column.name not in LEFT_OUT:
            with_spread = column.kind is Kind.NUMBER and behind == "sd"
            found.append((place, column, place + 1 if with_spread else None))
    return found
