"""Interactions: the cells of the heat map are the simple effects, drawn where they belong."""

import numpy as np
import pytest

from ablations.report.document.document import Fold
from ablations.report.document.plots import Figure, Heat, Lines
from ablations.report.evidence import Evidence
from ablations.report.sections.interactions import interactions
from tests.unit.ablations.report.example import example_design, example_records, judged


def evidence_of(changes=None):
    design = example_design(changes)
    records = example_records(design)
    results, effects = judged(design, records)
    return Evidence(design=design, effects=effects, results=results, records=records)


def plots_of(blocks):
    return [b.plot for b in blocks if isinstance(b, Figure)]


def test_cells_are_the_simple_effects():
    evidence = evidence_of()
    heat, _ = plots_of(interactions(evidence))
    assert isinstance(heat, Heat)
    assert [panel.title for panel in heat.panels] == [
        "shared \N{MINUS SIGN} none",
        "per_layer \N{MINUS SIGN} none",
    ]
    shown = {
        (panel.title.split()[0], base, depth): panel.values[i][j]
        for panel in heat.panels
        for i, base in enumerate(panel.y_names)
        for j, depth in enumerate(panel.x_names)
    }
    known = {
        (row.of, row.within["base"], str(row.within["depth"])): row.estimate
        for row in evidence.effects.exploratory
        if row.metric == "test_accuracy"
    }
    assert len(known) == 16
    assert shown == pytest.approx(known, abs=1e-12)


def test_planted_interaction_is_seen():
    heat, lines = plots_of(interactions(evidence_of()))
    shared = heat.panels[0]
    relu = shared.values[shared.y_names.index("relu")]
    assert relu[shared.x_names.index("25")] - relu[shared.x_names.index("1")] > 0.3
    assert isinstance(lines, Lines)
    assert lines.zero
    assert [panel.title for panel in lines.panels] == ["base = relu", "base = mish"]
    assert lines.panels[0].series[0].centre == pytest.approx(relu, abs=1e-12)


def test_single_other_factor_is_one_row():
    changes = {"factors": {"scalars": ["none", "shared"], "base": ["relu", "mish"]}, "analysis": {}}
    heat, lines = plots_of(interactions(evidence_of(changes)))
    assert heat.panels[0].y_names == ("",)
    assert heat.panels[0].x_names == ("relu", "mish")
    assert lines.x_names == ("relu", "mish")
    assert np.isfinite(heat.panels[0].values[0]).all()


@pytest.mark.parametrize(
    "changes",
    [
        {"factors": {"scalars": ["none", "shared"]}, "analysis": {}},
        {"baseline": {}, "analysis": {}},
        {"factors": {}, "baseline": {}, "analysis": {}},
    ],
)
def test_nothing_to_interact_with_is_no_section(changes):
    assert interactions(evidence_of(changes)) == []


def test_differences_of_differences_are_folded():
    folds = [b for b in interactions(evidence_of()) if isinstance(b, Fold)]
    assert [fold.title for fold in folds] == [
        "scalars x base: differences of differences (2 rows)",
        "scalars x depth: differences of differences (6 rows)",
        "scalars x beta_init: differences of differences (2 rows)",
    ]
