"""A user's own images are looked at when a study names them, not a minute later."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ablations.errors import InvalidStudy
from ablations.manifest import Manifest, Metric, Setting
from service.api.submission import read_question
from trainables.catalogue import load_catalogue
from trainables.data.inspection import complaint
from trainables.data.vision import load

GOOD = {
    "x_train": np.zeros((20, 4, 4), np.uint8),
    "y_train": np.arange(20) % 2,
    "x_test": np.zeros((6, 4, 4), np.uint8),
    "y_test": np.arange(6) % 2,
}
BROKEN = {
    "no y_test": ({"y_test": None}, "has no y_test"),
    "float": ({"x_train": np.zeros((20, 4, 4))}, r"x_train in own.npz is float64 \[20, 4, 4\], not uint8"),
    "flat": ({"x_test": np.zeros((6, 16), np.uint8)}, "not uint8"),
    "empty": ({"x_train": np.zeros((0, 4, 4), np.uint8), "y_train": np.zeros(0, int)}, "is empty"),
    "labels": ({"y_train": np.arange(19)}, r"int64 \[19\], not one class number for each of 20"),
    "one-hot": ({"y_test": np.zeros((6, 2), int)}, "not one class number"),
    "sizes": ({"x_test": np.zeros((6, 5, 5), np.uint8)}, r"are \[4, 4\] in x_train and \[5, 5\] in x_test"),
}


def write(folder: Path, **changes: np.ndarray | None) -> Path:
    """own.npz with some arrays changed, or left out."""
    arrays = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
    np.savez(folder / "own.npz", **arrays)  # type: ignore[arg-type]
    return folder / "own.npz"


def test_what_trains_is_not_complained_about(tmp_path: Path) -> None:
    assert complaint(write(tmp_path)) is None
    assert complaint(write(tmp_path, y_train=np.zeros((20, 1), np.int64))) is None
    np.savez_compressed(tmp_path / "own.npz", **GOOD)  # type: ignore[arg-type]
    assert complaint(tmp_path / "own.npz") is None
    assert len(load("own", tmp_path).test) == 6


@pytest.mark.parametrize(("changes", "told"), BROKEN.values(), ids=BROKEN)
def test_what_does_not_is_named(tmp_path: Path, changes: dict[str, np.ndarray | None], told: str) -> None:
    path = write(tmp_path, **changes)
    found = complaint(path)
    assert found is not None
    assert re.search(told, found)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut off"])
def test_no_archive_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "own.npz").write_bytes(content)
    assert "own.npz is no .npz file" in str(complaint(tmp_path / "own.npz"))


@pytest.mark.parametrize(
    ("study", "path"),
    [
        ({"fixed": {"dataset": "own"}}, "fixed.dataset"),
        (
            {"factors": {"dataset": ["digits-5k", "own"]}, "baseline": {"dataset": "digits-5k"}},
            "factors.dataset",
        ),
        (
            {"tuning": {"space": {"dataset": ["digits-5k", "own"]}, "sampler": "grid"}},
            "tuning.space.dataset",
        ),
    ],
)
def test_a_study_on_a_broken_file_is_refused(tmp_path: Path, study: dict[str, object], path: str) -> None:
    question = {"name": "own", "trainable": "mlp-classifier", "seeds": 2, **study}
    write(tmp_path)
    read_question(question, load_catalogue(tmp_path))
    write(tmp_path, y_test=None)
    with pytest.raises(InvalidStudy) as refused:
        read_question(question, load_catalogue(tmp_path))
    (problem,) = refused.value.problems
    assert problem.path == path and "own.npz has no y_test" in problem.detail


def test_a_broken_file_named_by_a_setting_of_a_plugins_own_is_refused(tmp_path: Path) -> None:
    settings = (Setting(name="images", kind="str", default="digits-5k"),)
    metrics = (Metric(name="height", goal="minimize", worst=1.0),)
    manifest = Manifest(name="plugin", code="plugin:train", settings=settings, metrics=metrics)
    write(tmp_path, y_test=None)
    catalogue = replace(load_catalogue(tmp_path), trainables={"plugin": manifest})
    question = {"name": "own", "trainable": "plugin", "seeds": 2, "fixed": {"images": "own"}}
    with pytest.raises(InvalidStudy) as refused:
        read_question(question, catalogue)
    (problem,) = refused.value.problems
    assert problem.path == "fixed.images" and "own.npz has no y_test" in problem.detail
