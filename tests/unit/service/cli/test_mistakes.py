"""What people are told for usual mistakes in study files: each once, at its place, in these words."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ablations.errors import AblationError, InvalidStudy
from ablations.plan.plan import make_plan
from ablations.study.parsing import parse_study
from service.cli.errors import BadInput
from service.cli.studyfile import StudyFile
from tests.unit.ablations.manifests import MLP

MISTAKES: list[dict[str, Any]] = YAML(typ="safe").load(Path("tests/golden/mistakes.yaml").read_text())
STUDY = """\
name: depth
trainable: mlp
factors:
  scalars: [none, per_layer]
  base: [relu, mish]
baseline: {scalars: none}
fixed: {width: 32, epochs: 3, lr: 1e-3}
seeds: 5
metric: test_accuracy
"""


def told(text: str) -> list[str]:
    """What is said of a study file, line by line."""
    try:
        with StudyFile(Path("s.yaml"), text, ()).placed() as study:
            make_plan(parse_study(study), MLP)
    except (BadInput, AblationError) as error:
        assert not isinstance(error, InvalidStudy)
        return str(error).splitlines()
    return []


def test_the_study_without_a_mistake_is_taken() -> None:
    assert told(STUDY) == [] and len(MISTAKES) >= 40


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake["wrong"].strip()[:30])
def test_a_mistake_is_told_in_these_words(mistake: dict[str, Any]) -> None:
    right = mistake["right"]
    assert right in STUDY
    text = STUDY.replace(right, mistake["wrong"], 1) if right else STUDY + mistake["wrong"]
    assert told(text) == mistake["told"]


def test_a_metric_may_be_a_mapping() -> None:
    assert told(STUDY.replace("test_accuracy", "{name: test_accuracy, goal: maximize}")) == []
