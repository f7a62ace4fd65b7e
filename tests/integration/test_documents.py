"""Every study that README and presets show is submitted, and the README's runs to its end."""

import re
from pathlib import Path
from typing import Any

import pytest

from ablations.paper import presets
from ablations.study.documents import loads_yaml
from tests.integration.system import System

pytestmark = pytest.mark.integration

README = Path(__file__).parents[2] / "README.md"


def readme_studies() -> list[Any]:
    """The YAML blocks of the README that name a trainable."""
    blocks = re.findall(r"```yaml\n(.*?)```", README.read_text(), re.DOTALL)
    return [loads_yaml(block) for block in blocks if "trainable:" in block]


def test_the_study_of_the_readme_comes_to_a_verdict(system: System) -> None:
    (study,) = readme_studies()
    done = system.wait(system.submit(study)["id"])
    assert done["state"] == "done" and done["progress"]["done"] == 40
    effects = system.client.get(f"/v1/studies/{done['id']}/effects").json()
    (row,) = effects["contrasts"][0]["rows"]
    assert row["n"] == 5 and row["verdict"] in ("better", "worse", "inconclusive")


@pytest.mark.parametrize(
    ("name", "scale"), [(name, scale) for name in presets.names() for scale in presets.scales(name)]
)
def test_every_preset_is_accepted(system: System, name: str, scale: str) -> None:
    study = system.submit(loads_yaml(presets.text(name, scale)))
    assert study["progress"]["total"] > 0
    assert system.client.post(f"/v1/studies/{study['id']}/cancel").status_code == 202
