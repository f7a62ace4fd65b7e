"""The trainable and the studies of the simulation: small, and with every kind of end in them."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from ablations.design.design import Design
from ablations.manifest import Manifest, Metric, Setting
from ablations.plan.compile import compile_design
from ablations.study.parsing import parse_study
from trainables.catalogue import Catalogue

FATES = ("done", "failed", "diverged", "kills", "hangs")
TOY = Manifest(
    name="toy",
    summary="A toy",
    code="nowhere:train",
    settings=(
        Setting(name="base", kind="str", default="a", choices=("a", "b", "c")),
        Setting(name="fate", kind="str", default="done", choices=FATES),
        Setting(name="lr", kind="float", default=0.1, low=0, open_low=True),
        Setting(name="epochs", kind="int", default=2, low=1),
    ),
    metrics=(
        Metric(name="test_accuracy", goal="maximize", worst=0.0),
        Metric(name="val_accuracy", goal="maximize", worst=0.0, curve=True),
    ),
    steps_setting="epochs",
)
CATALOGUE = Catalogue(trainables={"toy": TOY}, activations={}, models={}, datasets={}, measures={})

FORMS: dict[str, dict[str, Any]] = {
    "plain": {"factors": {"base": ["a", "b"]}, "seeds": 2},
    "wide": {"factors": {"base": ["a", "b", "c"]}, "seeds": 3},
    "fails": {"factors": {"fate": ["done", "failed"]}, "seeds": 2},
    "only-fails": {"factors": {"base": ["a", "b"]}, "fixed": {"fate": "failed"}, "seeds": [0, 2]},
    "mixed": {"factors": {"fate": ["done", "failed", "diverged"]}, "seeds": 2},
    "kills": {"factors": {"fate": ["done", "kills"]}, "seeds": 2},
    "hangs": {"factors": {"fate": ["done", "hangs"]}, "seeds": 2},
    "tuned": {
        "factors": {"base": ["a", "b"]},
        "seeds": 2,
        "tuning": {
            "candidates": 2,
            "sampler": "grid",
            "space": {"lr": [0.1, 0.2]},
            "metric": {"name": "val_accuracy"},
        },
    },
}


def study_of(form: str) -> dict[str, Any]:
    """A study as a user sends it; its name is its form."""
    return {"name": form, "trainable": "toy", "metrics": [{"name": "test_accuracy"}], **FORMS[form]}


def design_of(spec: Mapping[str, Any]) -> Design:
    """The design of a study as the ledger has it."""
    return _design(json.dumps(spec, sort_keys=True))


@cache
def _design(spec: str) -> Design:
    return compile_design(parse_study(json.loads(spec)), TOY)
