"""The example package, installed as a user does it."""

import shutil
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parent / "example_plugin"


def install_example(folder: Path) -> Path:
    """Install it by pip into a directory of its own, which is returned."""
    shutil.copytree(EXAMPLE, folder / "source")
    options = ("-q", "--no-deps", "--no-build-isolation", "--disable-pip-version-check")
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", *options, "--target", str(target)]
    subprocess.run([*command, str(folder / "source")], check=True)
    return target
