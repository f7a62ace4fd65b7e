"""The tables of a report in LaTeX (booktabs), ready for a paper."""

import re
import unicodedata
from collections.abc import Sequence

from ablations.report.document.document import Callout, Column, Kind, Report, Section, Table
from ablations.report.document.numbers import MINUS, NOTHING, count
from ablations.report.renderers.latex_columns import WRAPPED, Placed, chosen, fitting, is_too_wide, plain

LEFT = {Kind.TEXT, Kind.NAME, Kind.VERDICT}
SECTIONS = {"effects": "Differences within a seed with their intervals over seeds.", "arms": "Every arm."}
FACTORS = "Factors within a seed with their intervals over seeds."
PACKAGES = "% needs \\usepackage{booktabs,longtable}"
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
    parts = [PACKAGES]
    for section in report.sections:
        tables = [block for block in section.blocks if isinstance(block, Table)]
        if section.id in SECTIONS and tables:
            about = _about(section.id, tables[0], report.summary, _notes(section))
            parts.append(_table(tables[0], about, section.id))
    return "\n\n".join(parts) + "\n"


def render_table(
    table: Table, section: str, *, question: str, notes: Sequence[str] = (), columns: Sequence[str] = ()
) -> str:
    """The table of one section: the columns asked for by name, else those that fit a page.

    Raises: KeyError for a name that no column has.
    """
    picked = chosen(table, columns) if columns else None
    wide = picked is not None and is_too_wide(table, picked)
    head = [
        PACKAGES,
        *(["% wider than a page of A4: choose fewer columns, or turn the page"] if wide else []),
    ]
    about = _about(section, table, question, notes)
    return "\n\n".join(["\n".join(head), _table(table, about, section, picked)]) + "\n"


def _about(section: str, table: Table, question: str, notes: Sequence[str]) -> str:
    """What a caption says: what the table holds, the question, and what must stand beside verdicts."""
    factors = any(column.name == "factor" for column in table.columns)
    what = FACTORS if section == "effects" and factors else SECTIONS[section]
    return " ".join([what, question, *(f"{note}." for note in notes)])


def _notes(section: Section) -> list[str]:
    """What must be said beside the verdicts of a section."""
    return [block.title for block in section.blocks if isinstance(block, Callout) and block.tone == "note"]


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


def _table(table: Table, about: str, label: str, picked: list[Placed] | None = None) -> str:
    columns, num_left_out = fitting(table) if picked is None else (picked, 0)
    head = " & ".join(escape(column.name) for _, column, _ in columns)
    rows = [
        " & ".join(_cell(table, i, place, column, spread) for place, column, spread in columns) + r" \\"
        for i in range(len(table.rows))
    ]
    merged = any(spread is not None for _, _, spread in columns)
    how = " Mean $\\pm$ standard deviation over seeds." if merged else ""
    if merged and any(place == at for _, at in table.strong for place, _, _ in columns):
        how = " Mean $\\pm$ standard deviation over seeds; the best mean is bold."
    about = f"{about} {table.caption}" if table.caption else about
    if num_left_out:
        about += f" {count(num_left_out, 'further column')} in the CSV and JSON reports."
    top = [r"\toprule", f"{head} \\\\", r"\midrule"]
    return "\n".join(
        [
            r"\begingroup\footnotesize\setlength{\tabcolsep}{3pt}",
            f"\\begin{{longtable}}{{{''.join(_alignment(table, one) for one in columns)}}}",
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


def _alignment(table: Table, placed: Placed) -> str:
    """Words to the left, numbers to the right; long verdicts break their lines."""
    kind = placed[1].kind
    if kind is Kind.VERDICT and any(len(str(row[placed[0]] or "")) > WRAPPED for row in table.rows):
        return f"p{{{WRAPPED // 2}em}}"
    return "l" if kind in LEFT else "r"


def _cell(table: Table, row: int, place: int, column: Column, spread: int | None) -> str:
    text = escape(plain(table.rows[row][place], column, row))
    if (row, place) in table.strong:
        text = f"\\textbf{{{text}}}"
    if spread is not None and table.rows[row][spread] is not None:
        text = f"{text} $\\pm$ {escape(plain(table.rows[row][spread], table.columns[spread], row))}"
    if (row, place) in table.dagger:
        text = f"$^\\dagger${text}"
    return f"{{{text}}}" if text.startswith("[") else text
