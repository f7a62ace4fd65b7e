"""The commit that code stands at, from real repositories."""

import subprocess
from pathlib import Path

import pytest

from trainables.revisions import revision_of


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package that is committed to a repository, with what Python leaves beside it."""
    home = tmp_path / "repository" / "package"
    home.mkdir(parents=True)
    (home / "code.py").write_text("ONE = 1\n")
    (home.parent / "alone.py").write_text("TWO = 2\n")
    git(home.parent, "init", "-q")
    git(home.parent, "add", ".")
    git(home.parent, "commit", "-qm", "first")
    for folder in (home / "__pycache__", home / "inner" / "__pycache__"):
        folder.mkdir(parents=True)
        (folder / "code.cpython-311.pyc").write_bytes(b"")
    return home


def commit_of(package: Path) -> str:
    return git(package, "rev-parse", "HEAD")


def test_code_that_is_as_it_was_committed_is_clean(package: Path) -> None:
    (package.parent / "elsewhere.py").write_text("")  # of no concern to the package
    assert revision_of(package) == f"{commit_of(package)} (clean)"
    assert revision_of(package.parent / "alone.py") == f"{commit_of(package)} (clean)"


@pytest.mark.parametrize("file", ["code.py", "new.py"])
def test_code_that_differs_from_its_commit_is_said_to(package: Path, file: str) -> None:
    (package / file).write_text("ONE = 2\n")
    assert revision_of(package) == f"{commit_of(package)} (changed since)"


def test_a_single_file_is_looked_at_by_itself(package: Path) -> None:
    (package / "code.py").write_text("ONE = 2\n")
    assert revision_of(package.parent / "alone.py") == f"{commit_of(package)} (clean)"
    (package.parent / "alone.py").write_text("TWO = 3\n")
    changed = package.parent / "package" / ".." / "alone.py"  # another name: answers are remembered
    assert revision_of(changed) == f"{commit_of(package)} (changed since)"


def test_what_is_installed_beneath_a_repository_is_not_of_it(package: Path) -> None:
    installed = package.parent / ".venv" / "installed"
    installed.mkdir(parents=True)
    (installed / "code.py").write_text("")
    assert revision_of(installed) is None


def test_code_outside_a_repository_and_without_a_commit_has_none(tmp_path: Path) -> None:
    (tmp_path / "code.py").write_text("")
    assert revision_of(tmp_path) is None
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "code.py")
    assert revision_of(tmp_path / "code.py") is None


def test_without_git_there_is_none(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert revision_of(package) is None
