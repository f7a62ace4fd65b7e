"""Where image sets are looked for and put."""

import os
from pathlib import Path

import pytest

from trainables.data.vision import DIGITS, load


def test_where_the_folder_may_not_be_written_to_a_set_is_made_in_this_machine_s_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, cache = tmp_path / "shared", tmp_path / "cache"
    shared.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(os, "access", lambda path, _mode: not Path(path).is_relative_to(shared))
    made = load(DIGITS, shared)
    assert list(shared.iterdir()) == [] and (cache / "ablate/datasets/cache" / f"{DIGITS}.npz").exists()
    monkeypatch.undo()
    assert load(DIGITS, tmp_path / "own").fingerprint == made.fingerprint
    assert (tmp_path / "own/cache" / f"{DIGITS}.npz").exists()
