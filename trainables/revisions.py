"""Where code stands in its git repository, if it is in one."""

import subprocess
from functools import cache
from pathlib import Path

TIMEOUT_S = 10.0


@cache
def revision_of(home: Path) -> str | None:
    """The commit of a folder or file, and whether it has been changed since: `0a1b2c3... (clean)`.

    None where it is not tracked: code installed beneath somebody's repository is not of that repository.
    """
    folder = home if home.is_dir() else home.parent
    if not _git(folder, "ls-files", "--", str(home)):
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    changes = _git(folder, "status", "--porcelain", "--", str(home), ":(exclude,glob)**/__pycache__/**")
    if not commit or changes is None:
        return None
    return f"{commit} ({'changed since' if changes else 'clean'})"


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says; None if it is not there, refuses, or takes too long."""
    try:
        said = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return said.stdout.strip() if said.returncode == 0 else None
