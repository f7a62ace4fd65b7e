"""The driver measures the winners that the report names, ties included, before and after a crash."""

from typing import Any

import numpy as np

from ablations.design.design import Design, planned_trials
from ablations.plan.compile import compile_design
from ablations.results.ranking import best_settings
from ablations.results.results import TrialRecord
from ablations.study.parsing import parse_study
from service.driver.feed import Feed, Step
from service.protocol import Result, TrialToRun
from tests.unit.ablations.manifests import MLP
from tests.unit.service.driver.fakes import planned as trial_to_run

DRAWS = 2000
LEVELS = np.round(np.arange(0.0, 1.0, 0.05), 2)
STUDY: dict[str, Any] = {
    "name": "ties",
    "trainable": "mlp",
    "seeds": [0],
    "metric": "test_accuracy",
    "tuning": {
        "sampler": "grid",
        "space": {"lr": [0.1, 0.01, 0.001], "momentum": [0.5, 0.9]},  # momentum: of sgd alone
        "seeds": 16,
        "confirm": 3,
    },
}


def rows_of(optimizer: str, goal: str) -> tuple[Design, list[dict[str, Any]]]:
    tuning = {**STUDY["tuning"], "metric": {"name": "val_accuracy", "goal": goal}}
    design = compile_design(parse_study({**STUDY, "tuning": tuning, "fixed": {"optimizer": optimizer}}), MLP)
    rows = [
        {
            "id": f"t{number}",
            "arm_id": trial.arm.id,
            "settings": dict(trial.arm.settings),
            "seed": trial.seed,
            "phase": trial.phase,
            "candidate": trial.candidate,
            "repeat": trial.repeat,
            "state": "planned",
            "metrics": None,
        }
        for number, trial in enumerate(planned_trials(design))
    ]
    return design, rows


def values_of(rng: np.random.Generator, num_candidates: int) -> np.ndarray:
    """Candidates whose values are the same ones in another order, or have the same mean otherwise."""
    values = rng.choice(LEVELS, size=16)
    drawn = np.array([rng.permutation(values) for _ in range(num_candidates)])
    return drawn if rng.random() < 0.7 else np.where(rng.random(drawn.shape) < 0.05, 0.5, drawn)


def to_run(rows: list[dict[str, Any]]) -> list[TrialToRun]:
    """The rows as a driver gets them."""
    return [trial_to_run(trial_id=row["id"], **{k: v for k, v in row.items() if k != "id"}) for row in rows]


def measured(step: Step, rows: list[dict[str, Any]]) -> dict[str, Any]:
    places = {row["id"]: row["arm_id"] for row in rows if row["phase"] == "measuring"}
    return {places[t.trial_id]: dict(t.settings) for t in step.ready if t.trial_id in places}


def run_live(design: Design, planned: list[dict[str, Any]], ended: list[dict[str, Any]]) -> Step:
    """The last step of a driver that sees the trials end one by one, in this order."""
    feed = Feed(design, to_run(planned))
    feed.start()
    results = [
        Result(trial_id=row["id"], state=row["state"], metrics=row["metrics"])
        for row in ended
        if row["phase"] == "tuning"
    ]
    return [feed.take([result]) for result in results][-1]


def test_driver_and_report_name_the_same_winners() -> None:
    rng = np.random.default_rng(20)
    disagreements = 0
    plans = [rows_of(optimizer, goal) for optimizer in ("adam", "sgd") for goal in ("maximize", "minimize")]
    settings = [
        {trial.trial_id: dict(trial.settings) for trial in Feed(design, to_run(rows)).start().ready}
        for design, rows in plans
    ]
    for draw in range(DRAWS):
        design, planned = plans[draw % len(plans)]
        values = values_of(rng, 6)
        rows = []
        for row in planned:
            row = dict(row)
            if row["phase"] == "tuning":
                value = values[row["candidate"], row["seed"] % 16]
                fate = rng.random()
                state = "failed" if fate < 0.002 else "diverged" if fate < 0.01 else "done"
                metrics = {"val_accuracy": None if fate > 0.995 else float(value)}
                row |= {"state": state, "metrics": metrics, "settings": settings[draw % 4][row["id"]]}
            rows.append(row)
        found = measured(Feed(design, to_run(rows)).start(), rows)
        rows = [rows[place] for place in rng.permutation(len(rows))]
        if draw % 20 == 0:
            assert measured(run_live(design, planned, rows), rows) == found
        named = best_settings(design, [TrialRecord.from_json({**row, "attempts": 1}) for row in rows])
        report = {arm.id: None for arm in design.arms} | {
            arm.id: design.resolve(arm, best.settings)
            for best in named
            for arm in design.arms
            if arm.levels["rank_in_search"] == best.rank
        }
        disagreements += {arm: settings for arm, settings in report.items() if settings} != found
    assert disagreements == 0, f"{disagreements} of {DRAWS} draws"
