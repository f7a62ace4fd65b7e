"""The note of an MLflow experiment says why there is no verdict, and what stands beside one."""

from service.worker.mlflow.summary import effects_table
from tests.unit.service.cli.test_tables import CONTRAST, ROW


def test_reasons_and_notes_stand_in_the_verdicts_cell() -> None:
    reason = {"verdict": "inconclusive", "reason": "depends on 8 runs that failed", "notes": []}
    watched = {"verdict": "better", "reason": None, "notes": ["8 seeds without a collapse"]}
    table = effects_table({"contrasts": [{**CONTRAST, "rows": [{**ROW, **reason}, {**ROW, **watched}, ROW]}]})
    assert "| **inconclusive** (depends on 8 runs that failed) |" in table
    assert "| **better** (8 seeds without a collapse) |" in table and "| **better** |" in table
