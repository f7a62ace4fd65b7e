"""Reports as data: they go into JSON whole, and refuse tables that are not tables."""

import json
import math

import pytest

from ablations.report.document.document import Column, Kind, Table
from ablations.report.document.plots import Heat, HeatPanel
from tests.unit.ablations.report.example import example_report


def test_report_is_plain_json():
    data = json.loads(json.dumps(example_report().to_json(), allow_nan=False))
    assert data["title"] == "depth-collapse"
    assert [section["id"] for section in data["sections"]][:2] == ["answer", "effects"]
    assert data["provenance"]["blocks"]


def test_table_refuses_a_short_row():
    with pytest.raises(ValueError, match="1 cells under 2 columns"):
        Table(columns=(Column(name="a"), Column(name="b")), rows=(("x",),))


def test_cells_without_a_number_are_null():
    column = Column(name="a", kind=Kind.NUMBER)
    interval = Column(name="b", kind=Kind.INTERVAL)
    table = Table(columns=(column, interval), rows=((math.nan, (0.5, math.inf)),))
    assert table.to_json()["rows"] == [[None, [0.5, None]]]


@pytest.mark.parametrize(
    ("values", "centre", "ends"),
    [
        (((1.0, 3.0),), None, (1.0, 3.0)),
        (((1.0, None, 3.0),), 0.0, (-3.0, 3.0)),
        (((2.0, 2.0),), None, (2.0, 3.0)),
        (((None,),), None, (0.0, 1.0)),
        (((0.0,),), 0.0, (-1.0, 1.0)),
    ],
)
def test_colour_scale_holds_every_value(values, centre, ends):
    panel = HeatPanel(title="", values=values, x_names=("a",), y_names=("b",))
    heat = Heat(panels=(panel,), x_label="", y_label="", value_label="", centre=centre, annotate=False)
    assert heat.value_range() == ends
