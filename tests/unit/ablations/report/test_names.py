"""A simple effect that bears a declared contrast's name does not stand in for it."""

from ablations.report.evidence import Evidence
from tests.unit.ablations.report.example import SMALL, example_design, example_records, judged


def test_a_default_contrast_keeps_its_own_rows():
    study = {**SMALL, "analysis": {}}
    design = example_design(study)
    records = example_records(design)
    results, effects = judged(design, records)
    evidence = Evidence(design=design, effects=effects, results=results, records=records)
    assert effects.exploratory
    for found in effects.contrasts:
        asked = evidence.question(found)
        assert [(row.of, dict(row.within)) for row in asked.rows] == [
            (row.of, dict(row.within)) for row in found.rows
        ]
