"""Study files and what `--set` does to them."""

from pathlib import Path

import pytest

from ablations.errors import AblationError
from service.cli.errors import BadInput
from service.cli.studyfile import open_study

STUDY = """
name: small   # a comment
fixed: {epochs: 5, lr: 1e-3}
factors: {depth: [1, 5]}
switch: off
metrics:
  - {name: test_accuracy, at: end}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "study.yaml"
    path.write_text(STUDY)
    return path


def test_yaml_1_2(file: Path) -> None:
    study = open_study(file).study()
    assert study["fixed"] == {"epochs": 5, "lr": 0.001}
    assert study["switch"] == "off"


@pytest.mark.parametrize(
    ("override", "path", "value"),
    [
        ("fixed.epochs=2", ("fixed", "epochs"), 2),
        ("fixed.lr=1e-2", ("fixed", "lr"), 0.01),
        ("factors.depth=[3, 4]", ("factors", "depth"), [3, 4]),
        ("factors.depth.1=9", ("factors", "depth"), [1, 9]),
        ("metrics.0.at=best_validation", ("metrics", 0), {"name": "test_accuracy", "at": "best_validation"}),
        ("resources.cpus=2", ("resources", "cpus"), 2),
        ("name=a=b", ("name",), "a=b"),
        ("tuning=null", ("tuning",), None),
    ],
)
def test_set(file: Path, override: str, path: tuple[str | int, ...], value: object) -> None:
    node: object = open_study(file, [override]).study()
    for key in path:
        node = node[key]  # type: ignore[index]
    assert node == value


@pytest.mark.parametrize("override", ["fixed", "=2", "fixed..x=1", "factors.depth.7=1", "name.first=x"])
def test_an_override_that_makes_no_sense(file: Path, override: str) -> None:
    with pytest.raises(BadInput, match="--set"):
        open_study(file, [override]).study()


def test_what_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"nope\.yaml"):
        open_study(tmp_path / "nope.yaml").study()
    (tmp_path / "list.yaml").write_text("- 1")
    with pytest.raises(BadInput, match="mapping"):
        open_study(tmp_path / "list.yaml").study()
    (tmp_path / "twice.yaml").write_text("name: a\nname: b\n")
    with pytest.raises(AblationError):
        open_study(tmp_path / "twice.yaml").study()
