"""The page: well-formed, alone in the world, and its numbers are those of the effects."""

import re
from collections import Counter
from dataclasses import replace

import pytest

from ablations.report.document.document import Callout, Mark, Paragraph, Section
from ablations.report.document.plots import Figure, LinePanel, Lines, Series
from ablations.report.renderers import html
from tests.unit.ablations.report.example import SMALL, example_design, example_records, example_report, judged
from tests.unit.ablations.report.page import read

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)> & '$\\frac$ `x` |"


@pytest.fixture(scope="module")
def text():
    return html.render(example_report())


@pytest.fixture(scope="module")
def page(text):
    return read(text)


def test_page_is_well_formed(page):
    assert page.faults == []
    assert page.tags.count("h1") == 1


def test_page_refers_to_nothing_outside(text, page):
    assert re.findall(r"https?://", text) == []
    assert all(link.startswith(("#", "data:image/png;base64,")) for link in page.links)
    assert "url(" not in text.replace("url(#", "")
    assert "@import" not in text
    assert "script" not in page.tags


def test_ids_are_unique_and_every_link_has_its_target(page):
    assert [name for name, times in Counter(page.ids).items() if times > 1] == []
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)


def test_drawings_take_their_colours_from_the_page(text):
    assert "#01fe" not in text
    assert "var(--vermillion)" in text
    assert "prefers-color-scheme: dark" in text


def test_numbers_of_the_primary_contrast_are_those_of_the_effects(page):
    design = example_design()
    _, effects = judged(design, example_records(design))
    primary = next(c for c in effects.to_json()["contrasts"] if c["primary"])
    shown = Counter(page.numbers["effects"])
    names = ("estimate", "low", "high", "p", "p_adjusted", "n", "holes")
    names += ("of_mean", "against_mean", "sd", "effect_size", "median", "pairing")
    wanted = [float(row[name]) for row in primary["rows"] for name in names]
    wanted += [row["bootstrap"][end] for row in primary["rows"] for end in ("low", "high")]
    wanted += [
        row["others"][test] for row in primary["rows"] for test in ("paired_t", "sign_flip", "wilcoxon")
    ]
    assert shown == Counter(wanted)


def test_every_effect_is_on_the_page(page):
    design = example_design()
    _, effects = judged(design, example_records(design))
    others = Counter(page.numbers["other-contrasts"])
    wanted = Counter(
        row["shown"]["estimate"]
        for c in effects.to_json()["contrasts"]
        if not c["primary"]
        for row in c["rows"]
    )
    assert wanted <= others
    exploratory = Counter(row["shown"]["estimate"] for row in effects.to_json()["exploratory"])
    assert exploratory <= Counter(page.numbers["exploratory"])


def test_same_study_gives_the_same_page_but_for_its_provenance():
    report = example_report(SMALL)
    text = html.render(report)
    assert html.render(example_report(SMALL)) == text
    other = replace(report, provenance=Section(id="provenance", title="Provenance", blocks=()))
    cut = text.index('<section id="provenance">')
    assert html.render(other)[:cut] == text[:cut]


def test_hostile_names_are_text():
    contrast = {"vary": "scalars", "within": ["depth"], "over": ["beta_init"]}
    analysis = {"contrasts": {HOSTILE: contrast}, "primary": HOSTILE}
    changes = {**SMALL, "name": HOSTILE, "tags": {"team": HOSTILE}, "analysis": analysis}
    text = html.render(example_report(changes))
    page = read(text)
    assert page.faults == []
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert HOSTILE in "".join(page.text)


def test_hostile_phrases_are_text_inside_drawings_too():
    line = Series(label=HOSTILE, hue=0, dash=0, x=(1.0, 2.0), centre=(1.0, 2.0))
    panels = tuple(
        LinePanel(title=f"{HOSTILE}{i}", series=(line, replace(line, label="b"))) for i in range(2)
    )
    plot = Lines(panels=panels, x_label=HOSTILE, y_label=HOSTILE)
    section = Section(
        id="a",
        title=HOSTILE,
        blocks=(
            Figure(name="a-figure", caption=HOSTILE, plot=plot),
            Paragraph(phrases=(HOSTILE, Mark(HOSTILE))),
            Callout(tone="note", title=HOSTILE, text=HOSTILE),
        ),
    )
    page = read(html.render(replace(example_report(), sections=(section,))))
    assert page.faults == []
    assert not {"script", "img"} & set(page.tags)
    assert f"{HOSTILE}1" in page.text


def test_figure_that_cannot_be_drawn_is_an_error_card():
    line = Series(label="a", hue=0, dash=0, x=(1.0, 2.0), centre=(1.0,))
    plot = Lines(panels=(LinePanel(title="", series=(line,)),), x_label="", y_label="")
    section = Section(id="a", title="A", blocks=(Figure(name="broken", caption="", plot=plot),))
    text = html.render(replace(example_report(), sections=(section,)))
    assert "The figure broken could not be drawn" in text
    assert read(text).faults == []


def test_interim_report_says_so_and_has_no_verdicts():
    report = example_report(SMALL, final=False, keep=0.7)
    text = html.render(report)
    assert '<span class="badge interim">interim</span>' in text
    body = text[text.index("<main>") :]
    assert "badge better" not in body
    assert "badge inconclusive" not in body
    assert "still running" in body
