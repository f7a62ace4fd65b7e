"""The tables of a report in LaTeX (booktabs), ready for a paper."""

import re

from ablations.report import cells
from ablations.report.document import Cell, Column, Kind, Report, Table
from ablations.report.numbers import MINUS, NOTHING

LEFT = {Kind.TEXT, Kind.NAME, Kind.VERDICT}
SECTIONS = {"effects": "Differences within a seed with their intervals over seeds.", "arms": "Every arm."}
LEFT_OUT = {"note"}
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}


def render(report: Report) -> str:
    """The primary contrast and every arm as tables; needs the packages booktabs and longtable."""
    parts = ["% needs \\usepackage{booktabs,longtable}"]
    for section in report.sections:
        tables = [block for block in section.blocks if isinstance(block, Table)]
        if section.id in SECTIONS and tables:
            parts.append(_table(tables[0], f"{SECTIONS[section.id]} {report.summary}", section.id))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands.

    >>> escape("per_layer & 5 % {x}")
    'per\\\\_layer \\\\& 5 \\\\% \\\\{x\\\\}'
    """
    flat = re.sub(r"[\\{}~^&%$#_]", lambda match: _SPECIAL[match[0]], " ".join(text.split()))
    return flat.replace(MINUS, "$-$").replace(NOTHING, "--")


def _table(table: Table, about: str, label: str) -> str:
    columns = _merged(table.columns)
    head = " & ".join(escape(column.name) for _, column, _ in columns)
    rows = [
        " & ".join(_cell(table, i, place, column, spread) for place, column, spread in columns) + r" \\"
        for i in range(len(table.rows))
    ]
    spec = "".join("l" if column.kind in LEFT else "r" for _, column, _ in columns)
    merged = any(spread is not None for _, _, spread in columns)
    how = " Mean $\\pm$ standard deviation over seeds; the best mean is bold." if merged else ""
    about = f"{about} {table.caption}" if table.caption else about
    top = [r"\toprule", f"{head} \\\\", r"\midrule"]
    return "\n".join(
        [
            f"\\begin{{longtable}}{{{spec}}}",
            f"\\caption{{{escape(about)}{how}}}\\label{{tab:{label}}}\\\\",
            *top,
            r"\endfirsthead",
            *top,
            r"\endhead",
            r"\bottomrule",
            r"\endfoot",
            *rows,
            r"\end{longtable}",
        ]
    )


def _merged(columns: tuple[Column, ...]) -> list[tuple[int, Column, int | None]]:
    """Place, column and the place of its spread: a mean and the `sd` behind it are one column."""
    found: list[tuple[int, Column, int | None]] = []
    for place, column in enumerate(columns):
        behind = columns[place + 1].name if place + 1 < len(columns) else ""
        is_spread = column.name == "sd" and place > 0 and columns[place - 1].kind is Kind.NUMBER
        if not is_spread and column.name not in LEFT_OUT:
            with_spread = column.kind is Kind.NUMBER and behind == "sd"
            found.append((place, column, place + 1 if with_spread else None))
    return found


def _cell(table: Table, row: int, place: int, column: Column, spread: int | None) -> str:
    text = escape(_plain(table.rows[row][place], column))
    if (row, place) in table.strong:
        text = f"\\textbf{{{text}}}"
    if spread is not None and table.rows[row][spread] is not None:
        text = f"{text} $\\pm$ {escape(_plain(table.rows[row][spread], table.columns[spread]))}"
    if (row, place) in table.dagger:
        text = f"$^\\dagger${text}"
    return f"{{{text}}}" if text.startswith("[") else text


def _plain(cell: Cell, column: Column) -> str:
    return cells.text(cell, column) if column.kind is not Kind.VERDICT or cell is not None else ""
