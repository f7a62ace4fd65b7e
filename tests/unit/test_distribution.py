"""The distribution goes by one name: in pyproject.toml, where it is installed, in a report's provenance."""

import tomllib
from importlib.metadata import entry_points
from pathlib import Path

from service.worker.reports import build

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]


def test_the_command_comes_from_one_distribution_of_the_projects_name() -> None:
    commands = entry_points(group="console_scripts", name="ablate")
    assert {command.dist.name for command in commands if command.dist} == {PROJECT["name"]}


def test_a_report_names_the_distribution_and_its_version() -> None:
    assert build.PACKAGES[0] == PROJECT["name"]
    assert build._version(PROJECT["name"]) == PROJECT["version"]
