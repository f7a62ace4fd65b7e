"""Studies as data, for tests of designs: the README's example and smaller ones."""

from typing import Any

from ablations.design.design import Design
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from ablations.study.spec import StudySpec
from tests.unit.ablations.manifests import MLP

EXAMPLE: dict[str, Any] = {
    "name": "depth-collapse",
    "trainable": "mlp",
    "design": "factorial",
    "factors": {
        "scalars": ["none", "shared", "per_layer"],
        "base": ["relu", "mish"],
        "beta_init": [0.0, 0.5],
        "depth": [1, 5, 10, 25],
    },
    "baseline": {"scalars": "none"},
    "exclude": [],
    "fixed": {
        "dataset": "digits-5k",
        "width": 64,
        "epochs": 5,
        "batch_size": 128,
        "optimizer": "adam",
        "lr": 1e-3,
        "alpha_init": 1.0,
    },
    "seeds": 10,
    "metrics": [
        {"name": "test_accuracy", "goal": "maximize", "at": "end"},
        {"name": "collapsed", "of": "test_accuracy", "below": 0.80},
    ],
    "analysis": {
        "contrasts": {
            "deep": {
                "vary": "scalars",
                "where": {"depth": {"ge": 10}},
                "within": ["base"],
                "over": ["depth", "beta_init"],
            }
        },
        "primary": "deep",
        "alpha": 0.05,
        "test": "paired_t",
        "correction": "holm",
    },
    "tuning": None,
    "resources": {"cpus": 1, "gpus": 0, "pack": "auto"},
    "tags": {"team": "vision"},
}

SMALL: dict[str, Any] = {
    "name": "small",
    "trainable": "mlp",
    "factors": {"scalars": ["none", "shared"], "depth": [1, 5]},
    "baseline": {"scalars": "none"},
    "seeds": 3,
    "metric": "test_accuracy",
}


def study_of(data: dict[str, Any], **changes: Any) -> StudySpec:
    """A study with some of its fields replaced; a field set to ... is left out."""
    return parse_study({key: value for key, value in {**data, **changes}.items() if value is not ...})


def design_of(data: dict[str, Any], **changes: Any) -> Design:
    """The same, compiled."""
    return compile_design(study_of(data, **changes), MLP)
