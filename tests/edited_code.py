"""Plugins and data that a test edits while studies run, found as installed ones are."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

TOY, WAVE = "edited-toy", "edited_wave"
TOYS_CODE, WAVES_CODE = "edited-toy's code", "activation edited_wave's code"
IMAGES, TEXT = "dataset stripes", "dataset story"
_TOY = """
from ablations.manifest import Manifest, Metric, Setting

DECLARED = Manifest(
    name="edited-toy",
    summary="a trainable",
    code="edited_toy.code:train",
    settings=(
        Setting(name="size", kind="int", default=1, low=1, high=9),
        Setting(name="epochs", kind="int", default=1, low=1),
        Setting(name="dataset", kind="str", default="stripes"),
    ),
    metrics=(Metric(name="test_accuracy", goal="maximize", worst=0.0),),
    steps_setting="epochs",
)
"""
_WAVE = """
from trainables.manifests.component import Component

DECLARED = Component(kind="activation", name="edited_wave", summary="a wave", code="edited_wave.code:wave")
"""


class EditedCode:
    """Two plugins and two data files, each with a version that goes up with every edit."""

    def __init__(self, folder: Path, datasets_dir: Path) -> None:
        self.folder, self.datasets_dir = folder, datasets_dir
        self.versions = dict.fromkeys((TOYS_CODE, WAVES_CODE, IMAGES, TEXT), 0)
        datasets_dir.mkdir(parents=True, exist_ok=True)
        _install(folder, "edited_toy", "ablations.trainables", _TOY)
        _install(folder, "edited_wave", "ablations.activations", _WAVE)
        for part in self.versions:
            self.edit(part)

    def edit(self, part: str) -> None:
        """Change a part; those that have it are others from here on."""
        self.versions[part] += 1
        version = self.versions[part]
        if part == IMAGES:
            rng = np.random.default_rng(version)
            arrays = {
                f"{name}_{split}": rng.integers(0, 2, shape, np.uint8)
                for split, num in (("train", 40), ("test", 20))
                for name, shape in (("x", (num, 8, 8)), ("y", (num,)))
            }
            np.savez(self.datasets_dir / "stripes.npz", **arrays)  # type: ignore[arg-type]
        elif part == TEXT:
            text = "\n\n".join(f"{place} of {version}" for place in range(30))
            (self.datasets_dir / "story.txt").write_text(text)
        else:
            package = "edited_toy" if part == TOYS_CODE else "edited_wave"
            (self.folder / package / "code.py").write_text(f"VERSION = {version}\n")


def _install(folder: Path, package: str, group: str, manifests: str) -> None:
    home, info = folder / package, folder / f"{package}-1.dist-info"
    for made in (home, info):
        made.mkdir(parents=True)
    (home / "__init__.py").write_text("")
    (home / "manifests.py").write_text(manifests)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{group}]\ndeclared = {package}.manifests:DECLARED\n")


def edited_code(folder: Path, datasets_dir: Path) -> Iterator[EditedCode]:
    """The same, importable while it is used."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        yield EditedCode(folder, datasets_dir)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("edited_toy", "edited_wave")]:
        del sys.modules[name]
    importlib.invalidate_caches()
