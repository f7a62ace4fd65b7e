"""What a search found, from the records of its trials."""

from typing import Any

import pytest

from ablations.design.design import Design
from ablations.results.ranking import Best, best_settings
from ablations.results.results import TrialRecord
from tests.unit.ablations.studies import design_of
from tests.unit.ablations.trials import record_of

SEARCH: dict[str, Any] = {
    "name": "search",
    "trainable": "mlp",
    "seeds": 3,
    "metric": "test_accuracy",
    "tuning": {
        "candidates": 3,
        "seeds": 2,
        "space": {"lr": {"low": 1e-4, "high": 1e-1, "log": True}, "batch_size": [32, 64, 128]},
    },
}
LRS = (1e-4, 1e-2, 1e-3)


def trial(design: Design, candidate: int, seed: int, value: float | None, **fields: Any) -> TrialRecord:
    settings = {**design.arms[0].settings, "lr": LRS[candidate], "batch_size": 64}
    metrics = {} if value is None else {"val_accuracy": value}
    fields = {"phase": "tuning", "candidate": candidate, "settings": settings, **fields}
    return record_of(design.arms[0], 1_000_000 + seed, metrics, **fields)


def searched(*values: tuple[float | None, float | None], **changes: Any) -> Best:
    design = design_of(SEARCH, **changes)
    records = [trial(design, i, seed, v) for i, pair in enumerate(values) for seed, v in enumerate(pair)]
    (best,) = best_settings(design, records)
    return best


def test_the_best_mean_over_tuning_seeds_wins() -> None:
    best = searched((0.9, 0.5), (0.8, 0.75), (0.7, 0.7))
    assert (best.candidate, best.metric, best.num_scored, best.num_seeds) == (1, "val_accuracy", 3, 2)
    assert best.value == pytest.approx(0.775)
    assert best.settings == {"lr": 1e-2, "batch_size": 64}
    assert best.on_edge == ()
    assert best.to_json()["settings"] == dict(best.settings)


def test_the_edge_of_the_space_is_named() -> None:
    assert searched((0.9, 0.9), (0.1, 0.1), (0.1, 0.1)).on_edge == ("lr",)


def test_of_equals_the_earlier_wins_and_a_missing_value_is_the_worst() -> None:
    assert searched((0.5, 0.5), (0.6, None), (0.5, 0.5)).candidate == 0


def test_a_goal_of_its_own_counts() -> None:
    tuning = {**SEARCH["tuning"], "metric": {"name": "val_accuracy", "goal": "minimize"}}
    assert searched((0.9, 0.9), (0.1, 0.1), (0.5, 0.5), tuning=tuning).candidate == 1


def test_a_failed_trial_spoils_its_candidate_and_a_diverged_one_is_worst() -> None:
    design = design_of(SEARCH)
    records = [
        trial(design, 0, 0, 0.99),
        trial(design, 0, 1, None, state="failed"),
        trial(design, 1, 0, 0.9),
        trial(design, 1, 1, 0.9, state="diverged"),
        trial(design, 2, 0, 0.5),
        trial(design, 2, 1, 0.5),
    ]
    (best,) = best_settings(design, records)
    assert (best.candidate, best.value, best.num_scored) == (2, 0.5, 2)


def test_nothing_scored_or_no_search_is_no_best() -> None:
    design = design_of(SEARCH)
    assert best_settings(design, [trial(design, 0, 0, None, state="failed")]) == ()
    assert best_settings(design_of(SEARCH, tuning=None), []) == ()
