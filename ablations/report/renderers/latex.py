"""The tables of a report in LaTeX (booktabs), ready for a paper."""

import re
import unicodedata

from ablations.report.document import cells
from ablations.report.document.document import Callout, Cell, Column, Kind, Report, Section, Table
from ablations.report.document.numbers import MINUS, NOTHING, count

LEFT = {Kind.TEXT, Kind.NAME, Kind.VERDICT}
SECTIONS = {"effects": "Differences within a seed with their intervals over seeds.", "arms": "Every arm."}
LEFT_OUT = {"note", "median", "IQM"}
ROOM = 84  # letters that a row of \footnotesize holds on a page of A4, gaps between columns counted
GAP = 2
_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{sign: f"\\{sign}" for sign in "&%$#_"},
}


_SIGNS = {
    MINUS: "$-$",
    NOTHING: "--",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{LESS-THAN OR EQUAL TO}": r"$\leq$",
    "\N{GREATER-THAN OR EQUAL TO}": r"$\geq$",
    "\N{MIDDLE DOT}": r"$\cdot$",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "\N{HORIZONTAL ELLIPSIS}": r"\dots{}",
    "\N{DAGGER}": r"$\dagger$",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$",
    "\N{NO-BREAK SPACE}": "~",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
    "\N{THIN SPACE}": r"\,",
}
_GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lamda mu nu xi pi rho sigma tau upsilon phi chi"
    " psi omega".split()
)
# Capitals that look like Latin letters have no command of their own.
_LIKE_LATIN = frozenset("alpha beta epsilon zeta eta iota kappa mu nu rho tau chi".split())
LATIN = 0x180


def render(report: Report) -> str:
    """The primary contrast and every arm as tables; needs the packages booktabs and longtable."""
    parts = ["% needs \\usepackage{booktabs,longtable}"]
    for section in report.sections:
        tables = [block for block in section.blocks if isinstance(block, Table)]
        if section.id in SECTIONS and tables:
            about = f"{SECTIONS[section.id]} {report.summary}{_notes(section)}"
            parts.append(_table(tables[0], about, section.id))
    return "\n\n".join(parts) + "\n"


def _notes(section: Section) -> str:
    """What must be said beside the verdicts of a section, as sentences."""
    notes = [block.title for block in section.blocks if isinstance(block, Callout) and block.tone == "note"]
    return "".join(f" {note}." for note in notes)


def escape(text: str) -> str:
    """Text that LaTeX sets as it stands.

    >>> escape("per_layer & 5 % {x}")
    'per\\\\_layer \\\\& 5 \\\\% \\\\{x\\\\}'
    """
    flat = re.sub(r"[\\{}~^&%$#_]", lambda match: _SPECIAL[match[0]], " ".join(text.split()))
    return "".join(_sign(char) for char in flat)


def _sign(char: str) -> str:
    """A character as pdfLaTeX sets it: signs and Greek as formulas, what it lacks as a code point."""
    if char.isascii():
        return char
    if char in _SIGNS:
        return _SIGNS[char]
    words = unicodedata.name(char, "").split()
    if words[:1] == ["GREEK"] and len(words) == 4 and words[3].lower() in _GREEK:
        name = words[3].lower().replace("lamda", "lambda")
        if words[1] == "SMALL":
            return f"$\\{name}$"
        return name[0].upper() if name in _LIKE_LATIN else f"$\\{name.title()}$"
    # The Latin letters of Europe are in every T1 or OT1 font.
    return char if ord(char) < LATIN else f"U+{ord(char):04X}"


def _table(table: Table, about: str, label: str) -> str:
    columns, num_left_out = _fitting(table, _merged(table.columns))
    head = " & ".join(escape(column.name) for _, column, _ in columns)
    rows = [
        " & ".join(_cell(table, i, place, column, spread) for place, column, spread in columns) + r" \\"
        for i in range(len(table.rows))
    ]
    spec = "".join("l" if column.kind in LEFT else "r" for _, column, _ in columns)
    merged = any(spread is not None for _, _, spread in columns)
    how = " Mean $\\pm$ standard deviation over seeds; the best mean is bold." if merged else ""
    about = f"{about} {table.caption}" if table.caption else about
    if num_left_out:
        about += f" {count(num_left_out, 'further column')} in the CSV and JSON reports."
    top = [r"\toprule", f"{head} \\\\", r"\midrule"]
    return "\n".join(
        [
            r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}",
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
            r"\endgroup",
        ]
    )


Placed = tuple[int, Column, int | None]


def _fitting(table: Table, columns: list[Placed]) -> tuple[list[Placed], int]:
    """The columns that fit on a page: names and counts, then numbers from the left; how many are left out."""
    room = ROOM - sum(_width(table, one) for one in columns if one[1].kind is not Kind.NUMBER)
    kept: list[Placed] = []
    for one in columns:
        if one[1].kind is Kind.NUMBER:
            first = not any(other[1].kind is Kind.NUMBER for other in kept)
            if not first and _width(table, one) > room:
                continue
            room -= _width(table, one)
        kept.append(one)
    return kept, len(columns) - len(kept)


def _width(table: Table, placed: Placed) -> int:
    """The letters of the widest cell of a column."""
    place, column, spread = placed
    widest = len(column.name)
    for row, cell in enumerate(table.rows):
        text = _plain(cell[place], column, row)
        if spread is not None:
            text += f" + {_plain(cell[spread], table.columns[spread], row)}"
        widest = max(widest, len(text))
    return widest + GAP


def _merged(columns: tuple[Column, ...]) -> list[Placed]:
    """Place, column and the place of its spread: a mean and the `sd` behind it are one column."""
    found: list[Placed] = []
    for place, column in enumerate(columns):
        behind = columns[place + 1].name if place + 1 < len(columns) else ""
        is_spread = column.name == "sd" and place > 0 and columns[place - 1].kind is Kind.NUMBER
        if not is_spread and column.name not in LEFT_OUT:
            with_spread = column.kind is Kind.NUMBER and behind == "sd"
            found.append((place, column, place + 1 if with_spread else None))
    return found


def _cell(table: Table, row: int, place: int, column: Column, spread: int | None) -> str:
    text = escape(_plain(table.rows[row][place], column, row))
    if (row, place) in table.strong:
        text = f"\\textbf{{{text}}}"
    if spread is not None and table.rows[row][spread] is not None:
        text = f"{text} $\\pm$ {escape(_plain(table.rows[row][spread], table.columns[spread], row))}"
    if (row, place) in table.dagger:
        text = f"$^\\dagger${text}"
    return f"{{{text}}}" if text.startswith("[") else text


def _plain(cell: Cell, column: Column, row: int) -> str:
    return cells.text(cell, column, row) if column.kind is not Kind.VERDICT or cell is not None else ""
