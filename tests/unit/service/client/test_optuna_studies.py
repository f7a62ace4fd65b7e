"""Searches as studies that Optuna itself reads and goes on with."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from service.client.optuna_studies import write_searches


def search(**changes: Any) -> dict[str, Any]:
    """As the service shows it: two candidates scored, one failed, one still open."""

    def candidate(number: int, lr: float, score: float | None, state: str = "scored") -> dict[str, Any]:
        settings = {"lr": lr, "width": 8 * (number + 1), "optimizer": None if number else [1, 2]}
        trials = [{"arm": "a", "seed": 0, "state": "done", "value": score}]
        curve = [] if score is None else [[1, score - 0.1], [2, score]]
        return {
            "number": number, "settings": settings, "state": state, "score": score, "curve": curve,
            "trials": trials,
        }  # fmt: skip

    return {
        "levels": {"base": "relu"},
        "repeat": None,
        "metric": "val_accuracy",
        "goal": "maximize",
        "num_candidates": 4,
        "space": {
            "lr": {"kind": "float", "low": 1e-4, "high": 1e-1, "log": True},
            "width": {"kind": "int", "low": 8, "high": 64, "log": False},
            "optimizer": {"kind": "choice", "choices": ["adam", None, [1, 2]]},
        },
        "candidates": [
            candidate(0, 0.5, 0.7),  # a start point beyond the range
            candidate(1, 0.01, 0.9),
            candidate(2, 0.02, None, "failed"),
            candidate(3, 0.03, None, "open"),
        ],
        **changes,
    }


def test_optuna_finds_states_values_curves_and_distributions_and_goes_on(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'o.db'}"
    told = write_searches([search(), search(repeat=1)], storage, study_id="5", name="lrs")
    assert told == {"lrs, base=relu": 3, "lrs, base=relu, repeat 1": 3}
    study = optuna.load_study(storage=storage, study_name="lrs, base=relu")
    assert study.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.user_attrs["ablate.metric"] == "val_accuracy"
    assert [trial.state for trial in study.trials] == [
        TrialState.COMPLETE,
        TrialState.COMPLETE,
        TrialState.FAIL,
    ]
    assert study.best_trial.params == {"lr": 0.01, "width": 16, "optimizer": None}
    assert study.best_value == 0.9 and study.best_trial.intermediate_values == {1: pytest.approx(0.8), 2: 0.9}
    assert study.trials[0].params["optimizer"] == "[1, 2]" and study.trials[0].params["lr"] == 0.5
    assert study.user_attrs["ablate.study"] == "5"
    assert study.best_trial.user_attrs["ablate.trials"][0]["seed"] == 0

    def objective(trial: optuna.Trial) -> float:
        trial.suggest_int("width", 8, 64)
        trial.suggest_categorical("optimizer", ["adam", None, "[1, 2]"])
        return trial.suggest_float("lr", 1e-4, 0.5, log=True)

    study.optimize(objective, n_trials=12)
    assert len(study.trials) == 15 and optuna.importance.get_param_importances(study)


def test_nothing_is_written_twice_or_by_halves(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'o.db'}"
    write_searches([search(repeat=1)], storage, study_id="5", name="lrs")
    with pytest.raises(optuna.exceptions.DuplicatedStudyError, match="repeat 1"):
        write_searches([search(), search(repeat=1)], storage, study_id="5", name="lrs")
    assert len(optuna.get_all_study_summaries(storage)) == 1
