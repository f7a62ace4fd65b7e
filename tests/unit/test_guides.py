"""The guides under docs/ say what the code does: every field, every example."""

import re
from pathlib import Path
from typing import Any

import pytest

from ablations.plan.compile import compile_design
from ablations.results.failures import FAILURES
from ablations.study import analysis, fields, parsing, spec
from ablations.study.documents import loads_yaml
from ablations.study.parsing import parse_study
from service.budgets import Budgets
from trainables.catalogue import GROUPS, TRAINABLES_GROUP, load_catalogue
from trainables.training.run import Run

ROOT = Path(__file__).parents[2]
STUDIES = (ROOT / "docs" / "studies.md").read_text()
PLUGINS = (ROOT / "docs" / "plugins.md").read_text()
FAILED = (ROOT / "docs" / "failures.md").read_text()
EXAMPLE = ROOT / "tests" / "integration" / "example_plugin"


def blocks(text: str, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def quoted(text: str) -> set[str]:
    """Every word inside backticks outside fenced blocks, and every key in an example."""
    words = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return set(re.findall(r"\w+", " ".join([*words, *blocks(text, "yaml")])))


@pytest.mark.parametrize("model", [*dict.fromkeys(parsing.MODELS.values()), spec.RateSpec, fields.Comparison])
def test_the_study_guide_names_every_field(model: type[fields.Model]) -> None:
    missing = set(model.model_fields) - quoted(STUDIES)
    assert not missing


@pytest.mark.parametrize("text", blocks(STUDIES, "yaml"))
def test_every_study_of_the_guide_compiles(text: str) -> None:
    study = parse_study(loads_yaml(text))
    design = compile_design(study, load_catalogue().manifest(study.trainable))
    assert len(design.arms) > 1


def test_the_guide_finds_the_defaults() -> None:
    told: dict[str, Any] = dict(re.findall(r"^\| `(\w+)` \|.*\| `?([\w.]+)`? \|$", STUDIES, re.MULTILINE))
    study, judging = spec.StudySpec.model_fields, analysis.AnalysisSpec.model_fields
    assert told["design"] == study["design"].default
    assert float(told["alpha"]) == judging["alpha"].default
    assert (told["test"], told["correction"]) == (judging["test"].default, judging["correction"].default)
    assert told["sampler"] == spec.TuningSpec.model_fields["sampler"].default


@pytest.mark.parametrize("block", [*blocks(PLUGINS, "python"), *blocks(PLUGINS, "toml")])
def test_the_plugin_guide_quotes_the_example_that_is_installed(block: str) -> None:
    source = "\n".join(path.read_text() for path in EXAMPLE.rglob("*") if path.suffix in (".py", ".toml"))
    pieces = block.strip().split("\n\n")
    assert all(piece in source for piece in pieces)


def test_the_plugin_guide_names_every_group_and_what_run_offers() -> None:
    assert {*GROUPS.values(), TRAINABLES_GROUP} <= set(re.findall(r"ablations\.\w+", PLUGINS))
    for name in re.findall(r"`run\.(\w+)", PLUGINS):
        assert hasattr(Run, name) or f"self.{name}" in (ROOT / "trainables/training/run.py").read_text()


def test_the_guide_to_failures_has_every_class_as_it_is_told() -> None:
    for failure in FAILURES.values():
        assert f"| `{failure.name}` | {failure.means} | {failure.advice} |" in FAILED


def test_the_guide_to_failures_has_every_budget_with_its_default() -> None:
    told = dict(re.findall(r"^\| `(ABLATE_\w+)` \| ([\d.]+) \|", FAILED, re.MULTILINE))
    assert {name: float(value) for name, value in told.items()} == {
        name: float(value) for name, value in Budgets().to_env().items()
    }
