"""Drawings: valid SVG for the page, PDF and SVG for paper, the same bytes each time."""

import re
from xml.etree import ElementTree

import pytest

from ablations.report.document.plots import (
    Figure,
    Forest,
    ForestRow,
    Heat,
    HeatPanel,
    LinePanel,
    Lines,
    Series,
)
from ablations.report.drawing import figures

ROW = ForestRow(
    label="a \N{MINUS SIGN} b", heading="base = relu", estimate=0.1, low=0.05, high=0.15, verdict="better"
)
EMPTY = ForestRow(label="c", heading="base = mish", estimate=None, low=None, high=None, verdict=None)
FOREST = Forest(rows=(ROW, EMPTY), x_label="difference", better="right")
LINE = Series(
    label="$\\frac{1}$", hue=1, dash=1, x=(1.0, 10.0), centre=(0.5, None), low=(0.4, None), high=(0.6, None)
)
LINES = Lines(panels=(LinePanel(title="one", series=(LINE,)),) * 2, x_label="x", y_label="y", x_log=True)
SMALL = HeatPanel(title="t", values=((0.1, -0.2), (None, 0.0)), x_names=("1", "2"), y_names=("a", "b"))
LARGE = HeatPanel(
    title="t",
    values=tuple(tuple(float(i * j) for i in range(40)) for j in range(40)),
    x_names=tuple(map(str, range(40))),
    y_names=tuple(map(str, range(40))),
)
HEAT = Heat(panels=(SMALL,), x_label="x", y_label="y", value_label="v", centre=0.0, annotate=True, decimals=2)
RASTER = Heat(panels=(LARGE,), x_label="x", y_label="y", value_label="v", centre=None, annotate=False)
PLOTS = {"forest": FOREST, "lines": LINES, "heat": HEAT, "raster": RASTER}


def figure(kind):
    return Figure(name=kind, caption='A caption with "quotes" & <angles>.', plot=PLOTS[kind])


@pytest.mark.parametrize("kind", PLOTS)
def test_panels_are_xml_with_ids_of_their_own(kind):
    panels = figures.page_panels(figure(kind))
    assert len(panels) == (1 if kind in ("heat", "raster") else 2)
    ids = []
    for panel in panels:
        root = ElementTree.fromstring(panel)
        assert root.get("aria-label") == 'A caption with "quotes" & <angles>.'
        ids += [element.get("id") for element in root.iter() if element.get("id")]
        targets = re.findall(r'(?:href="|url\()#([^")]+)', panel)
        assert set(targets) <= set(ids)
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("kind", PLOTS)
def test_drawing_twice_gives_the_same_bytes(kind):
    assert figures.page_panels(figure(kind)) == figures.page_panels(figure(kind))
    assert figures.paper(figure(kind)) == figures.paper(figure(kind))


@pytest.mark.parametrize("kind", PLOTS)
def test_files_for_paper(kind):
    drawn = figures.paper(figure(kind))
    assert drawn["pdf"].startswith(b"%PDF-") and b"/FontFile2" in drawn["pdf"]
    ElementTree.fromstring(drawn["svg"])
    assert b"#01fe" not in drawn["svg"]


def test_labels_are_text_and_never_formulas():
    drawn = figures.paper(figure("lines"))["svg"].decode()
    assert "$\\frac{1}$" in drawn


def test_values_stand_in_their_cells():
    (panel,) = figures.page_panels(figure("heat"))
    shown = [element.text for element in ElementTree.fromstring(panel).iter() if element.text]
    assert {"+0.10", "\N{MINUS SIGN}0.20", "0.00"} <= set(shown)


def test_large_grids_are_one_picture():
    (panel,) = figures.page_panels(figure("raster"))
    assert panel.count("<image") == 1
    assert len(panel) < 30_000
