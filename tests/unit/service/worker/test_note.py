"""The note of an MLflow experiment says why there is no verdict, and what stands beside one."""

from service.worker.mlflow.summary import effects_table
from tests.unit.service.cli.test_tables import CONTRAST, ROW


def test_reasons_and_notes_stand_in_the_verdicts_cell() -> None:
    reason = {"verdict": "inconclusive", "reason": "depends on 8 runs that failed", "notes": []}
    watched = {"verdict": "better", "reason": None, "notes": ["8 seeds without a collapse"]}
    table = effects_table({"contrasts": [{**CONTRAST, "rows": [{**ROW, **reason}, {**ROW, **watched}, ROW]}]})
    assert "| **inconclusive** (depends on 8 runs that failed) |" in table
    assert "| **better** (8 seeds without a collapse) |" in table and "| **better** |" in table


def test_a_name_that_means_something_in_markdown_stays_a_name() -> None:
    rows = [{**ROW, "of": "a|b", "against": "per_layer_*"}]
    (line,) = [
        line
        for line in effects_table({"contrasts": [{**CONTRAST, "rows": rows}]}).splitlines()
        if "a\\|b" in line
    ]
    assert line.replace("\\|", "").count("|") == 9 and r"per\_layer\_\*" in line
