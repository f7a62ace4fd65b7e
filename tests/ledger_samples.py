"""Studies, trials and outcomes to fill a ledger with in tests."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.ledger import Tx, studies
from service.ledger.studies import NewTrial, StudyRow
from trainables.training.lease import Outcome

SPEC: dict[str, Any] = {
    "name": "depth",
    "trainable": "mlp-classifier",
    "factors": {"base": ["relu", "mish"]},
    "baseline": {"base": "relu"},
    "seeds": [0, 1],
    "metrics": [{"name": "test_accuracy", "goal": "maximize", "at": "end"}],
    "tags": {"team": "vision"},
}


def planned(study_id: str, num_seeds: int = 2, arms: Sequence[str] = ("relu", "mish")) -> list[NewTrial]:
    """Measuring trials: every arm with every seed, one seed of every arm first."""
    return [
        NewTrial(
            id=f"{study_id}-{arm}-{seed}",
            arm_id=f"arm-{arm}",
            arm=f"base={arm}",
            levels={"base": arm},
            settings={"base": arm, "lr": 0.1},
            seed=seed,
            phase="measuring",
        )
        for seed in range(num_seeds)
        for arm in arms
    ]


def add_study(
    tx: Tx,
    *,
    project: str = "default",
    num_seeds: int = 2,
    labels: Mapping[str, str] = SPEC["tags"],
    study_id: str | None = None,
) -> StudyRow:
    """A queued study of two arms."""
    study_id = study_id or studies.new_id()
    return studies.create(
        tx,
        study_id=study_id,
        project=project,
        name="depth",
        spec=SPEC,
        labels=labels,
        planned=planned(study_id, num_seeds),
    )


def outcome(trial_id: str, state: Any = "done", accuracy: float | None = 0.9) -> Outcome:
    """An outcome as a driver commits it."""
    return Outcome(
        trial_id=trial_id,
        state=state,
        metrics={"test_accuracy": accuracy},
        curve={"val_accuracy": [(1, 0.5), (2, None)]},
        reason=None if state == "done" else f"it {state}",
        traceback="Traceback: boom" if state == "failed" else None,
        seconds=1.5,
    )
