"""A report as Markdown, for notes, issues and terminals."""

import re
from collections.abc import Collection, Iterable, Sequence

from ablations.report.document import cells, numbers
from ablations.report.document.document import (
    Block,
    Bullets,
    Callout,
    Code,
    Column,
    Facts,
    Fold,
    Kind,
    Mark,
    Paragraph,
    Phrase,
    Report,
    Section,
    Style,
    Table,
    VerdictCounts,
)
from ablations.report.document.plots import Figure, Lines

LEFT = {Kind.TEXT, Kind.NAME, Kind.VERDICT}
MAX_ROWS = 100
_SPECIAL = re.compile(r"([\\`*_\[\]<>|#~])")


def render(report: Report) -> str:
    """The whole report; figures appear as their captions, long tables are cut and say so."""
    standing = f"\n\n> **{report.label}** {escape(report.standing)}" if report.label else ""
    head = f"# {escape(report.title)}{standing}\n\n*{escape(report.summary)}*"
    parts = [head, *(_section(s) for s in (*report.sections, report.provenance))]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that Markdown leaves as it is.

    >>> escape("per_layer | <b>")
    'per\\\\_layer \\\\| \\\\<b\\\\>'
    """
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def pipe_table(
    names: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()
) -> list[str]:
    """The lines of a table whose cells are Markdown already; the columns `right`, by index, end flush.

    >>> pipe_table(["arm", "mean"], [["relu", "0.9"]], right={1})
    ['| arm | mean |', '| --- | ---: |', '| relu | 0.9 |']
    """
    rule = "|".join(" ---: " if j in right else " --- " for j in range(len(names)))
    return [f"| {' | '.join(names)} |", f"|{rule}|", *(f"| {' | '.join(row)} |" for row in rows)]


def _section(section: Section) -> str:
    return "\n\n".join([f"## {escape(section.title)}", *(_block(block) for block in section.blocks)])


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            return _phrases(block.phrases)
        case Bullets():
            return "\n".join(f"- {_phrases(item)}" for item in block.items)
        case Callout():
            return f"> **{escape(block.title)}** {escape(block.text)}".rstrip()
        case VerdictCounts():
            return ", ".join(f"**{num}** {verdict}" for verdict, num in block.counts)
        case Facts():
            return "\n".join(f"- {escape(name)}: {_code(value)}" for name, value in block.rows)
        case Code():
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", block.text)), default=0))
            return f"{fence}{block.language}\n{block.text.rstrip()}\n{fence}"
        case Table():
            return _table(block)
        case Fold():
            return "\n\n".join([f"### {escape(block.title)}", *(_block(inner) for inner in block.blocks)])
        case Figure():
            return _figure(block)


def _phrases(phrases: tuple[Phrase, ...]) -> str:
    return "".join(_phrase(phrase) for phrase in phrases)


def _phrase(phrase: Phrase) -> str:
    if not isinstance(phrase, Mark):
        return _SPECIAL.sub(r"\\\1", phrase)
    return f"**{escape(phrase.text)}**" if phrase.style is Style.STRONG else _code(phrase.text)


def _code(text: str) -> str:
    flat = " ".join(text.split()) or " "
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    pad = " " if len(fence) > 1 else ""
    return f"{fence}{pad}{flat}{pad}{fence}"


def _table(table: Table) -> str:
    shown = range(min(len(table.rows), MAX_ROWS))
    lines = pipe_table(
        [escape(column.name) for column in table.columns],
        [[_cell(table, i, j, column) for j, column in enumerate(table.columns)] for i in shown],
        right={j for j, column in enumerate(table.columns) if column.kind not in LEFT},
    )
    left_out = len(table.rows) - len(shown)
    tail = (
        [f"\n{numbers.count(left_out, 'further row')} in the HTML, CSV and JSON reports."] if left_out else []
    )
    caption = [f"{escape(table.caption)}\n"] if table.caption else []
    return "\n".join([*caption, *lines, *tail])


def _cell(table: Table, row: int, column_index: int, column: Column) -> str:
    text = escape(cells.text(table.rows[row][column_index], column, row))
    text = f"**{text}**" if (row, column_index) in table.strong else text
    return f"\N{DAGGER}{text}" if (row, column_index) in table.dagger else text


def _figure(figure: Figure) -> str:
    plot = figure.plot
    lines = f" ({len(plot.panels)} panels)" if isinstance(plot, Lines) and len(plot.panels) > 1 else ""
    return f"*Figure{lines}: {escape(figure.caption)}*"
