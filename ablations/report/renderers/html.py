"""A report as one HTML file: no scripts, no addresses, figures inline, light, dark and on paper."""

from html import escape
from importlib import resources

from ablations.report.document import cells
from ablations.report.document.document import (
    Block,
    Bullets,
    Callout,
    Cell,
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
from ablations.report.document.plots import Figure
from ablations.report.drawing.palette import DARK, LIGHT, VERDICT_SIGN, variables
from ablations.report.renderers import html_figures

RIGHT = {Kind.NUMBER, Kind.DIFFERENCE, Kind.INTERVAL, Kind.P, Kind.COUNT, Kind.PERCENT}


def render(report: Report) -> str:
    """The page, complete in itself."""
    sections = [*report.sections, report.provenance]
    word = escape(report.label.lower())
    badge = f'<span class="badge interim">{word}</span>' if word else ""
    links = "".join(f'<a href="#{escape(s.id)}">{escape(s.title)}</a>' for s in sections)
    body = "\n".join(_section(section) for section in sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(report.title)} · ablation report</title>
<style>
{_stylesheet()}
</style>
</head>
<body>
<header>
<p class="over">Ablation report{badge}</p>
<h1>{escape(report.title)}</h1>
<p class="question">{escape(report.summary)}</p>
</header>
<nav aria-label="Sections">{links}</nav>
<main>
{body}
</main>
</body>
</html>
"""


def _stylesheet() -> str:
    rules = resources.files("ablations.report.renderers").joinpath("page.css").read_text(encoding="utf-8")
    light = f":root {{ {variables(LIGHT)} }}"
    dark = f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}"
    return f"{light}\n{dark}\n{rules}"


def _section(section: Section) -> str:
    blocks = "\n".join(_block(block) for block in section.blocks)
    return f'<section id="{escape(section.id)}">\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>'


def _block(block: Block) -> str:
    match block:
        case Paragraph():
            kind = ' class="lead"' if block.lead else ""
            return f"<p{kind}>{_phrases(block.phrases)}</p>"
        case Bullets():
            return "<ul>" + "".join(f"<li>{_phrases(item)}</li>" for item in block.items) + "</ul>"
        case Callout():
            text = f"<p>{escape(block.text)}</p>" if block.text else ""
            return f'<aside class="callout {block.tone}"><strong>{escape(block.title)}</strong>{text}</aside>'
        case VerdictCounts():
            chips = (f"<li>{_badge(verdict)}<b>{num}</b></li>" for verdict, num in block.counts)
            return f'<ul class="tally">{"".join(chips)}</ul>'
        case Facts():
            rows = (f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in block.rows)
            return f"<dl>{''.join(rows)}</dl>"
        case Code():
            return f"<pre><code>{escape(block.text)}</code></pre>"
        case Table():
            return _table(block)
        case Fold():
            inside = "\n".join(_block(inner) for inner in block.blocks)
            return f"<details><summary>{escape(block.title)}</summary>\n{inside}\n</details>"
        case Figure():
            return _figure(block)


def _figure(figure: Figure) -> str:
    try:
        return html_figures.render(figure)
    except Exception as error:  # a drawing that fails must not cost the page
        text = f"{type(error).__name__}: {error}"
        return _block(Callout(tone="error", title=f"The figure {figure.name} could not be drawn", text=text))


def _phrases(phrases: tuple[Phrase, ...]) -> str:
    return "".join(_phrase(phrase) for phrase in phrases)


def _phrase(phrase: Phrase) -> str:
    if isinstance(phrase, Mark):
        tag = "strong" if phrase.style is Style.STRONG else "code"
        return f"<{tag}>{escape(phrase.text)}</{tag}>"
    return escape(phrase)


def _table(table: Table) -> str:
    head = "".join(_header(column) for column in table.columns)
    rows = "\n".join(
        "<tr>"
        + "".join(
            _cell(cell, column, i, strong=(i, j) in table.strong, dagger=(i, j) in table.dagger)
            for j, (cell, column) in enumerate(zip(row, table.columns, strict=True))
        )
        + "</tr>"
        for i, row in enumerate(table.rows)
    )
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    inside = f"{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    return f'<div class="scroll"><table>{inside}</table></div>'


def _header(column: Column) -> str:
    kind = ' class="num"' if column.kind in RIGHT else ""
    help_text = f' title="{escape(column.help)}"' if column.help else ""
    return f'<th scope="col"{kind}{help_text}>{escape(column.name)}</th>'


def _cell(cell: Cell, column: Column, row: int, *, strong: bool, dagger: bool) -> str:
    if column.kind is Kind.VERDICT:
        return f"<td>{_badge(cell) if isinstance(cell, str) else ''}</td>"
    text = escape(cells.text(cell, column, row))
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        text = f'<data value="{cell!r}">{text}</data>'
    elif isinstance(cell, tuple) and None not in cell:
        ends = zip(text.strip("[]").split(", "), cell, strict=True)
        text = "[" + ", ".join(f'<data value="{raw!r}">{end}</data>' for end, raw in ends) + "]"
    if strong:
        text = f"<b>{text}</b>"
    if dagger:
        text = f"<sup>\N{DAGGER}</sup>{text}"
    kind = "num" if column.kind in RIGHT else "name" if column.kind is Kind.NAME else ""
    return f'<td class="{kind}">{text}</td>' if kind else f"<td>{text}</td>"


def _badge(verdict: str) -> str:
    sign = next((sign for known, sign in VERDICT_SIGN.items() if verdict.startswith(known)), "")
    kind = next((known for known in VERDICT_SIGN if verdict.startswith(known)), "inconclusive")
    kind = kind.replace(" ", "-")
    return f'<span class="badge {kind}"><i aria-hidden="true">{sign}</i>{escape(verdict)}</span>'
