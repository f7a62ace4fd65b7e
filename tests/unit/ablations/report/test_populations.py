"""What a report says of models in general: the section, the figure, the answer, in every format."""

import csv
import io
import json
import math
from typing import Any

import numpy as np
import pytest

from ablations.contrasts.contrast import compile_contrasts
from ablations.design.arm import Arm
from ablations.effects.judge import judge
from ablations.plan.compile import compile_design
from ablations.report.build import build_report
from ablations.report.document.document import Report
from ablations.report.document.plots import Forest
from ablations.report.renderers import html, markdown, sheets
from ablations.results.results import Results
from ablations.study.documents import loads_yaml
from ablations.study.parsing import parse_study
from tests.unit.ablations.effects.test_populations import asked, gains_of, records_of
from tests.unit.ablations.report.example import PROVENANCE
from tests.unit.ablations.report.page import Page
from tests.unit.ablations.studies import design_of
from tests.unit.ablations.trials import planted, record_of
from tests.unit.test_guides import STUDIES, blocks
from trainables.catalogue import load_catalogue

GAINS = gains_of(0.02, 0.05, -0.01, 0.025, 0.03)


def report_on(data: dict[str, Any], records: list[Any] | None = None, *, final: bool = True) -> Report:
    design = design_of(data)
    records = records_of(design, GAINS) if records is None else records
    results = Results.build(design, records)
    effects = judge(compile_contrasts(design), results, final=final)
    parts = {"design": design, "effects": effects, "results": results, "records": records}
    return build_report(study_id="s", provenance=PROVENANCE, **parts)  # type: ignore[arg-type]


def section(report: Report) -> Any:
    return next(s for s in report.sections if s.id == "populations")


def test_the_section_says_mean_next_model_and_whether_models_differ() -> None:
    found = section(report_on(asked()))
    assert found.title == "Over models"
    text = json.dumps(found.to_json(), ensure_ascii=False)
    assert "A fixed average asks of the models that were run and of no others" in text
    assert "for models in general" in text and "for these 5 models alone" in text
    assert "For the next model: between" in text and "Effects differ between models" in text
    assert "Rank 1 is the best" in text and "interquartile mean" in text
    assert "With 5 models no p of a pair can be below 0.062" in text


def test_the_answer_is_about_models_in_general_and_names_the_next_one() -> None:
    report = report_on(asked())
    text = markdown.render(report)
    answer = text.split("## Effects")[0]
    assert "for models in general" in answer and "5 models" in answer
    assert "For the next model: between" in answer and "it could be the other way round" in answer
    assert report.summary.endswith("for models in general?")
    assert "Levels of model are taken for a sample of models in general" in text


def test_without_a_random_factor_there_is_no_section() -> None:
    report = report_on(asked(random=None))
    assert "populations" not in [s.id for s in report.sections]
    assert "in general" not in markdown.render(report)


def test_the_figure_has_models_their_mean_and_the_next() -> None:
    report = report_on(asked())
    (figure,) = [f for f in report.figures() if f.name.startswith("over-")]
    assert isinstance(figure.plot, Forest)
    rows = figure.plot.rows
    assert [row.label for row in rows] == ["m0", "m1", "m2", "m3", "m4", "mean over models", "the next model"]
    assert [row.role for row in rows[-2:]] == ["mean", "prediction"]
    for row in rows[:5]:
        assert row.second is not None and row.estimate is not None and row.second[0] is not None
        mean = rows[5].estimate or 0.0
        assert abs(row.second[0] - mean) < abs(row.estimate - mean)


@pytest.mark.parametrize("render", [html.render, markdown.render])
def test_every_format_shows_it(render: Any) -> None:
    text = render(report_on(asked()))
    assert "Over models" in text and "the other way round" in text


def test_the_page_is_well_formed() -> None:
    page = Page()
    page.feed(html.render(report_on(asked())))
    assert not page.faults and len(set(page.ids)) == len(page.ids)


def test_within_has_a_heading_and_a_sentence_each() -> None:
    data = asked(4, within=["base"])
    data["factors"]["base"] = ["relu", "mish"]
    found = section(report_on(data))
    text = json.dumps(found.to_json(), ensure_ascii=False)
    assert "where base = relu: " in text and "where base = mish: " in text


def test_factors_on_a_log_scale() -> None:
    data = {**asked(), "metric": "train_loss"}
    design = design_of(data)
    rng = np.random.default_rng(1)
    records = [
        record_of(
            arm, seed, {"train_loss": math.exp(rng.normal(-0.2 * (arm.levels["scalars"] == "shared"), 0.02))}
        )
        for arm in design.arms
        for seed in design.seeds
    ]
    report = report_on(data, records)
    text = json.dumps(section(report).to_json(), ensure_ascii=False)
    assert "a factor of 0.8" in text and "For the next model: a factor between 0.7" in text
    (figure,) = [f for f in report.figures() if f.name.startswith("over-")]
    assert isinstance(figure.plot, Forest) and figure.plot.factors


def test_before_the_end_nothing_is_tested() -> None:
    text = json.dumps(section(report_on(asked(), final=False)).to_json(), ensure_ascii=False)
    assert "Friedman" not in text and "Effects differ" not in text and "For the next model" in text


def test_effects_as_csv_have_the_prediction() -> None:
    design = design_of(asked())
    effects = judge(compile_contrasts(design), Results.build(design, records_of(design, GAINS)), final=True)
    first = next(csv.DictReader(io.StringIO(sheets.effects(effects))))
    population = effects.contrasts[0].rows[0].population
    assert population is not None and population.prediction is not None
    assert float(first["prediction_low"]) == population.prediction.low


def test_the_study_of_the_guide_goes_from_file_to_report() -> None:
    """With planted results in the place of its trainings."""
    (text,) = [block for block in blocks(STUDIES, "yaml") if "random: model" in block]
    study = parse_study(loads_yaml(text))
    design = compile_design(study, load_catalogue().manifest(study.trainable))

    def value(arm: Arm) -> float:
        return 0.8 + 0.03 * (arm.levels["scalars"] == "per_layer")

    records = planted(design, value, noise=0.003)
    results = Results.build(design, records)
    effects = judge(compile_contrasts(design), results, final=True)
    (row,) = effects.contrasts[0].rows
    assert row.verdict == "better" and row.population is not None and len(row.population.counting) == 5
    parts: dict[str, Any] = {"design": design, "effects": effects, "results": results, "records": records}
    assert "Over models" in markdown.render(build_report(study_id="s", provenance=PROVENANCE, **parts))
