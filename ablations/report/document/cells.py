"""A cell of a table as text, by the kind of its column."""

from ablations.report.document import numbers
from ablations.report.document.document import Cell, Column, Kind


def text(cell: Cell, column: Column, row: int) -> str:
    """What is printed for a raw value in a row of the table."""
    decimals = column.decimals_of(row)
    if cell is None:
        return numbers.NOTHING
    if isinstance(cell, tuple):
        return numbers.interval(*cell, decimals, signed=column.signed)
    if isinstance(cell, bool) or isinstance(cell, str):
        return numbers.compact(cell)
    match column.kind:
        case Kind.NUMBER:
            return numbers.number(cell, decimals)
        case Kind.DIFFERENCE:
            return numbers.difference(cell, decimals)
        case Kind.P:
            return numbers.p_value(cell)
        case Kind.PERCENT:
            return numbers.percent(cell)
        case _:
            return numbers.compact(cell)
