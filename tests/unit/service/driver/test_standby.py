"""A driver that stands by goes on only with the code that is on disk, and ends in every other case."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ray.exceptions import ActorDiedError

from service.driver import standby
from service.driver.standby import differing, files_of, own_files, stamps, stand_by
from service.protocol import LOST_EXIT


class Desk:
    """A dispenser that gets its study after some looks; `meanwhile` happens before each."""

    def __init__(self, num_looks: int = 0, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.num_looks = num_looks
        self.meanwhile = meanwhile

    def is_up(self, _within_s: float) -> bool:
        self.meanwhile()
        self.num_looks -= 1
        return self.num_looks < 0


class Loaders:
    """Workers that have loaded one file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def files(self) -> set[str]:
        return {str(self.file)}


@pytest.fixture
def workers(tmp_path: Path) -> Loaders:
    file = tmp_path / "code.py"
    file.write_text("x = 1\n")
    return Loaders(file)


def ended(desk: Any, workers: Any, tmp_path: Path) -> list[int]:
    """The exit codes; none where the driver goes on to its study."""
    codes: list[int] = []
    stand_by(desk, workers, tmp_path, look_s=0.0, end=codes.append)
    return codes


def test_it_goes_on_when_it_has_a_study(workers: Loaders, tmp_path: Path) -> None:
    assert ended(Desk(3), workers, tmp_path) == []


@pytest.mark.parametrize("num_looks", [0, 5])
def test_a_changed_file_of_a_worker_ends_it_even_if_it_has_a_study(
    num_looks: int, workers: Loaders, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = Desk(num_looks, lambda: workers.file.write_text("x = 2, longer\n") and None)
    assert ended(desk, workers, tmp_path) == [LOST_EXIT]
    assert str(workers.file) in caplog.text


def test_a_file_that_is_gone_has_changed(workers: Loaders, tmp_path: Path) -> None:
    assert ended(Desk(0, workers.file.unlink), workers, tmp_path) == [LOST_EXIT]


def test_without_its_dispenser_it_is_of_no_use(workers: Loaders, tmp_path: Path) -> None:
    def die() -> None:
        raise ActorDiedError

    assert ended(Desk(0, die), workers, tmp_path) == [LOST_EXIT]


def test_all_code_that_decides_about_results_is_watched() -> None:
    watched = files_of(sys.modules) | own_files()
    root = Path(standby.__file__).parents[2]
    for name in ("trainables/recipes/images.py", "trainables/tune.py", "service/driver/standby.py"):
        assert str(root / name) in watched
    assert {path.name for path in map(Path, watched)} >= {"site-packages"}
    assert differing(stamps(watched), stamps(watched)) == []


def test_a_file_with_its_old_size_and_time_that_was_put_in_anew_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_text("a")
    before = stamps([str(file)])
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    other = tmp_path / "y.py"
    other.write_text("b")
    os.utime(other, ns=times)
    other.replace(file)
    assert differing(before, stamps(before)) == [str(file)]


def test_the_driver_comes_up_without_torch() -> None:
    """It has no use for it, and takes 400 MiB less."""
    code = "import sys, service.driver.standby, service.driver.attempt; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
