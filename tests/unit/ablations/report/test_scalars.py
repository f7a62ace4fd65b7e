"""Learned scalars: means over seeds by layer and epoch, and records that hold something else."""

import doctest
from dataclasses import replace

import numpy as np
import pytest

from ablations.report.document.document import Fold, Table
from ablations.report.document.plots import Figure
from ablations.report.evidence import Evidence
from ablations.report.sections import scalars
from ablations.report.sections.scalars import learned_scalars, linearity
from tests.unit.ablations.report.example import SMALL, example_design, example_records, judged


def blocks_of(change):
    """The section for a small study whose records' scalars went through `change`."""
    design = example_design({**SMALL, "factors": {**SMALL["factors"], "scalars": ["none", "per_layer"]}})
    records = [replace(r, scalars=change(r)) for r in example_records(design)]
    results, effects = judged(design, records)
    evidence = Evidence(design=design, effects=effects, results=results, records=records)
    return learned_scalars(evidence), records


def table_of(blocks):
    fold = next(b for b in blocks if isinstance(b, Fold) and b.title.startswith("Scalars at the end"))
    (table,) = fold.blocks
    assert isinstance(table, Table)
    return table


def test_example_of_linearity_holds():
    assert doctest.testmod(scalars).failed == 0


@pytest.mark.parametrize("alpha", [-2.0, 0.0, 0.5, 3.0])
@pytest.mark.parametrize("beta", [-1.0, 0.0, 0.5])
def test_linearity_is_a_share_and_blind_to_scale(alpha, beta):
    a, b = np.array([alpha]), np.array([beta])
    value = linearity(a, b)
    assert 0.0 <= value[0] <= 1.0
    assert linearity(7 * a, 7 * b) == pytest.approx(value)
    assert linearity(b, a) == pytest.approx(value)


def test_heat_maps_show_means_over_seeds_layers_down_the_side():
    blocks, records = blocks_of(lambda r: r.scalars)
    figure = next(b for b in blocks if isinstance(b, Figure))
    panel = figure.plot.panels[0]
    arm = next(r for r in records if r.settings["depth"] == 25 and r.settings["scalars"] == "per_layer")
    same = [r.scalars for r in records if r.arm_id == arm.arm_id]
    alpha = np.mean([s["alpha"] for s in same], axis=0)
    beta = np.mean([s["beta"] for s in same], axis=0)
    assert np.array(panel.values) == pytest.approx(linearity(alpha, beta).T)
    assert len(panel.y_names) == 25
    assert panel.x_names == tuple(str(i) for i in range(1, 16))


def test_a_scalar_for_each_channel_counts_by_its_mean():
    def per_channel(record):
        if record.scalars is None:
            return None
        both = {
            name: [[[v - 1, v + 1] for v in row] for row in record.scalars[name]]
            for name in ("alpha", "beta")
        }
        return {**record.scalars, **both}

    plain, _ = blocks_of(lambda r: r.scalars)
    spread, _ = blocks_of(per_channel)
    kept = [[cell for cell in row if isinstance(cell, float)] for row in table_of(plain).rows]
    again = [[cell for cell in row if isinstance(cell, float)] for row in table_of(spread).rows]
    assert again == [pytest.approx(row) for row in kept]


@pytest.mark.parametrize(
    "unusable",
    [
        None,
        {},
        {"alpha": [], "beta": []},
        {"alpha": [[1.0, 2.0], [1.0]], "beta": [[1.0, 2.0], [1.0]]},
        {"alpha": [[1.0]], "beta": [[1.0], [2.0]]},
        {"alpha": [[float("nan")]], "beta": [[0.0]]},
        {"alpha": [[None, 1.0]], "beta": [[0.0, 0.0]]},
        {"alpha": [[[1.0, None]]], "beta": [[[0.0, 0.0]]]},
        {"alpha": [[[]]], "beta": [[[]]]},
        {"alpha": 1.0, "beta": 2.0},
    ],
)
def test_records_without_usable_scalars_make_no_section(unusable):
    blocks, _ = blocks_of(lambda _: unusable)
    assert blocks == []
