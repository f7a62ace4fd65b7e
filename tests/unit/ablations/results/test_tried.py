"""What searches have tried, as the report ranks it."""

from typing import Any

from ablations.design.search import search_of
from ablations.results.ranking import best_settings
from ablations.results.tried import tried_searches
from tests.unit.ablations.studies import SMALL, design_of
from tests.unit.ablations.trials import record_of

TUNING: dict[str, Any] = {
    "space": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}, "width": {"low": 8, "high": 64}},
    "candidates": 4,
    "seeds": 2,
}


def test_every_search_has_its_space_and_candidates_with_score_and_curve() -> None:
    design = design_of(SMALL, tuning=TUNING)
    arm, other = design.arms[:2]
    records = [
        record_of(
            arm,
            seed,
            {"val_accuracy": value} if value is not None else {},
            phase="tuning",
            candidate=number,
            settings={**arm.settings, "lr": 0.01 * (number + 1), "width": 16},
            state=state,
            curve={"val_accuracy": [[1, 0.25 * (seed + 1)], [2, 0.5]][: 2 - seed]},
        )
        for number, seed, state, value in (
            (0, 0, "done", 0.5),
            (0, 1, "done", 1.0),
            (1, 0, "done", 0.5),
            (1, 1, "failed", None),
            (2, 0, "done", 0.5),
            (2, 1, "running", None),
        )
    ]
    records.append(record_of(other, 0, {"val_accuracy": 0.125}, phase="tuning", candidate=0))
    records.append(record_of(arm, 0, {"test_accuracy": 0.75}))
    first, second = (search.to_json() for search in tried_searches(design, records))
    assert first["levels"] == dict(arm.levels) and second["levels"] == dict(other.levels)
    assert first["space"] == {
        "lr": {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True},
        "width": {"kind": "int", "low": 8, "high": 64, "log": False},
    }
    assert (first["metric"], first["goal"], first["num_candidates"]) == ("val_accuracy", "maximize", 4)
    told = [(c["number"], c["state"], c["score"], c["curve"]) for c in first["candidates"]]  # type: ignore
    assert told[0] == (0, "scored", 0.75, [[1, 0.375]])
    assert [each[:3] for each in told[1:]] == [(1, "failed", None), (2, "open", None)]
    assert first["candidates"][0]["settings"] == {"lr": 0.01, "width": 16}  # type: ignore
    best = best_settings(design, [record for record in records if record.candidate == 0])[0]
    assert best.value == 0.75 and search_of(arm, design.study.tuning) == arm.id  # type: ignore


def test_a_study_without_tuning_has_tried_nothing() -> None:
    design = design_of(SMALL)
    assert tried_searches(design, [record_of(design.arms[0], 0, {"test_accuracy": 0.5})]) == ()
