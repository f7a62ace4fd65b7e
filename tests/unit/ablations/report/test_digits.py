"""Each row shows two digits of its own interval; a log scale speaks of factors; LaTeX tables fit a page."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.effects.judge import judge
from ablations.report.build import build_report
from ablations.report.document import numbers
from ablations.report.document.document import Column, Kind, Table
from ablations.report.renderers import html, latex, markdown, sheets
from ablations.report.renderers.latex_columns import ROOM
from ablations.results.results import Results
from tests.unit.ablations.report.example import (
    PROVENANCE,
    SMALL,
    example_design,
    example_records,
    example_report,
    rng_of,
)

EACH = {"contrasts": {"each": {"vary": "scalars", "within": ["depth"], "over": ["beta_init"]}}}


def report_of(value: Any, **changes: Any) -> tuple[Any, Any]:
    """A report and its effects where the loss of each trial is `value(arm, seed)`."""
    design = example_design({**SMALL, "metrics": [{"name": "test_loss"}], "analysis": EACH, **changes})
    arms = {arm.id: arm for arm in design.arms}
    records = [
        replace(r, metrics={**r.metrics, "test_loss": value(arms[r.arm_id], r.seed)})
        for r in example_records(design)
    ]
    results = Results.build(design, records)
    effects = judge(compile_contrasts(design), results, final=True)
    report = build_report(
        study_id="s", design=design, effects=effects, results=results, records=records, provenance=PROVENANCE
    )
    return report, effects


def spread_by_depth(arm: Any, seed: int) -> float:
    size = 1e-6 if arm.levels["depth"] == 1 else 50.0
    return float(100 + size * rng_of(arm.id, seed).normal())


def test_one_wide_row_does_not_set_the_digits_of_the_others() -> None:
    report, effects = report_of(spread_by_depth)
    narrow, wide = effects.contrasts[0].rows
    text = markdown.render(report).replace("\\", "")
    for row in (narrow, wide):
        decimals = numbers.decimals_for([(row.high - row.low) / 2])
        assert numbers.interval(row.low, row.high, decimals) in text
    assert "[0.0, 0.0]" not in text and "[0, 0]" not in text
    assert "could not be" not in html.render(report)


@pytest.mark.parametrize("spread", [3e-9, 4e-4, 0.02, 7.0, 300.0])
def test_two_digits_of_the_half_width_are_shown(spread: float) -> None:
    (decimals,) = numbers.decimals_each([spread])
    shown = numbers.number(spread, decimals).replace(numbers.MINUS, "-")
    assert float(shown) == pytest.approx(spread, rel=0.05)


def test_a_table_with_too_few_decimals_is_refused() -> None:
    with pytest.raises(ValueError, match="1 decimals for 2 rows"):
        Table(columns=(Column(name="x", kind=Kind.NUMBER, decimals=(1,)),), rows=((1.0,), (2.0,)))


LOG = [{"name": "test_loss", "scale": "log"}]


def by_a_tenth(arm: Any, seed: int) -> float:
    return float(
        (0.9 if arm.levels["scalars"] == "shared" else 1.0) * np.exp(rng_of(arm.id, seed).normal(0, 0.01))
    )


def test_a_log_scale_speaks_of_factors_everywhere() -> None:
    report, effects = report_of(by_a_tenth, metrics=LOG)
    row = effects.contrasts[0].rows[0]
    assert row.unit == "log ratio" and row.ratio is not None and row.shown == row.ratio
    assert row.shown_at_once.low < row.ratio.low < row.ratio.estimate < 1
    text = markdown.render(report)
    answer = text[text.index("## Answer") : text.index("## Effects")]
    assert "(factor 0.9" in answer and "difference" not in answer
    section = text[text.index("## Effects") :].split("\n## ")[0]
    assert "| factor | 95 % interval |" in section and "log ratio" not in section.lower()
    decimals = numbers.decimals_for([(row.ratio.high - row.ratio.low) / 2])
    ends = numbers.interval(row.ratio.low, row.ratio.high, decimals, signed=False)
    assert ends in section.replace("\\", "")
    page = html.render(report)
    assert "could not be drawn" not in page
    forest = next(report.figures()).plot
    assert forest.x_label == "factor in test_loss" and forest.rows[0].estimate == row.ratio.estimate
    assert f"{row.ratio.estimate!r}" in sheets.effects(effects)


def test_the_latex_table_of_arms_fits_a_page() -> None:
    text = latex.render(example_report())
    arms = text[text.index("label{tab:arms}") :]
    head = next(line for line in arms.splitlines() if line.startswith("scalars"))
    assert "median" not in head and "IQM" not in head and r"test\_accuracy" in head
    rows = [line for line in arms.splitlines() if line.endswith(r"\\") and "&" in line]
    plain = [re.sub(r"\\textbf|\\dagger|[{}$\\]", "", row).replace("pm", "+") for row in rows]
    cells = [[cell.strip() for cell in row.split("&")] for row in plain]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    assert sum(widths) + 2 * len(widths) <= ROOM + 6
    assert r"\footnotesize" in text
