"""The way out of a driver: checkpoints go with a study that has ended, and stay for one that may go on."""

import subprocess
import sys
from pathlib import Path

import pytest

from service.protocol import LOST_EXIT

LEAVE = """
import sys
from pathlib import Path
from ray.exceptions import ActorDiedError
from service.driver.attempt import Exit


class Board:
    def finish(self, state, error, timeout_s):
        if sys.argv[3] == "raises":
            raise RuntimeError("the dispenser is out of its mind")
        if sys.argv[3] == "lost":
            raise ActorDiedError
        return sys.argv[3] == "heard"


leave = Exit(Board(), Path(sys.argv[1]), Path(sys.argv[4]))
try:
    leave(sys.argv[2], None)
except RuntimeError as error:
    leave("failed", str(error))
"""


@pytest.mark.parametrize(
    ("state", "heard", "stays"),
    [
        ("done", "heard", False),
        ("cancelled", "heard", False),
        ("done", "unheard", True),
        ("done", "raises", True),
        ("failed", "heard", True),
        ("over", "heard", True),
        ("interrupted", "heard", True),
    ],
)
def test_checkpoints_go_with_a_study_that_has_ended(
    state: str, heard: str, stays: bool, tmp_path: Path
) -> None:
    kept, storage = tmp_path / "kept", tmp_path / "storage"
    for folder in (kept, storage):
        folder.mkdir()
    (kept / "t-1.pt").touch()
    subprocess.run(
        [sys.executable, "-c", LEAVE, str(storage), state, heard, str(kept)],
        timeout=60,
        check=state != "failed",
    )
    assert kept.exists() == stays and not storage.exists()


@pytest.mark.parametrize(
    ("state", "heard", "code"),
    [("failed", "heard", 1), ("failed", "raises", 1), ("failed", "lost", LOST_EXIT), ("done", "heard", 0)],
)
def test_the_exit_code_says_whether_the_attempt_failed_by_itself(
    state: str, heard: str, code: int, tmp_path: Path
) -> None:
    """A dispenser that is dead was lost with its node or killed: no fault of the study's."""
    command = [sys.executable, "-c", LEAVE, str(tmp_path / "storage"), state, heard, str(tmp_path / "kept")]
    assert subprocess.run(command, timeout=60, check=False).returncode == code
