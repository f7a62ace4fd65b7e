"""The wheel alone, in an environment of its own outside the checkout, holds everything and runs the demo."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PACKAGES = ("ablations", "trainables", "service")
PIP = ("-m", "pip", "--disable-pip-version-check", "-q")
LOOK = """
import json
from importlib import import_module
from importlib.metadata import version
print(json.dumps({
    "files": {name: import_module(name).__file__ for name in ("ablations", "trainables", "service")},
    "version": version("ablation-service"),
}))
"""


def files_of(folder: Path) -> set[str]:
    """Every file of the three packages, relative to the folder that holds them."""
    found = [path for package in PACKAGES for path in (folder / package).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)) for path in found if path.suffix != ".pyc"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy without leftovers of other builds, offline."""
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, *PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", str(out), str(source)]
    subprocess.run(build, check=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an environment with the wheel; what it depends on is taken from this one.

    Lines of a .pth file are searched after the environment's own packages, and the .pth files that make this
    checkout importable are not read there.
    """
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    scheme = {"base": str(folder), "platbase": str(folder)}
    packages = Path(sysconfig.get_path("purelib", vars=scheme))
    shared = dict.fromkeys((sysconfig.get_path("purelib"), sysconfig.get_path("platlib")))
    (packages / "shared.pth").write_text("\n".join(shared) + "\n")
    target = ["--python", str(folder), "install", "--no-deps", "--no-index", "--ignore-installed", str(wheel)]
    subprocess.run([sys.executable, *PIP, *target], check=True, env=_environment(), cwd=folder)
    return folder


def _environment() -> dict[str, str]:
    """This process's variables without what would lead back to the checkout."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "ABLATE_URL")}


def _run(folder: Path, *command: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(folder / "bin" / command[0]), *command[1:]],
        env=_environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_it_holds_every_file_of_the_packages(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if name.startswith(tuple(f"{p}/" for p in PACKAGES))}
    assert held == files_of(ROOT)
    assert {Path(name).suffix for name in held} >= {".yaml", ".css", ".html", ".mako", ".cpp", ".h", ".json"}


def test_its_packages_are_imported_not_the_checkouts(installed: Path) -> None:
    seen = json.loads(_run(installed, "python", "-c", LOOK).stdout)
    assert {name: Path(file).is_relative_to(installed) for name, file in seen["files"].items()} == {
        name: True for name in PACKAGES
    }
    assert f"ablation_service-{seen['version']}.dist-info" in {
        path.name for path in installed.rglob("*.dist-info")
    }


@pytest.mark.slow
def test_it_runs_the_demo(installed: Path, tmp_path: Path) -> None:
    done = _run(installed, "ablate", "demo", "--data-dir", str(tmp_path / "demo"), timeout_s=540)
    assert "nothing is left running" in done.stderr
    report = (tmp_path / "demo" / "report.html").read_text()
    assert "<svg" in report and "by_depth" in report
