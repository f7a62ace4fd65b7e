"""Which factor becomes the colour, the dash and the panel: few enough of each, and no arm forgotten."""

import pytest

from ablations.report.sections.facets import MAX_LINES, MAX_PANELS, facets, x_factor
from tests.unit.ablations.report.example import example_design


def split_of(factors, judged="scalars", baseline=None, without=None):
    design = example_design({"factors": factors, "analysis": {}, "baseline": {}})
    return design, facets(design, judged, baseline or {}, without=without)


def covered(design, split):
    return {arm.id for _, lines in split.cells(design.arms) for _, arms in lines for arm in arms}


def test_lines_are_the_judged_factor_with_what_depends_on_it():
    design = example_design()
    split = facets(design, "scalars", {"scalars": "none"})
    assert [line.label for line in split.lines] == [
        "scalars none",
        "scalars shared, beta_init 0",
        "scalars shared, beta_init 0.5",
        "scalars per_layer, beta_init 0",
        "scalars per_layer, beta_init 0.5",
    ]
    assert [line.hue for line in split.lines] == [0, 1, 1, 2, 2]
    assert [line.dash for line in split.lines] == [0, 0, 1, 0, 1]
    assert len(split.panels) == 8
    assert covered(design, split) == {arm.id for arm in design.arms}
    assert split.remark == ""


def test_baseline_comes_first_wherever_it_stands():
    design = example_design()
    split = facets(design, "scalars", {"scalars": "per_layer"})
    assert split.lines[0].levels["scalars"] == "per_layer"
    assert split.lines[0].hue == 0


def test_axis_is_no_panel():
    design = example_design()
    split = facets(design, "scalars", {"scalars": "none"}, without="depth")
    assert split.panels == ({"base": "relu"}, {"base": "mish"})


@pytest.mark.parametrize(
    "factors",
    [
        {"scalars": ["none", "shared"], "depth": list(range(1, 60)), "width": [8, 16, 32, 64]},
        {"scalars": ["none", "shared"], "base": [f"b{i}" for i in range(30)], "depth": [1, 2]},
        {"base": [f"b{i}" for i in range(30)], "depth": [1, 2]},
        {"scalars": ["shared", "per_layer"], "beta_init": [i / 10 for i in range(9)]},
    ],
)
def test_large_designs_stay_readable_and_say_what_they_leave_out(factors):
    _, split = split_of(factors, judged=next(iter(factors)))
    assert len(split.panels) <= MAX_PANELS
    assert len(split.lines) <= MAX_LINES
    assert split.remark != ""


def test_design_without_factors_is_one_line():
    design, split = split_of({})
    ((panel, lines),) = split.cells(design.arms)
    assert panel == {}
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("factors", "name"),
    [
        ({"width": [8, 16, 32], "depth": [1, 2, 3]}, "depth"),
        ({"width": [8, 16, 32], "depth": [1, 2]}, "width"),
        ({"base": ["relu", "mish", "gelu"]}, None),
        ({"scalars": ["shared"], "beta_init": [0.0, 0.1, 0.2]}, None),
    ],
)
def test_axis_is_depth_or_the_first_numeric_factor_with_a_shape(factors, name):
    factor = x_factor(example_design({"factors": factors, "analysis": {}, "baseline": {}}), None)
    assert (factor.name if factor else None) == name
