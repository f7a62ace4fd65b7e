"""The way out of a driver: checkpoints go with a study that has ended, and stay for one that may go on."""

import os
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
        return sys.argv[3] == "heard"


Exit(Board(), Path(sys.argv[1]))(sys.argv[2], None)
"""


@pytest.mark.parametrize(
    ("state", "heard", "stays"),
    [
        ("done", "heard", False),
        ("cancelled", "heard", False),
        ("done", "unheard", True),
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
        [sys.executable, "-c", LEAVE, str(storage), state, heard],
        env={**os.environ, "ABLATE_CHECKPOINTS_DIR": str(kept)},
        timeout=60,
        check=state != "failed",
    )
    assert kept.exists() == stays and not storage.exists()
