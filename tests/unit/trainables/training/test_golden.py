"""Nothing that a training computes changes unnoticed: see tests/golden/losses.py."""

import json
from pathlib import Path

import pytest

from tests.golden.losses import FILE, cases, curves, write_data

GOLDEN = json.loads(FILE.read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("golden")
    write_data(place)
    return place


def test_every_case_is_kept() -> None:
    assert list(GOLDEN) == list(cases())


@pytest.mark.parametrize("name", list(cases()))
def test_losses_are_the_golden_ones(name: str, folder: Path) -> None:
    """Sums are ordered differently by other machines' libraries: float64 leaves 1e-9 of a loss at most."""
    found = curves(name, folder)
    assert set(found) == set(GOLDEN[name])
    for key, values in GOLDEN[name].items():
        assert found[key] == pytest.approx(values, rel=1e-9 if key.endswith("loss") else 1e-5, abs=1e-9)
