"""The way out of a driver: checkpoints go with a study that has ended, and stay for one that may go on."""

import subprocess
import sys
from pathlib import Path

import pytest

LEAVE = """
import sys
from pathlib import Path
from service.driver.attempt import Exit


class Board:
    def finish(self, state, error, timeout_s):
        if sys.argv[3] == "raises":
            raise RuntimeError("the dispenser is dead")
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
