"""Markdown: the golden report, and names that cannot break out of their cell.

The golden file changes only by `python -m tests.unit.ablations.report.example --golden`.
"""

from ablations.report.document.document import Code, Column, Kind, Mark, Paragraph, Report, Section, Table
from ablations.report.renderers import markdown
from tests.unit.ablations.report.example import GOLDEN, example_report


def document(*blocks):
    section = Section(id="a", title="A", blocks=blocks)
    end = Section(id="provenance", title="Provenance", blocks=())
    return markdown.render(Report(title="t", summary="s", interim=False, sections=(section,), provenance=end))


def test_golden_report():
    assert markdown.render(example_report()) == GOLDEN.read_text(encoding="utf-8")


def test_names_cannot_break_a_table():
    table = Table(columns=(Column(name="a|b", kind=Kind.NAME),), rows=(("x | y\n## z <script>",),))
    text = document(table)
    assert "| a\\|b |\n| --- |\n| x \\| y \\#\\# z \\<script\\> |" in text


def test_code_with_backticks_gets_a_longer_fence():
    text = document(Paragraph(phrases=("see ", Mark("a`b"))), Code(language="yaml", text="x: '```'"))
    assert "see `` a`b ``" in text
    assert "````yaml\nx: '```'\n````" in text


def test_long_tables_are_cut_and_say_so():
    table = Table(columns=(Column(name="n", kind=Kind.COUNT),), rows=tuple((i,) for i in range(250)))
    text = document(table)
    assert "| 99 |" in text
    assert "| 100 |" not in text
    assert "150 further rows in the HTML, CSV and JSON reports." in text


def test_interim_is_said_at_the_top():
    assert "> **Interim**" in markdown.render(example_report(final=False, keep=0.4)).split("## Answer")[0]
