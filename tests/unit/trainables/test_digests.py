"""Digests of source: a process knows code as it was when it first asked, until it is told to look anew."""

from pathlib import Path

import pytest

from trainables.digests import code_digest, forget_digests


@pytest.mark.parametrize("name", ["single_file_plugin.py", "folder_plugin/__init__.py"])
def test_an_edit_is_seen_when_digests_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    source = tmp_path / name
    source.parent.mkdir(exist_ok=True)
    source.write_text("A = 1")
    monkeypatch.syspath_prepend(tmp_path)
    code = f"{name.partition('/')[0].removesuffix('.py')}:A"
    first = code_digest(code)
    source.write_text("A = 2")
    assert code_digest(code) == first  # what this process has imported by now is the old code
    forget_digests()
    assert code_digest(code) != first
